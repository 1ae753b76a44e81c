import Foundation
import RefrainCore
import RefrainKeys
import TestSupport
import Testing

@testable import RefrainRedis

/// Three real processes of our own command on one Redis, in front of a simulated Claude that is a process too.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct ThreeProcessesTests {
    private static let requests = 200

    /// What the processes report, each as one JSON object.
    private func run(redis: String?, at baseURL: String) async throws -> [JSONObject] {
        let refrain = try BuiltProducts.path(of: "refrain")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("refrain-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        let body = #"{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"the same"}]}"#
        try Data(String(repeating: body + "\n", count: Self.requests).utf8).write(to: file)
        var environment = ["ANTHROPIC_API_KEY": "any"]
        if let redis { environment["REFRAIN_REDIS"] = redis }
        let arguments = ["run", file.path, "--upstream", baseURL, "--concurrency", "\(Self.requests)", "--json"]
        return try await withThrowingTaskGroup(of: JSONObject.self) { [environment] group in
            for _ in 0..<3 {
                group.addTask {
                    try await withChildProcess(refrain, arguments, environment: environment) { process in
                        var lines: [String] = []
                        for await line in process.output { lines.append(line) }
                        let status = await process.waitUntilExit()
                        #expect(status == 0)
                        return try #require(JSONValue(Array(lines.joined().utf8)).object)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func sum(_ name: String, _ reports: [JSONObject]) -> Int {
        reports.compactMap { $0[name]?.int }.reduce(0, +)
    }

    /// Slow enough that all processes have asked before the first answer is there.
    private static let latency = "2s"

    @Test func makeOneCallBetweenThem() async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: Self.latency) { baseURL in
                let reports = try await self.run(redis: server.url, at: baseURL)
                #expect(self.sum("upstream_calls", reports) == 1)
                #expect(self.sum("errors", reports) == 0 && self.sum("requests", reports) == 3 * Self.requests)
                let again = try await self.run(redis: server.url, at: baseURL)
                #expect(self.sum("upstream_calls", again) == 0 && self.sum("hits", again) == 3 * Self.requests)
            }
        }
    }

    @Test func makeACallEachWithoutRedis() async throws {
        try await withSimulatedClaude(latency: Self.latency) { baseURL in
            let reports = try await self.run(redis: nil, at: baseURL)
            #expect(self.sum("upstream_calls", reports) == 3 && self.sum("errors", reports) == 0)
        }
    }
}
