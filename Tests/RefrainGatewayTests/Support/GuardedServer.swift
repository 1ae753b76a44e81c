import HTTPTypes
import NIOCore
import NIOHTTPTypes
import NIOPosix

@testable import RefrainGateway

/// A server that has nothing but the gateway's codec and ``ConnectionGuard``: it answers each request with a body of zeros
/// in one piece. Its socket buffers are small, so that what a client does not take is soon seen to wait.
struct GuardedServer: Sendable {
    /// What a client of it reads.
    static let bodyBytes = 1 << 20

    let port: Int
    private let connections: AsyncStream<any Channel>

    /// Runs `body` with a server that listens, and ends it afterwards.
    ///
    /// - Parameter closes: Whether it closes the connection right behind each answer, as a server that shuts down does.
    static func with(
        idle: Duration, stall: Duration, closes: Bool = false, _ body: @Sendable (GuardedServer) async throws -> Void
    ) async throws {
        let limits = GatewayConfiguration.Limits(idle: idle, stall: stall)
        let census = ConnectionCensus(limit: 100)
        let (connections, accepted) = AsyncStream.makeStream(of: (any Channel).self)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.socketOption(.so_sndbuf), value: 16 << 10)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try GatewayChannel.addCodec(to: channel, limits: limits, census: census) { _ in true }
                    try channel.pipeline.syncOperations.addHandler(Answers(closes: closes))
                    accepted.yield(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(GuardedServer(port: server.localAddress?.port ?? 0, connections: connections))
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
    }

    /// The first connection, once it is accepted.
    private var connection: any Channel {
        get async throws {
            for await connection in self.connections { return connection }
            throw ChannelError.eof
        }
    }

    /// Connects with a small buffer, sends `text`, lets `act` do what it wants with the server's side of the connection,
    /// and reads until it is closed, with a pause before each piece. Returns how many bytes came.
    func exchange(
        _ text: String, pausing pause: Duration = .zero,
        _ act: @Sendable (any Channel) async throws -> Void = { _ in }
    ) async throws -> Int {
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.so_rcvbuf), value: 16 << 10)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16 << 10))
            .channelOption(.maxMessagesPerRead, value: 1)
            .connect(host: "127.0.0.1", port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1)))
                }
            }
        return try await client.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            try await act(self.connection)
            var count = 0
            do {
                for try await piece in inbound {
                    count += piece.readableBytes
                    if pause > .zero { try await Task.sleep(for: pause) }
                }
            } catch is IOError {
                // The connection was reset.
            }
            return count
        }
    }

    /// Answers every request that is whole.
    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = HTTPRequestPart
        typealias OutboundOut = HTTPResponsePart

        private let closes: Bool

        init(closes: Bool) { self.closes = closes }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = self.unwrapInboundIn(data) else { return }
            let head = ResponseHead(
                status: .ok, headerFields: [.contentLength: String(GuardedServer.bodyBytes)])
            let body = ByteBuffer(repeating: 0, count: GuardedServer.bodyBytes)
            context.write(self.wrapOutboundOut(.head(head)), promise: nil)
            context.write(self.wrapOutboundOut(.body(body)), promise: nil)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            if self.closes { context.close(promise: nil) }
        }
    }
}
