import Logging
import Refrain
import RefrainCore
import RefrainKeys
import Synchronization

/// What all requests share.
final class GatewayState: Sendable {
    let configuration: GatewayConfiguration
    let cache: ResponseCache
    let transport: any HTTPTransport
    let logger: Logger
    let time: TimeSource
    let upstream: BaseURL
    let callers: Callers
    let census: ConnectionCensus
    let ledger = Locked(GatewayLedger())
    let requestLog: RequestLog?
    let started: Timestamp
    /// Whether it listens, and no shutdown has begun.
    let isAcceptingRequests = Atomic(false)
    /// The policy of a request that asks for nothing.
    let plainPolicy: CachePolicy

    init(
        _ configuration: GatewayConfiguration, cache: ResponseCache, transport: any HTTPTransport, logger: Logger,
        time: TimeSource
    ) throws(GatewayConfigurationError) {
        do throws(ClientConfigurationError) {
            self.upstream = try BaseURL(configuration.upstream)
        } catch {
            throw GatewayConfigurationError("the upstream \(configuration.upstream) is no base URL: \(error.message)")
        }
        do throws(Refusal) {
            self.plainPolicy = try RequestControls().policy(
                over: configuration.policy, maximumTTL: configuration.maximumTTL, observes: configuration.observes)
        } catch {
            throw GatewayConfigurationError("the policy cannot be obeyed: \(error.message)")
        }
        self.configuration = configuration
        self.cache = cache
        self.transport = transport
        self.logger = logger
        self.time = time
        self.callers = Callers(
            origin: self.upstream.text, options: configuration.keyOptions, scopes: configuration.scopes)
        self.census = ConnectionCensus(limit: configuration.limits.connections)
        self.started = time.now()
        if let path = configuration.requestLog {
            self.requestLog = try RequestLog(path: path)
        } else {
            self.requestLog = nil
        }
    }

    /// The server's own log: its connections are of interest to nobody but who looks for an error in it.
    var serverLogger: Logger {
        var logger = self.logger
        logger.logLevel = max(self.logger.logLevel, .warning)
        return logger
    }

    /// The request is answered, or will not be.
    func finish(_ record: RequestRecord) {
        self.ledger.withLock { $0.add(record) }
        self.requestLog?.append(record)
        self.logger.debug(
            "answered",
            metadata: [
                "key": "\(record.key?.hex ?? "-")", "result": "\(record.result.rawValue)",
                "reason": "\(record.reason ?? "-")", "status": "\(record.status)",
                "request-id": "\(record.requestID ?? "-")",
            ])
    }
}
