import NIOCore
import NIOPosix

/// A TCP server on the loopback whose connections a test serves by hand.
final class WireListener: Sendable {
    /// The port that it listens on.
    let port: Int
    private let channel: any Channel
    private let accepted: AsyncStream<WireConnection>

    private init(port: Int, channel: any Channel, accepted: AsyncStream<WireConnection>) {
        self.port = port
        self.channel = channel
        self.accepted = accepted
    }

    deinit { self.channel.close(promise: nil) }

    /// Starts to listen.
    static func start() async throws -> WireListener {
        let (accepted, continuation) = AsyncStream.makeStream(of: WireConnection.self)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { child in
                WireConnection.wrap(child).map { _ = continuation.yield($0) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.closeFuture.whenComplete { _ in continuation.finish() }
        return WireListener(port: channel.localAddress?.port ?? 0, channel: channel, accepted: accepted)
    }

    /// The next connection that is opened.
    func accept() async throws -> WireConnection {
        for await connection in self.accepted { return connection }
        // The listener is closed, or the task cancelled.
        throw CancellationError()
    }

    /// Stops to listen. Connections stay open.
    func stop() async {
        // It fails where that was done before.
        try? await self.channel.close().get()
    }
}
