import Foundation
import RefrainCore
import TestSupport
import Testing

@testable import RefrainRedis

/// Prints what one connection carries beside `redis-benchmark` and redis-py; asserts nothing about time. Run with
/// `REFRAIN_FIGURES=1`, in release.
///
/// Each row is one kind of command, size and number of callers. All programs take turns on the same server, several times,
/// and the medians are printed: the machine may have other work, so what counts is the ratio within one row.
/// `redis-benchmark -c 1 -P callers` sends that many commands at once on one connection, waits for all of them, and looks
/// at none of the replies. redis-py runs with hiredis's parser, in both ways that `redis_py.py` describes; the Python that
/// has both packages is named by `REFRAIN_FIGURES_PYTHON`, `python3` by default.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["REFRAIN_FIGURES"] != nil),
    .enabled(if: RedisServer.isAvailable, "needs redis-server"), .serialized)
struct ThroughputFigures {
    /// What a program made of its commands.
    struct Figures {
        var perSecond: Double
        /// In microseconds.
        var p50: Double
        var p99: Double

        /// The medians of several runs; nil where there was none.
        static func median(_ runs: [Figures]) -> Figures? {
            guard !runs.isEmpty else { return nil }
            func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
            return Figures(
                perSecond: median(runs.map(\.perSecond)), p50: median(runs.map(\.p50)), p99: median(runs.map(\.p99)))
        }
    }

    /// What is measured in one row.
    struct Load {
        var isSet: Bool
        var size: Int
        var callers: Int

        var name: String { self.isSet ? "set" : "get" }

        /// How many commands: a second's worth at most, and enough of each caller's.
        var count: Int {
            let most = self.size > 32 << 10 ? 10_000 : self.size > 2 << 10 ? 60_000 : 100_000
            return self.callers == 1 ? most / 10 : most
        }

        /// The key is the one that `redis-benchmark` uses.
        var command: RESPCommand { self.isSet ? self.set : RESPCommand("GET", "key:__rand_int__") }

        var set: RESPCommand {
            RESPCommand("SET", "key:__rand_int__", .bytes([UInt8](repeating: 0x78, count: self.size)))
        }
    }

    private static let repeats = 5
    private static let sizes = [1 << 10, 4 << 10, 64 << 10]
    private static let callers = [1, 16, 64, 256]

