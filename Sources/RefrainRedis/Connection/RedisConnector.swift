import NIOCore
import NIOPosix
import NIOSSL
import RefrainCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Makes connections: name look-up, socket, TLS, handshake, all within one deadline.
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    private let time: TimeSource
    private let counters: RedisCounters
    private let tls: RedisTLS?

    init(_ configuration: RedisConfiguration, time: TimeSource, counters: RedisCounters) {
        self.configuration = configuration
        self.time = time
        self.counters = counters
        self.tls = configuration.tls.map(RedisTLS.init)
    }

    /// Begins to connect. The name is looked up anew each time, since a failover may have changed what it means.
    func connect(
        on eventLoop: any EventLoop, onPush: (@Sendable (RESPValue) -> Void)? = nil
    ) -> RedisConnectAttempt {
        let timeout = TimeAmount.nanoseconds(Int64(clamping: self.configuration.connectTimeout.wholeNanoseconds))
        let attempt = RedisConnectAttempt(on: eventLoop, timeout: timeout, usesTLS: self.tls != nil)
        let context = self.tls.map { $0.context(on: eventLoop).map(Optional.some) }
        let socket = (context ?? eventLoop.makeSucceededFuture(nil)).flatMap { context in
            self.openSocket(for: attempt, on: eventLoop, timeout: timeout).map { ($0, context) }
        }
        socket.whenComplete { result in
            do {
                let (channel, context) = try result.get()
                attempt.accepted()
                try self.addHandlers(to: channel, context, attempt, onPush)
            } catch {
                attempt.fail(StoreError(connecting: error))
            }
        }
        return attempt
    }

    private func openSocket(
        for attempt: RedisConnectAttempt, on eventLoop: any EventLoop, timeout: TimeAmount
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            // What a server says at once must not come before there is a handler for it.
            .channelOption(.autoRead, value: false)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 64 << 10, initial: 64 << 10, maximum: 1 << 20)
            )
            .channelInitializer { channel in
                attempt.admits(channel)
                    ? channel.eventLoop.makeSucceededVoidFuture()
                    : channel.eventLoop.makeFailedFuture(RedisConnection.givenUp)
            }
        switch self.configuration.address.kind {
        case .tcp(let host, let port):
            bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
            #if os(Linux)
                // Without it, unacknowledged data keeps a half-open connection for a quarter of an hour.
                let patience = self.configuration.commandTimeout.wholeNanoseconds / 500_000
                bootstrap = bootstrap.channelOption(
                    .tcpOption(NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)),
                    value: Int(clamping: max(1, patience)))
            #endif
            return bootstrap.connect(host: host, port: port)
        case .unix(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    private func addHandlers(
        to channel: any Channel, _ context: NIOSSLContext?, _ attempt: RedisConnectAttempt,
        _ onPush: (@Sendable (RESPValue) -> Void)?
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        var security: RedisChannelHandler.Security?
        if let context, let tls = self.tls {
            var host: String?
            if case .tcp(let name, _) = self.configuration.address.kind { host = name }
            let serverName = tls.serverName(host: host)
            security = .init(serverName: serverName)
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: serverName))
            attempt.result.whenFailure { _ in tls.forget() }
        }
        let settings = RedisConnection.Settings(
            commandTimeout: self.configuration.commandTimeout, byteLimit: self.configuration.maximumOutstandingBytes,
            time: self.time, counters: self.counters, onPush: onPush)
        try pipeline.addHandler(
            RedisChannelHandler(
                handshake: RedisHandshake(self.configuration), attempt: attempt, limits: RESPLimits(),
                settings: settings, security: security))
        channel.setOption(.autoRead, value: true).whenFailure { attempt.fail(StoreError(connecting: $0)) }
    }
}
