import Foundation
import Logging
import RefrainCore
import RefrainKeys
import Testing

@testable import RefrainRedis

/// Makes a client, and always shuts it down when `body` is over.
func withRedisClient<Result>(
    _ configuration: RedisConfiguration, logger: Logger? = nil,
    randomness: @escaping @Sendable () -> Double = { 0 },
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let client = RedisClient(
        configuration, logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        randomness: randomness)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Makes a client for a URL, changed by `change`, and always shuts it down when `body` is over.
func withRedisClient<Result>(
    _ url: String, _ change: (inout RedisConfiguration) -> Void = { _ in },
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    var configuration = try RedisConfiguration(url: url)
    // The machine may be busy: what is late is a matter of the tests of lateness alone.
    configuration.connectTimeout = .seconds(20)
    configuration.commandTimeout = .seconds(20)
    configuration.reconnectDelay = .milliseconds(1) ... .milliseconds(20)
    change(&configuration)
    return try await withRedisClient(configuration, body)
}

extension RESPCommand {
    /// A command of words.
    static func words(_ words: String...) -> RESPCommand { RESPCommand(words.map { .text($0) }) }

    /// `ECHO`, whose reply tells whose it is.
    static func echo(_ text: String) -> RESPCommand { .words("ECHO", text) }
}

extension RESPValue {
    /// A bulk string of text.
    static func text(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }
}

/// The error that `body` throws; nil where it throws none.
func storeError<Value>(_ body: () async throws(StoreError) -> Value) async -> StoreError? {
    do throws(StoreError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

/// Waits until something is so that nothing tells of: it is asked again and again.
func eventually(_ isSo: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try await !isSo() {
        guard ContinuousClock.now < deadline else {
            Issue.record("it never came to be so", sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}

/// What was logged.
final class LogRecorder: Sendable {
    private let lines = Locked<[(level: Logger.Level, text: String)]>([])

    /// What was logged at a level, with its metadata.
    func texts(_ level: Logger.Level? = nil) -> [String] {
        self.lines.withLock { $0 }.filter { level == nil || $0.level == level }.map(\.text)
    }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let (level, text) = (event.level, "\(event.message) \(metadata)")
            self.recorder.lines.withLock { $0.append((level, text)) }
        }
    }
}

extension RedisClient {
    /// Sends a command and expects a reply. A function, since `try` within an expectation makes no closure a throwing one.
    func expect(
        _ command: RESPCommand, lane: Lane = .small, gives expected: RESPValue,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reply = try await self.send(command, lane: lane)
        #expect(reply == expected, sourceLocation: sourceLocation)
    }

    /// The same, however often it fails before: with a short deadline a busy machine may be too late.
    func expectEventually(
        _ command: RESPCommand, gives expected: RESPValue, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually(
            {
                do throws(StoreError) {
                    let reply = try await self.send(command)
                    #expect(reply == expected, sourceLocation: sourceLocation)
                    return true
                } catch {
                    return false
                }
            }, sourceLocation: sourceLocation)
    }
}
