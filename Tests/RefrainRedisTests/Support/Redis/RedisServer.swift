import Foundation
import RefrainKeys
import TestSupport

/// A real Redis server of a test's own.
final class RedisServer: Sendable {
    /// What a server has in memory after it was started again.
    enum Contents: Sendable {
        /// Nothing.
        case nothing
        /// What it had. A server that was killed has what its last `SAVE` wrote.
        case saved
    }

    /// When a server that is started counts as started.
    enum Readiness: Sendable {
        /// It answers PING with PONG.
        case serving
        /// It answers, if only with LOADING.
        case answering
    }

    /// There is no server to run.
    struct NotInstalled: Error {}

    /// The server did not start.
    struct StartFailure: Error, CustomStringConvertible {
        var log: String
        var isPortTaken: Bool { self.log.contains("ddress already in use") }
        var description: String { "the server did not start: \(self.log.suffix(2_000))" }
    }

    let options: Options
    /// Its port on the loopback; 0 for one that has none.
    let port: Int
    private let binary: String
    /// All its files: removed when it is stopped.
    private let directory: URL
    private let process = Locked<ChildProcess?>(nil)
    private let connection = Locked<WireConnection?>(nil)

    /// Its Unix socket.
    var socketPath: String { self.directory.appendingPathComponent("socket").path }
    /// The directory of its snapshots.
    var dataDirectory: URL { self.directory.appendingPathComponent("data") }
    private var logFile: URL { self.directory.appendingPathComponent("log") }

    /// Everything that it logged so far.
    var log: String { (try? String(contentsOf: self.logFile, encoding: .utf8)) ?? "" }
    /// Its process id; nil while it is not running.
    var pid: pid_t? { self.running?.pid }
    /// Its process, while it runs.
    private var running: ChildProcess? {
        self.process.withLock { process in process?.status == nil ? process : nil }
    }

    private init(options: Options, binary: String, port: Int) throws {
        self.options = options
        self.binary = binary
        self.port = port
        // A short name: the path of a socket has room for a hundred bytes.
        self.directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("refrain-redis-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: self.dataDirectory, withIntermediateDirectories: true)
    }

    // The process ends with its last holder. What cannot be removed is in the temporary directory.
    deinit { try? FileManager.default.removeItem(at: self.directory) }

    /// Starts a server; ``withRedisServer(_:_:)`` also stops it.
    static func start(_ options: Options = Options()) async throws -> RedisServer {
        guard let binary = options.binary.map(Executables.path(of:)) ?? Self.defaultBinary else { throw NotInstalled() }
        for _ in 0..<8 {
            let hasPort = if case .unixSocket = options.listening { false } else { true }
            let server = try RedisServer(options: options, binary: binary, port: hasPort ? FreePorts.next() : 0)
            do {
                try await server.launch(until: .serving)
                return server
            } catch let failure as StartFailure where failure.isPortTaken {
                // By another process, since we looked.
                await server.stop()
            } catch {
                await server.stop()
                throw error
            }
        }
        throw FreePorts.Exhausted()
    }

    /// Stops it in the middle of whatever it does (SIGSTOP): connections stay open, and nothing is answered.
    func freeze() { self.running?.freeze() }

    /// Lets it go on (SIGCONT).
    func thaw() { self.running?.thaw() }

    /// Kills it (SIGKILL), and waits until it is gone.
    func kill() async {
        await self.running?.kill()
        await self.dropConnection()
    }

    /// Starts it again, on the same port, having killed it unless that was done before.
    /// - Parameters:
    ///   - contents: what it has then. A running server is told to `SAVE` first.
    ///   - delay: how long it takes to load each key, so that it answers LOADING for a while.
    ///   - readiness: what is waited for.
    func restart(
        _ contents: Contents = .nothing, loadingEachKeyIn delay: Duration = .zero, until readiness: Readiness = .serving
    ) async throws {
        switch contents {
        case .saved: if self.running != nil { try await self.cli("SAVE") }
        case .nothing: break
        }
        await self.kill()
        if case .nothing = contents, FileManager.default.fileExists(atPath: self.dataDirectory.path) {
            try FileManager.default.removeItem(at: self.dataDirectory)
        }
        try FileManager.default.createDirectory(at: self.dataDirectory, withIntermediateDirectories: true)
        var arguments: [String] = []
        if delay > .zero {
            let microseconds = delay / .microseconds(1)
            // It looks at its connections only every so many bytes: at every key here.
            arguments = [
                "--key-load-delay", "\(Int(microseconds))", "--loading-process-events-interval-bytes", "1024",
            ]
        }
        try await self.launch(arguments, until: readiness)
    }

    /// Waits until it answers.
    func waitUntil(_ readiness: Readiness) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            guard self.running != nil else { throw StartFailure(log: self.log) }
            if await self.answersPing(readiness) { return }
            // Nothing tells when another process opens its socket.
            try await Task.sleep(for: .milliseconds(2))
        }
        throw StartFailure(log: "not ready in time\n" + self.log)
    }

    /// Kills it and removes its files.
    func stop() async {
        await self.kill()
        // They are gone where it was stopped before.
        try? FileManager.default.removeItem(at: self.directory)
    }

    private func launch(_ arguments: [String] = [], until readiness: Readiness) async throws {
        let file = self.directory.appendingPathComponent("redis.conf")
        try Data(self.configuration.utf8).write(to: file)
        // Else what an earlier run said would be taken for this one's failure.
        try Data().write(to: self.logFile)
        let process = try await ChildProcess.start(
            self.binary, [file.path] + arguments, output: .file(self.logFile), errors: .file(self.logFile))
        self.process.withLock { $0 = process }
        try await self.waitUntil(readiness)
    }

    private func answersPing(_ readiness: Readiness) async -> Bool {
        guard let connection = try? await self.connect() else { return false }
        let answer = try? await connection.command(["PING"])
        await connection.close()
        switch (answer, readiness) {
        case (.simple("PONG"), _): return true
        case (.error(let message), .answering): return message.hasPrefix("LOADING")
        default: return false
        }
    }

    /// The connection for administration: the one that is open, or a new one.
    func administration() async throws -> WireConnection {
        if let open = self.connection.withLock({ $0 }), open.isOpen { return open }
        let new = try await self.connect()
        return self.connection.withLock { connection in
            if let other = connection, other.isOpen { return other }
            connection = new
            return new
        }
    }

    private func dropConnection() async {
        let connection = self.connection.withLock { connection in
            defer { connection = nil }
            return connection
        }
        await connection?.close()
    }
}

/// Starts a server, and always stops it when `body` is over: nothing of it is left.
func withRedisServer<Result>(
    _ options: RedisServer.Options = RedisServer.Options(), _ body: (RedisServer) async throws -> Result
) async throws -> Result {
    let server = try await RedisServer.start(options)
    do {
        let result = try await body(server)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}
