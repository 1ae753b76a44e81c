package import Logging
package import Refrain
package import RefrainCore

extension Gateway {
    /// Runs `body` with a gateway that listens, and ends it afterwards, with its cache and its transport, whatever comes
    /// of it.
    ///
    /// - Parameters:
    ///   - configuration: How it listens, whom it serves and how it uses the cache.
    ///   - cache: The cache; shut down when this returns or throws.
    ///   - transport: What calls upstream; shut down likewise.
    ///   - logger: Where it says what happens. Silent by default.
    ///   - body: What is done while it listens on the port.
    /// - Throws: What kept it from listening or ended it before its time, or what `body` throws.
    @discardableResult
    package static func withServer<Value: Sendable>(
        _ configuration: GatewayConfiguration, cache: ResponseCache, transport: any HTTPTransport,
        logger: Logger = Logger(label: "refrain.gateway") { _ in SwiftLogNoOpLogHandler() },
        _ body: (_ gateway: Gateway, _ port: Int) async throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error>
        do {
            result = .success(try await Self.serving(configuration, cache, transport, logger, body))
        } catch {
            result = .failure(error)
        }
        await cache.shutdown()
        await transport.shutdown()
        return try result.get()
    }

    private static func serving<Value: Sendable>(
        _ configuration: GatewayConfiguration, _ cache: ResponseCache, _ transport: any HTTPTransport,
        _ logger: Logger, _ body: (Gateway, Int) async throws -> Value
    ) async throws -> Value {
        let (ports, listening) = AsyncThrowingStream.makeStream(of: Int.self)
        let gateway = try Gateway(
            configuration, cache: cache, transport: transport, logger: logger,
            onListening: { listening.yield($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await gateway.run()
                    listening.finish()
                } catch {
                    listening.finish(throwing: error)
                    throw error
                }
            }
            defer { group.cancelAll() }
            for try await port in ports {
                let value = try await body(gateway, port)
                group.cancelAll()
                // That it was cancelled is no failure; anything else is.
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
                return value
            }
            throw CancellationError()
        }
    }
}
