import Foundation
import RefrainCore
import RefrainKeys
import TestSupport
import Testing

@testable import RefrainRedis

/// Ten thousand identical requests at once over three real processes, and what becomes of them when the process dies or
/// freezes whose call the others wait for.
@Suite(.serialized, .enabled(if: Figures.areWanted))
struct ProcessFigures {
    private static let counts = [3_334, 3_333, 3_333]

    @Test(arguments: [true, false])
    func tenThousandAtOnce(redisLives: Bool) async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: "5s", "--tokens-per-second", "0", "--deterministic") { baseURL in
                let start = Locked(ContinuousClock.now)
                let runs = try await Self.run(
                    Self.counts, at: baseURL, server,
                    before: {
                        if !redisLives { await server.kill() }
                        start.withLock { $0 = .now }
                    })
                let elapsed = ContinuousClock.now - start.withLock { $0 }
                let calls = runs.map { $0.number("upstream_calls") }
                print(
                    "\(Self.counts.reduce(0, +)) identical requests at once over 3 processes, Redis "
                        + (redisLives ? "healthy" : "killed before the first") + ": upstream calls \(calls), "
                        + "joined \(runs.map { $0.number("joined") }), hits \(runs.map { $0.number("hits") }), "
                        + "errors \(runs.map { $0.number("errors") }), all answered in \(Figures.seconds(elapsed)), "
                        + "upstream takes 5 s")
                let requests = runs.map { $0.number("requests") }
                #expect(requests == Self.counts)
                #expect(runs.allSatisfy { $0.number("errors") == 0 })
                #expect(calls.reduce(0, +) == (redisLives ? 1 : 3))
                #expect(Set(runs.flatMap(\.answers)).count == (redisLives ? 1 : calls.reduce(0, +)))
                if redisLives {
                    // The text is the same, whoever asked.
                    #expect(Set(runs.flatMap(\.texts)).count == 1)
                }
            }
        }
    }

    @Test(arguments: ["killed", "frozen past its lease, then thawed"])
    func theLeaderIs(_ fate: String) async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: "20s", "--tokens-per-second", "0", "--deterministic") { baseURL in
                // One process asks, and the others then wait for it.
                async let first = Self.withRun(1, at: baseURL, server) { leader, lines in
                    try await StoreFixture.until { lines.areAwaited }
                    let struck = Locked<ContinuousClock.Instant?>(nil)
                    let runs = try await Self.run(
                        [1_000, 1_000], at: baseURL, server,
                        before: {
                            lines.write()
                            try await StoreFixture.until { try await server.cli("KEYS", "refrain:*:l") != "" }
                        },
                        after: {
                            try await StoreFixture.until {
                                // Whoever waits for the lease is subscribed to its channel.
                                let names = try await server.cli("PUBSUB", "CHANNELS", "refrain:*:w")
                                guard !names.isEmpty else { return false }
                                return try await server.cli("PUBSUB", "NUMSUB", names).hasSuffix("2")
                            }
                            if fate == "killed" { await leader.kill() } else { leader.freeze() }
                            struck.withLock { $0 = .now }
                        })
                    let elapsed = struck.withLock { $0 }.map { ContinuousClock.now - $0 }
                    leader.thaw()
                    let calls = runs.map { $0.number("upstream_calls") }
                    print(
                        "the leader is \(fate) while 2000 requests of 2 processes wait for it: upstream calls of these "
                            + "\(calls), errors \(runs.map { $0.number("errors") }), all answered "
                            + "\(Figures.seconds(elapsed)) later, upstream takes 20 s, the lease lasts 10 s")
                    #expect(runs.allSatisfy { $0.number("errors") == 0 && $0.number("requests") == 1_000 })
                    #expect(calls.reduce(0, +) == 1)
                    #expect(Set(runs.flatMap(\.answers)).count == 1)
                }
                _ = try await first
                // What a leader that was thawed stores late is an answer to the same question.
                let later = try await Self.run([100], at: baseURL, server)
                #expect(later[0].number("upstream_calls") == 0 && Set(later[0].texts).count == 1)
            }
        }
    }

    // MARK: Processes

    /// What one process reported.
    private struct Run: Sendable {
        var report: JSONObject
        /// Its answers, byte for byte.
        var answers: [String]
        /// What they say.
        var texts: [String]

        func number(_ name: String) -> Int { self.report[name]?.int ?? -1 }
    }

    /// The requests of a process, which it gets when it is told so: through a named pipe.
    private final class Lines: Sendable {
        let path: String
        private let count: Int
        private let descriptor = Locked<Int32>(-1)

        init(_ count: Int) throws {
            self.count = count
            self.path =
                FileManager.default.temporaryDirectory
                .appendingPathComponent("refrain-\(UUID().uuidString)").path
            guard mkfifo(self.path, 0o600) == 0 else { throw StoreFixture.TimedOut() }
        }

        /// Whether the process has connected to Redis and waits for its requests.
        var areAwaited: Bool {
            self.descriptor.withLock { descriptor in
                // Without a reader this fails.
                if descriptor < 0 { descriptor = open(self.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) }
                return descriptor >= 0
            }
        }

        func write() {
            let body =
                #"{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"the same"}]}"#
            // More than a pipe holds, in empty lines: so the other end is open for reading before this one is closed.
            let text = String(repeating: "\n", count: 1 << 18) + String(repeating: body + "\n", count: self.count)
            let descriptor = self.descriptor.withLock { descriptor in
                defer { descriptor = -1 }
                return descriptor
            }
            // It takes as long as the process takes to read.
            Thread {
                _ = fcntl(descriptor, F_SETFL, O_WRONLY)
                let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
                file.write(Data(text.utf8))
            }.start()
        }
    }

    /// Starts a process with so many requests.
    private static func withRun<Result>(
        _ count: Int, at baseURL: String, _ server: RedisServer, output: String = "/dev/null",
        _ body: (ChildProcess, Lines) async throws -> Result
    ) async throws -> Result {
        let lines = try Lines(count)
        defer { unlink(lines.path) }
        let arguments = [
            "run", lines.path, "--upstream", baseURL, "--concurrency", "\(count)", "--output", output, "--json",
        ]
        let environment = ["ANTHROPIC_API_KEY": "any", "REFRAIN_REDIS": server.url]
        return try await withChildProcess(
            try BuiltProducts.path(of: "refrain"), arguments, environment: environment
        ) { try await body($0, lines) }
    }

    /// Starts processes with so many requests each, which they begin with together when all are connected to Redis.
    private static func run(
        _ counts: [Int], at baseURL: String, _ server: RedisServer, before: () async throws -> Void = {},
        after: () async throws -> Void = {}
    ) async throws -> [Run] {
        let waiting = Locked<[Lines]>([])
        return try await withThrowingTaskGroup(of: (Int, Run).self) { group in
            for (index, count) in counts.enumerated() {
                group.addTask {
                    let output = FileManager.default.temporaryDirectory
                        .appendingPathComponent("refrain-\(UUID().uuidString)").path
                    defer { unlink(output) }
                    return try await Self.withRun(count, at: baseURL, server, output: output) { process, lines in
                        waiting.withLock { $0.append(lines) }
                        var text = ""
                        for await line in process.output { text += line }
                        await process.waitUntilExit()
                        let report = try #require(JSONValue(Array(text.utf8)).object)
                        return (index, try Self.read(output, report))
                    }
                }
            }
            try await StoreFixture.until(.seconds(120)) {
                let lines = waiting.withLock { $0 }
                return lines.count == counts.count && lines.count { $0.areAwaited } == counts.count
            }
            try await before()
            for lines in waiting.withLock({ $0 }) { lines.write() }
            try await after()
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func read(_ output: String, _ report: JSONObject) throws -> Run {
        let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
        let answers = lines.compactMap { line in
            line.range(of: #""response":"#).map { String(line[$0.upperBound...].dropLast()) }
        }
        #expect(answers.count == lines.count)
        let texts = try Set(answers).map { try Message(json: Array($0.utf8)).text }
        return Run(report: report, answers: answers, texts: texts)
    }
}
