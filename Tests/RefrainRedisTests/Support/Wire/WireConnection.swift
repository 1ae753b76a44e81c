import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One end of a connection, of which nothing is hidden: bytes as they come, replies, and how it ended.
///
/// Whatever waits for something waits ten seconds at most (or what it is told), and then the connection is closed.
final class WireConnection: Sendable {
    /// How the peer ended the connection: in good order (FIN), or not (RST).
    enum End: Hashable, Sendable { case finished, reset }

    /// The connection ended before what was waited for came.
    struct Ended: Error { var how: End }
    /// What was waited for did not come in time.
    struct TooLate: Error {}

    private let channel: any Channel
    private let inbox: NIOLoopBound<WireInbox>

    fileprivate init(channel: any Channel, inbox: NIOLoopBound<WireInbox>) {
        self.channel = channel
        self.inbox = inbox
    }

    deinit { self.channel.close(promise: nil) }

    /// Makes a channel, on its event loop, one end of a connection.
    static func wrap(
        _ channel: any Channel, tls: TLSConfiguration? = nil, serverName: String? = nil
    ) -> EventLoopFuture<WireConnection> {
        channel.eventLoop.makeCompletedFuture {
            if let tls {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: NIOSSLContext(configuration: tls), serverHostname: serverName))
            }
            let inbox = WireInbox()
            try channel.pipeline.syncOperations.addHandler(inbox)
            return WireConnection(channel: channel, inbox: NIOLoopBound(inbox, eventLoop: channel.eventLoop))
        }
    }

    /// Connects to a port of the loopback, over TLS where a configuration is given.
    static func connect(
        port: Int, tls: TLSConfiguration? = nil, serverName: String? = nil
    ) async throws -> WireConnection {
        try await Self.bootstrap.connect(host: "127.0.0.1", port: port) {
            Self.wrap($0, tls: tls, serverName: serverName)
        }
    }

    /// Connects to a Unix socket.
    static func connect(path: String) async throws -> WireConnection {
        try await Self.bootstrap.connect(unixDomainSocketPath: path) { Self.wrap($0) }
    }

    private static var bootstrap: ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelOption(.tcpOption(.tcp_nodelay), value: 1)
    }

    /// Our own port, as the peer sees it.
    var localPort: Int? { self.channel.localAddress?.port }

    /// Whether neither side has ended it.
    var isOpen: Bool { self.channel.isActive }

    /// Sends bytes.
    func send(_ bytes: [UInt8]) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Sends text.
    func send(_ text: String) async throws { try await self.send(Array(text.utf8)) }

    /// Waits for exactly `count` bytes more.
    func bytes(_ count: Int, within limit: TimeAmount = .seconds(10)) async throws -> [UInt8] {
        try await self.wait(within: limit) { .bytes(count, $0) }
    }

    /// Waits for text of exactly that many bytes.
    func text(_ count: Int, within limit: TimeAmount = .seconds(10)) async throws -> String {
        String(decoding: try await self.bytes(count, within: limit), as: UTF8.self)
    }

    /// Waits for the next reply.
    func reply(within limit: TimeAmount = .seconds(10)) async throws -> WireReply {
        try await self.wait(within: limit) { .reply($0) }
    }

    /// Sends a command and waits for its reply.
    func command(_ arguments: [String], within limit: TimeAmount = .seconds(10)) async throws -> WireReply {
        try await self.command(bytes: arguments.map { Array($0.utf8) }, within: limit)
    }

    /// Sends a command and waits for its reply.
    func command(bytes arguments: [[UInt8]], within limit: TimeAmount = .seconds(10)) async throws -> WireReply {
        let command = Self.encode(arguments)
        // In one go on the event loop: replies are told apart by their order only.
        return try await self.wait(sending: command, within: limit) { .reply($0) }
    }

    /// Sends commands together and waits for as many replies.
    func pipeline(_ commands: [[String]], within limit: TimeAmount = .seconds(10)) async throws -> [WireReply] {
        var together = ByteBuffer()
        for command in commands { together.writeImmutableBuffer(Self.encode(command.map { Array($0.utf8) })) }
        return try await self.wait(sending: together, within: limit) { .replies(commands.count, $0) }
    }

    /// Waits until the peer ends the connection.
    func end(within limit: TimeAmount = .seconds(10)) async throws -> End {
        try await self.wait(within: limit) { .end($0) }
    }

    /// The sizes of the pieces that came so far, one for each read.
    var pieces: [Int] {
        get async throws {
            let inbox = self.inbox
            return try await self.channel.eventLoop.submit { inbox.value.pieces }.get()
        }
    }

    /// Stops reading, or goes on: unread bytes pile up at the peer.
    func setReading(_ reads: Bool) async throws {
        try await self.channel.setOption(.autoRead, value: reads).get()
    }

    /// Says that nothing more will be sent (FIN), and still reads.
    func finish() async throws { try await self.channel.close(mode: .output).get() }

    /// Ends the connection in good order (FIN), unless it has ended.
    func close() async {
        self.channel.close(promise: nil)
        // Closed in error is closed.
        try? await self.channel.closeFuture.get()
    }

    /// Ends the connection with a reset (RST).
    func reset() async throws {
        if let provider = self.channel as? any SocketOptionProvider {
            try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        await self.close()
    }

    private func wait<Value: Sendable>(
        sending bytes: ByteBuffer? = nil, within limit: TimeAmount,
        _ waiter: @escaping @Sendable (EventLoopPromise<Value>) -> WireInbox.Waiter
    ) async throws -> Value {
        let loop = self.channel.eventLoop
        let promise = loop.makePromise(of: Value.self)
        let timer = loop.scheduleTask(in: limit) { [channel] in
            promise.fail(TooLate())
            channel.close(promise: nil)
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        loop.execute { [channel, inbox] in
            inbox.value.add(waiter(promise))
            if let bytes { channel.writeAndFlush(bytes, promise: nil) }
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
            // Its answer would be taken for another's.
            self.channel.close(promise: nil)
        }
    }

    private static func encode(_ arguments: [[UInt8]]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString("*\(arguments.count)\r\n")
        for argument in arguments {
            buffer.writeString("$\(argument.count)\r\n")
            buffer.writeBytes(argument)
            buffer.writeString("\r\n")
        }
        return buffer
    }
}