    @Test(.timeLimit(.minutes(30)))
    func throughput() async throws {
        let benchmark = try #require(Executables.path(of: "redis-benchmark"))
        print("op  size callers |  refrain op/s  p50  p99 | redis-benchmark  p50  p99 | ratio", terminator: "")
        print(" | redis-py tasks  p50  p99 | redis-py pipeline  p50  p99   (latencies in µs)")
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.connections = 1 }) { client in
                for size in Self.sizes {
                    for isSet in [false, true] {
                        for callers in Self.callers {
                            let load = Load(isSet: isSet, size: size, callers: callers)
                            try await Self.measure(load, client, server, benchmark)
                        }
                    }
                }
            }
        }
    }

    private static func measure(
        _ load: Load, _ client: RedisClient, _ server: RedisServer, _ benchmark: String
    ) async throws {
        try await client.expect(load.set, gives: .simple("OK"))
        // Once before it counts, so that connections and memory are there.
        _ = try await Self.refrain(load, client)
        var (ours, reference, tasks, pipelines): ([Figures], [Figures], [Figures], [Figures]) = ([], [], [], [])
        var ratios: [Double] = []
        for _ in 0..<Self.repeats {
            let mine = try await Self.refrain(load, client)
            let theirs = try #require(try await Self.redisBenchmark(load, benchmark, port: server.port))
            ours.append(mine)
            reference.append(theirs)
            ratios.append(mine.perSecond / theirs.perSecond)
            if let run = try await Self.redisPy("callers", load, port: server.port) { tasks.append(run) }
            if let run = try await Self.redisPy("pipeline", load, port: server.port) { pipelines.append(run) }
        }
        let columns = [ours, reference].map { Self.text(.median($0)) }
        let ratio = "\(Self.column(ratios.sorted()[ratios.count / 2] * 100, 4)) %"
        let python = [tasks, pipelines].map { Self.text(.median($0)) }
        print(
            "\(load.name) \(Self.column(Double(load.size >> 10), 3))K \(Self.column(Double(load.callers), 6))",
            (columns + [ratio] + python).joined(separator: " | "), separator: " | ")
    }

    private static func text(_ figures: Figures?) -> String {
        guard let figures else { return "not there" }
        return "\(Self.column(figures.perSecond, 9)) \(Self.column(figures.p50, 6)) \(Self.column(figures.p99, 6))"
    }

    private static func column(_ value: Double, _ width: Int) -> String {
        let text = "\(Int(value.rounded()))"
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    // MARK: The programs

    /// Callers that each send a command, wait for its reply, and send the next.
    private static func refrain(_ load: Load, _ client: RedisClient) async throws -> Figures {
        let time = TimeSource.system
        let command = load.command
        let start = time.monotonicNanoseconds()
        let latencies = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<load.callers {
                group.addTask {
                    var latencies: [UInt64] = []
                    var isRight = true
                    for _ in 0..<(load.count / load.callers) {
                        let before = time.monotonicNanoseconds()
                        switch try await client.send(command) {
                        case .bulk(let value?): isRight = isRight && value.count == load.size
                        case .simple: isRight = isRight && load.isSet
                        default: isRight = false
                        }
                        latencies.append(time.monotonicNanoseconds() - before)
                    }
                    #expect(isRight)
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let seconds = Double(time.monotonicNanoseconds() - start) / 1e9
        let sorted = latencies.sorted()
        return Figures(
            perSecond: Double(sorted.count) / seconds, p50: Double(sorted[sorted.count / 2]) / 1_000,
            p99: Double(sorted[sorted.count * 99 / 100]) / 1_000)
    }

    private static func redisBenchmark(_ load: Load, _ program: String, port: Int) async throws -> Figures? {
        let arguments = [
            "-p", "\(port)", "-c", "1", "-P", "\(load.callers)", "-d", "\(load.size)", "-n", "\(load.count)",
            "-t", load.name, "--csv",
        ]
        // "GET","rps","average","min","p50","p95","p99","max", the latencies in milliseconds.
        for line in try await Self.lines(of: program, arguments) where line.hasPrefix("\"\(load.name.uppercased())\"") {
            let values = line.split(separator: ",").map { Double($0.filter { $0 != "\"" }) ?? .nan }
            guard values.count == 8 else { return nil }
            return Figures(perSecond: values[1], p50: values[4] * 1_000, p99: values[6] * 1_000)
        }
        return nil
    }

    /// Nil where there is no Python with redis-py and hiredis.
    private static func redisPy(_ mode: String, _ load: Load, port: Int) async throws -> Figures? {
        let named = ProcessInfo.processInfo.environment["REFRAIN_FIGURES_PYTHON"] ?? "python3"
        guard let python = Executables.path(of: named) else { return nil }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("redis_py.py")
        // It is slow enough for a fifth to take as long.
        let count = max(load.callers, load.count / 5)
        let arguments = [script.path, mode, "\(port)", load.name, "\(load.size)", "\(load.callers)", "\(count)"]
        guard let line = try await Self.lines(of: python, arguments).last else { return nil }
        let values = line.split(separator: " ").compactMap { Double($0) }
        guard values.count == 3 else { return nil }
        return Figures(perSecond: values[0], p50: values[1], p99: values[2])
    }

    private static func lines(of program: String, _ arguments: [String]) async throws -> [String] {
        try await withChildProcess(program, arguments, errors: .discarded) { process in
            var lines: [String] = []
            for await line in process.output { lines.append(line) }
            return lines
        }
    }
}
