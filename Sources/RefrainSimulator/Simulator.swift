import Hummingbird
public import Logging
import NIOCore
import RefrainCore
import RefrainKeys
public import ServiceLifecycle

/// A simulated Claude on a port of this machine.
///
/// It answers `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models` and `GET /v1/models/{id}` under
/// any path prefix, as JSON and as server-sent events, without TLS. It never calls anything. What it simulates and
/// how closely is written down in `docs/simulator.md`.
public final class Simulator: Service {
    private let configuration: SimulatorConfiguration
    private let logger: Logger
    private let reader: RequestReader
    private let state: Locked<SimulatorState>
    private let onListening: @Sendable (SimulatorHandle) async -> Void

    /// Creates a simulation that ``run()`` serves.
    ///
    /// - Parameters:
    ///   - configuration: how it behaves.
    ///   - logger: where the server's own events go; silent by default. No request content is logged.
    ///   - onListening: called once, when the port is open.
    public init(
        _ configuration: SimulatorConfiguration = SimulatorConfiguration(), logger: Logger? = nil,
        onListening: @escaping @Sendable (SimulatorHandle) async -> Void = { _ in }
    ) {
        let claude = SimulatedClaude(configuration)
        self.configuration = configuration
        self.logger = logger ?? Logger(label: "refrain.simulator") { _ in SwiftLogNoOpLogHandler() }
        self.reader = claude.reader
        self.state = Locked(SimulatorState(claude: claude))
        self.onListening = onListening
    }

    /// Serves until the task is cancelled or a graceful shutdown begins; both end responses that are on their way.
    ///
    /// - Throws: what prevented it from listening.
    public func run() async throws {
        let application = Application(
            responder: SimulatorResponder(
                configuration: self.configuration, reader: self.reader, state: self.state),
            configuration: ApplicationConfiguration(
                address: .hostname(self.configuration.host, port: self.configuration.port), serverName: "cloudflare",
                backlog: 4_096),
            onServerRunning: { channel in
                await self.onListening(
                    SimulatorHandle(
                        host: self.configuration.host, port: channel.localAddress?.port ?? self.configuration.port,
                        state: self.state))
            },
            logger: self.logger)
        do {
            // Responses that hang on purpose would hold up a graceful shutdown for ever.
            try await cancelWhenGracefulShutdown { try await application.run() }
        } catch is CancellationError {
            return
        }
    }

    /// Runs `body` with a simulation that listens, and ends it afterwards.
    ///
    /// - Throws: what prevented it from listening, or what `body` throws.
    @discardableResult
    public static func withServer<Result: Sendable>(
        _ configuration: SimulatorConfiguration = SimulatorConfiguration(), logger: Logger? = nil,
        _ body: (SimulatorHandle) async throws -> Result
    ) async throws -> Result {
        let (listening, continuation) = AsyncThrowingStream.makeStream(of: SimulatorHandle.self)
        let simulator = Simulator(configuration, logger: logger) { handle in
            continuation.yield(handle)
            continuation.finish()
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await simulator.run()
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                    throw error
                }
            }
            defer { group.cancelAll() }
            for try await handle in listening { return try await body(handle) }
            throw CancellationError()
        }
    }
}

/// A simulated Claude that listens.
public struct SimulatorHandle: Sendable {
    /// The port.
    public let port: Int
    /// What a client takes as its base URL, without `/v1`.
    public let baseURL: String
    private let state: Locked<SimulatorState>

    init(host: String, port: Int, state: Locked<SimulatorState>) {
        self.port = port
        self.baseURL = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        self.state = state
    }

    /// What it has been asked so far, and what it answered.
    public var statistics: SimulatorStatistics { self.state.withLock { $0.claude.statistics } }

    /// The last requests, oldest first, as many as ``SimulatorConfiguration/recordedRequests`` allows.
    public var recordedRequests: [SimulatedRequest] { self.state.withLock { $0.recorded } }

    /// Has faults strike before the ones that are planned: `inject(.first(1, .overloaded))` strikes the next request.
    public func inject(_ rules: FaultPlan.Rule...) { self.state.withLock { $0.claude.prepend(rules) } }
}
