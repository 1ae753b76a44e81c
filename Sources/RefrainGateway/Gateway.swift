import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
public import Refrain
public import RefrainCore
public import ServiceLifecycle
import Synchronization

/// An HTTP server in front of the Claude API that answers repeated requests from a cache: a team sets
/// `ANTHROPIC_BASE_URL` to it, and changes no code.
///
/// `POST /v1/messages` is cached; everything else below `/v1/` goes through as it came. `/healthz`, `/readyz`, `/metrics`
/// and `/_refrain/` are its own. See `docs/gateway.md`.
public final class Gateway: Service {
    /// How it was configured.
    public let configuration: GatewayConfiguration
    private let state: GatewayState
    private let server: any Service

    /// Creates a gateway that ``run()`` serves.
    ///
    /// - Parameters:
    ///   - configuration: How it listens, whom it serves and how it uses the cache.
    ///   - cache: The cache. The caller shuts it down, after the gateway.
    ///   - transport: What calls upstream; the caller's to shut down. It must not retry: clients do.
    ///   - logger: Where it says what happens; never any content or credential.
    ///   - onListening: Called once with the port, when that is open.
    /// - Throws: ``GatewayConfigurationError`` where it cannot serve so.
    public init(
        _ configuration: GatewayConfiguration, cache: ResponseCache, transport: any HTTPTransport, logger: Logger,
        time: TimeSource = .system, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayConfigurationError) {
        let state = try GatewayState(
            configuration, cache: cache, transport: transport, logger: logger, time: time)
        self.configuration = configuration
        self.state = state
        self.server = try Self.server(state) { port in
            state.isAcceptingRequests.store(true, ordering: .relaxed)
            await onListening(port)
        }
    }

    /// Serves until the task is cancelled, or a graceful shutdown has let responses on their way come to their end.
    ///
    /// - Throws: What prevented it from listening.
    public func run() async throws {
        let state = self.state
        defer { state.requestLog?.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let log = state.requestLog { group.addTask { await log.run() } }
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await self.server.run()
                } onGracefulShutdown: {
                    state.isAcceptingRequests.store(false, ordering: .relaxed)
                }
            }
            defer { group.cancelAll() }
            // The first to end is the server: the log's task goes on until it is cancelled.
            try await group.next()
        }
    }

    private static func server(
        _ state: GatewayState, onListening: @escaping @Sendable (Int) async -> Void
    ) throws(GatewayConfigurationError) -> any Service {
        let configuration = state.configuration
        let responder = GatewayResponder(state)
        let http1 = HTTPServerBuilder { handle in
            GatewayChannel(
                limits: configuration.limits, census: state.census, admitsBody: responder.admitsBody,
                memoryAnswers: { MemoryAnswers(responder, reserve: state.cache.reserve) }, responder: handle)
        }
        let builder: HTTPServerBuilder
        do {
            builder =
                if let files = configuration.tls {
                    try .tls(http1, tlsConfiguration: Self.tls(files))
                } else {
                    http1
                }
            return try builder.buildServer(
                configuration: ServerConfiguration(
                    address: .hostname(configuration.host, port: configuration.port), backlog: 4_096),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: state.serverLogger,
                responder: { request, writer, channel in
                    try await responder.respond(to: request, writer, channel)
                },
                onServerRunning: { channel in await onListening(channel.localAddress?.port ?? configuration.port) })
        } catch let error as GatewayConfigurationError {
            throw error
        } catch {
            throw GatewayConfigurationError("the listener cannot be set up: \(error)")
        }
    }

    private static func tls(_ files: GatewayConfiguration.TLSFiles) throws(GatewayConfigurationError)
        -> TLSConfiguration
    {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
        } catch {
            throw GatewayConfigurationError("the certificate \(files.certificate) cannot be read: \(error)")
        }
        guard !chain.isEmpty else {
            throw GatewayConfigurationError("the file \(files.certificate) holds no certificate in PEM")
        }
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        } catch {
            throw GatewayConfigurationError("the private key \(files.key) cannot be read: \(error)")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.applicationProtocols = ["http/1.1"]
        do {
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayConfigurationError(
                "the private key \(files.key) and the certificate \(files.certificate) do not go together: \(error)")
        }
        return configuration
    }
}
