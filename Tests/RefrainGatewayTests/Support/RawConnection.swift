import NIOCore
import NIOPosix

/// A TCP connection that sends what a test writes, byte for byte, and collects what comes back.
enum RawConnection {
    /// Connects, sends, reads until the peer closes, and returns what came, whatever it is.
    static func exchangeBytes(_ port: Int, _ text: String) async throws -> [UInt8] {
        let channel = try await Self.connect(port)
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var received: [UInt8] = []
            do {
                for try await buffer in inbound { received += buffer.readableBytesView }
            } catch is IOError {
                // The peer has closed it with bytes of ours unread, which resets the connection.
            }
            return received
        }
    }

    /// Connects, sends, reads until the peer closes or `isEnough` says so, and returns what came: nothing where the peer
    /// has closed before anything was sent. With `isTime` it waits for that instead, and closes.
    static func exchange(
        _ port: Int, _ text: String, until isEnough: (String) -> Bool = { _ in false },
        closingAfter isTime: (() async -> Void)? = nil
    ) async throws -> String {
        let channel = try await Self.connect(port)
        return try await channel.executeThenClose { inbound, outbound in
            do {
                try await outbound.write(ByteBuffer(string: text))
            } catch ChannelError.ioOnClosedChannel {
                return ""
            }
            if let isTime {
                await isTime()
                return ""
            }
            var received = ""
            for try await buffer in inbound {
                received += String(buffer: buffer)
                if isEnough(received) { break }
            }
            return received
        }
    }

    private static func connect(_ port: Int) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
    }
}

extension String {
    /// How often `part` occurs.
    func count(of part: String) -> Int { self.ranges(of: part).count }
}
