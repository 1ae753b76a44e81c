import Foundation
import RefrainBench
import RefrainCore
import RefrainRedis
import TestSupport
import Testing

@testable import RefrainCommand

/// What `refrain bench latency --redis` measures, and that it leaves nothing behind.
@Suite(
    .serialized, .enabled(if: Executables.path(of: "redis-server") != nil, "needs redis-server"),
    .timeLimit(.minutes(2)))
struct BenchRedisTests {
    private struct Stop: Error {}

    /// Runs `body` with the URL of an empty Redis, which is ended afterwards.
    private static func withRedis(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("refrain-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Executables.path(of: "redis-server")))
        let socket = folder.appendingPathComponent("socket").path
        process.arguments = [
            "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder.path,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        // A child has the signal mask of the pool's thread that starts it, which blocks SIGTERM.
        defer { kill(process.processIdentifier, SIGKILL) }
        var log = ""
        // With a capital letter since version 7.
        while !log.contains("eady to accept connections") {
            let data = output.fileHandleForReading.availableData
            try #require(!data.isEmpty, "redis-server has ended: \(log)")
            log += String(decoding: data, as: UTF8.self)
        }
        try await body("unix://\(socket)")
    }

    private static func withStore(_ body: (RedisStore, String) async throws -> Void) async throws {
        try await Self.withRedis { url in
            let place = try RedisArguments.Place(url: url, namespace: "refrain-bench")
            try await place.withStore { try await body($0, url) }
        }
    }

    private static func countKeys(_ url: String) throws -> Int? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Executables.path(of: "redis-cli")))
        process.arguments = ["-s", String(url.dropFirst("unix://".count)), "DBSIZE"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return Int(text.filter(\.isNumber))
    }

    /// Values are as long in Redis as the rows say: the last two sizes are read in two parts.
    @Test func whatIsMovedIsWhatTheRowsSay() async throws {
        try await Self.withStore { store, _ in
            try await LatencyCase.withEntries(in: store, measuredFor: .zero) { cases in
                #expect(cases.compactMap(\.bytes) == [1, 1, 4, 4, 64, 64, 256, 256].map { $0 << 10 })
                for measured in cases {
                    try await measured.operation(2)
                    try await measured.reference?.operation(2)
                }
                let survey = try await store.survey()
                let bodies = (1 + 4 + 64 + 256) << 10
                #expect(survey.entries == 4 && (bodies...bodies + 4 * 512).contains(survey.bytes), "\(survey)")
                #expect(store.statistics().hits == 8 && store.statistics().rejections == 0)
            }
            let survey = try await store.survey()
            #expect(survey.entries == 0)
        }
    }

    @Test func nothingStaysWhereMeasuringFails() async throws {
        try await Self.withStore { store, _ in
            await #expect(throws: Stop.self) {
                try await LatencyCase.withEntries(in: store, measuredFor: .zero) { _ in throw Stop() }
            }
            let survey = try await store.survey()
            #expect(survey.entries == 0)
        }
    }

    @Test func twoAtOnceLeaveEachOthersEntriesAlone() async throws {
        try await Self.withStore { store, url in
            try await LatencyCase.withEntries(in: store, measuredFor: .zero) { cases in
                let other = try Refrain(
                    "bench", "latency", "--duration", "1ms", "--only", "redis", "--redis", url, "--json"
                ).run()
                #expect(other.status == 0, "\(other.errors)")
                let sections = try JSONValue(Array(other.output.utf8))["sections"]?.array
                let rows = try #require(sections?.first?["rows"]?.array)
                #expect(rows.count == cases.count)
                #expect(
                    rows.allSatisfy {
                        $0["operation"]?.string?.hasPrefix("get") == ($0["reference"]?.string != nil)
                    })
                // The entries of this one and its generation record: the other has left nothing.
                #expect(try Self.countKeys(url) == 5)
                for measured in cases { try await measured.operation(1) }
            }
        }
    }
}
