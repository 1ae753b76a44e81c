import Foundation
import RefrainCore
import RefrainKeys
import TestSupport
import Testing

@testable import RefrainRedis

/// A process of our own command that is frozen in the middle of its upstream call until its lease is over, and goes on
/// after somebody else has taken it.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct FrozenLeaderTests {
    private typealias Fixture = StoreFixture

    /// How a process is told to answer the one request of a file.
    private struct Job {
        let refrain: String
        let file: URL
        let environment: [String: String]
        let arguments: [String]

        init(redis: String, upstream: String) throws {
            self.refrain = try BuiltProducts.path(of: "refrain")
            self.file = FileManager.default.temporaryDirectory
                .appendingPathComponent("refrain-\(UUID().uuidString).jsonl")
            let body = #"{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":[{"role":"user","content":"a"}]}"#
            try Data((body + "\n").utf8).write(to: self.file)
            self.environment = ["ANTHROPIC_API_KEY": "any", "REFRAIN_REDIS": redis]
            self.arguments = ["run", self.file.path, "--upstream", upstream, "--namespace", "test", "--json"]
        }

        func start(_ body: (ChildProcess) async throws -> Void) async throws {
            try await withChildProcess(self.refrain, self.arguments, environment: self.environment, body)
        }

        /// What a process reports when it has ended, which it does without an error.
        static func report(_ process: ChildProcess) async throws -> JSONObject {
            var lines: [String] = []
            for await line in process.output { lines.append(line) }
            #expect(await process.waitUntilExit() == 0)
            let report = try #require(JSONValue(Array(lines.joined().utf8)).object)
            #expect(report["requests"]?.int == 1 && report["errors"]?.int == 0)
            return report
        }
    }

    /// Long enough to be frozen in the meantime.
    private static let latency = "3s"

    /// The key whose lease somebody holds.
    private func leasedKey(_ server: RedisServer) async throws -> RequestKey? {
        let names = try await server.cli("KEYS", "refrain:test:*:l")
        return names.isEmpty ? nil : RedisNames(namespace: "test").requestKey(of: names)
    }

    /// Freezes a process that leads, until its lease has run out.
    private func freeze(_ process: ChildProcess, _ server: RedisServer) async throws -> RequestKey {
        try await Fixture.until { try await self.leasedKey(server) != nil }
        let key = try #require(try await self.leasedKey(server))
        process.freeze()
        try await Fixture.until(.seconds(40)) { try await self.leasedKey(server) == nil }
        #expect(process.status == nil)
        let value = RedisNames(namespace: "test").value(key)
        #expect(try await server.cli("EXISTS", value) == "0", "it was frozen before its answer came")
        return key
    }

    @Test func takesNoLeaseFromItsSuccessor() async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: Self.latency) { upstream in
                let job = try Job(redis: server.url, upstream: upstream)
                defer { try? FileManager.default.removeItem(at: job.file) }
                try await job.start { frozen in
                    let key = try await self.freeze(frozen, server)
                    try await Fixture.withStore(server.url, { $1.leaseDuration = .seconds(120) }) { store in
                        guard case .asker(let lease) = try await store.lease(key).holder else {
                            throw Fixture.TimedOut()
                        }
                        frozen.thaw()
                        let report = try await Job.report(frozen)
                        #expect(report["upstream_calls"]?.int == 1)
                        #expect(try await store.renew(lease), "it is still the successor's")
                        // Its answer is of the present generation, and right.
                        let stored = try #require(try await store.get(key))
                        #expect(stored.key == key)
                        try await store.end(lease, .stored)
                        try await job.start { other in
                            let report = try await Job.report(other)
                            #expect(report["upstream_calls"]?.int == 0 && report["hits"]?.int == 1)
                        }
                        #expect(try await store.get(key)?.body == stored.body)
                    }
                }
            }
        }
    }

    @Test func bringsNothingBackThatWasPurged() async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: Self.latency) { upstream in
                let job = try Job(redis: server.url, upstream: upstream)
                defer { try? FileManager.default.removeItem(at: job.file) }
                try await job.start { frozen in
                    let key = try await self.freeze(frozen, server)
                    try await job.start { successor in
                        let report = try await Job.report(successor)
                        #expect(report["upstream_calls"]?.int == 1, "it has taken over")
                    }
                    try await Fixture.withStore(server.url) { store in
                        #expect(try await store.get(key) != nil)
                        try await store.purge(.all)
                        #expect(try await store.get(key) == nil)
                        frozen.thaw()
                        _ = try await Job.report(frozen)
                        #expect(try await store.get(key) == nil, "what it stored is of before the purge")
                    }
                    try await job.start { other in
                        let report = try await Job.report(other)
                        #expect(report["upstream_calls"]?.int == 1 && report["hits"]?.int == 0)
                    }
                }
            }
        }
    }
}
