import Foundation
import RefrainCore
import RefrainKeys
import RefrainTesting
import TestSupport
import Testing

@testable import RefrainRedis

/// `refrain stats`, `inspect` and `purge` on a namespace of a Redis, and how each command says that it cannot use one.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct NamespaceCommandTests {
    private typealias Fixture = StoreFixture

    private static let namespace = "n"

    /// What a run of the command left behind.
    private struct Result {
        var status: Int32
        var output: String
        var errors: String
        var json: JSONValue? { try? JSONValue(Array(self.output.utf8)) }
    }

    private static func refrain(_ arguments: [String], redis: String) async throws -> Result {
        try await withChildProcess(
            try BuiltProducts.path(of: "refrain"), arguments,
            environment: ["REFRAIN_REDIS": redis, "REFRAIN_NAMESPACE": Self.namespace]
        ) { process in
            func text(_ lines: AsyncStream<String>) async -> String {
                await lines.reduce(into: "") { $0 += $1 + "\n" }
            }
            let (output, errors) = await (text(process.output), text(process.errors))
            return Result(status: await process.waitUntilExit(), output: output, errors: errors)
        }
    }

    // MARK: Errors at the start

    /// What a run needs besides, so that nothing but the Redis is wrong.
    private static let commands = [
        ["stats"], ["inspect", String(repeating: "0", count: 64)], ["purge", "--all"],
        ["run", "REQUESTS", "--simulate"],
    ]

    private static func withRequests(
        _ command: [String], _ body: ([String]) async throws -> Void
    ) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("refrain-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        let line = #"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#
        try Data((line + "\n").utf8).write(to: file)
        try await body(command.map { $0 == "REQUESTS" ? file.path : $0 })
    }

    @Test(arguments: Self.commands)
    func aRefusedPasswordIsAnErrorAtTheStart(_ command: [String]) async throws {
        let user = RedisServer.Options.User(name: "refrain", password: "s3cr3t-right", rights: ["allkeys", "+@all"])
        try await Self.withRequests(command) { arguments in
            try await withRedisServer(.init(password: "s3cr3t-right")) { server in
                try await Self.expectRefusal(arguments, ":s3cr3t-wrong@", "wrong user name or password", server)
                try await Self.expectRefusal(arguments, "", "asks for a password", server)
            }
            try await withRedisServer(.init(user: user)) { server in
                try await Self.expectRefusal(arguments, "refrain:s3cr3t-wrong@", "wrong user name or password", server)
                try await Self.expectRefusal(arguments, "nobody:s3cr3t-right@", "wrong user name or password", server)
            }
        }
    }

    private static func expectRefusal(
        _ arguments: [String], _ credentials: String, _ reason: String, _ server: RedisServer
    ) async throws {
        let result = try await Self.refrain(arguments, redis: "redis://\(credentials)127.0.0.1:\(server.port)")
        #expect(result.status == 2 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains(reason) && result.errors.contains("127.0.0.1"), "\(result.errors)")
        #expect(!result.errors.contains("s3cr3t"))
    }

    @Test(arguments: Self.commands)
    func aRedisThatCannotBeUsedIsAnErrorAtTheStart(_ command: [String]) async throws {
        let cases = [
            ("redis://:s3cr3t@127.0.0.1:\(try FreePorts.next())", "connection refused"),
            ("redis://:s3cr3t@no-such-host.invalid", "unknown host"), ("http://:s3cr3t@x", "redis://"),
            ("redis://:s3cr3t@x:port", "port"),
        ]
        try await Self.withRequests(command) { arguments in
            for (url, reason) in cases {
                let result = try await Self.refrain(arguments, redis: url)
                #expect(result.status == 2 && result.output.isEmpty, "\(result)")
                #expect(result.errors.contains(reason), "\(result.errors)")
                #expect(!result.errors.contains("s3cr3t"))
            }
        }
    }

    // MARK: What is stored

    /// Entries that differ in what a purge may name.
    private enum Entry: Int, CaseIterable {
        case plain, tagged, ofModel, ofVersion, old

        var key: RequestKey { StoreFixture.key(self.rawValue) }

        var labels: [Label] {
            switch self {
            case .plain, .old: []
            case .tagged: [.tag("release")]
            case .ofModel: [.model("claude-opus-4-1")]
            case .ofVersion: [.version("v7")]
            }
        }
    }

    private static func withEntries(_ body: (RedisStore, RedisServer) async throws -> Void) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, namespace: Self.namespace) { store in
                for entry in Entry.allCases {
                    let now = TimeSource.system.now()
                    let end = now.advanced(by: .seconds(3_600))
                    try await store.set(
                        entry.key,
                        Envelope(
                            key: entry.key, form: .message,
                            created: entry == .old ? now.advanced(by: .seconds(-7_200)) : now, freshUntil: end,
                            staleUntil: end, generation: try await store.generation(), labels: entry.labels,
                            details: .init(requestedModel: "claude-asked", answeringModel: "claude-answered"),
                            headers: [], body: SampleMessage.json("hello")))
                }
                try await body(store, server)
            }
        }
    }

    @Test func inspectTellsOfAnEntryWithoutItsContent() async throws {
        try await Self.withEntries { store, server in
            let entry = Entry.tagged
            let result = try await Self.refrain(["inspect", entry.key.hex, "--json"], redis: server.url)
            let json = try #require(result.json, "\(result)")
            #expect(result.status == 0 && json["key"]?.string == entry.key.hex)
            #expect(json["requested_model"] == "claude-asked" && json["answering_model"] == "claude-answered")
            #expect(json["labels"] == .array(["tag:release"]))
            #expect(json["bytes"]?.int == SampleMessage.json("hello").count)
            #expect((0...3_600).contains(json["fresh_for_seconds"]?.int ?? -1))
            let old = try await Self.refrain(["inspect", Entry.old.key.hex, "--json"], redis: server.url)
            #expect((old.json?["age_seconds"]?.int ?? 0) >= 7_200, "\(old)")
            let text = try await Self.refrain(["inspect", entry.key.hex], redis: server.url)
            #expect(text.status == 0 && text.output.contains("labels   tag:release\n"), "\(text)")
            #expect(!(text.output + result.output).contains("hello"))

            let absent = try await Self.refrain(["inspect", Fixture.key(99).hex], redis: server.url)
            #expect(absent.status == 1 && absent.errors.contains("nothing that may be read"), "\(absent)")
            try await store.purge(.label(.tag("release")))
            let purged = try await Self.refrain(["inspect", entry.key.hex], redis: server.url)
            #expect(purged.status == 1 && purged.output.isEmpty, "\(purged)")
            let other = try await Self.refrain(["inspect", Entry.plain.key.hex, "--namespace", "o"], redis: server.url)
            #expect(other.status == 1, "\(other)")
        }
    }

    @Test func aPurgeCanEraseWhatItNames() async throws {
        try await Self.withEntries { store, server in
            let place = ["--redis", server.url, "--namespace", Self.namespace, "--json"]
            // The flags come before the environment.
            let result = try await Self.refrain(
                ["purge", "--tag", "release", "--older-than", "1h", "--erase"] + place, redis: "redis://127.0.0.1:1")
            #expect(result.status == 0 && result.output == #"{"purges":2,"erased":2}"# + "\n", "\(result)")
            #expect(try await store.get(Entry.tagged.key) == nil)
            #expect(try await store.get(Entry.plain.key) != nil)
        }
    }

    @Test(arguments: [
        (["--key", Entry.plain.key.hex], [Entry.plain]), (["--tag", "release"], [.tagged]),
        (["--model", "claude-opus-4-1"], [.ofModel]), (["--version", "v7"], [.ofVersion]),
        (["--older-than", "1h"], [.old]), (["--older-than", "3h"], []),
        (["--tag", "release", "--key", Entry.ofModel.key.hex, "--version", "v7"], [.tagged, .ofModel, .ofVersion]),
        (["--all"], Entry.allCases), (["--tag", "nobody's"], []),
    ])
    private func aPurgeMakesUnreadableWhatItNames(_ what: [String], _ named: [Entry]) async throws {
        try await Self.withEntries { store, server in
            let result = try await Self.refrain(["purge"] + what, redis: server.url)
            let count = what.count { $0.hasPrefix("--") }
            #expect(result.status == 0, "\(result)")
            #expect(result.output == "recorded \(count) purge\(count == 1 ? "" : "s") in \(Self.namespace)\n")
            func readable() async throws -> Set<Entry> {
                var entries: Set<Entry> = []
                for entry in Entry.allCases where try await store.get(entry.key) != nil { entries.insert(entry) }
                return entries
            }
            let left = Set(Entry.allCases).subtracting(named)
            // This process hears of it.
            try await Fixture.until(.seconds(2)) { try await readable() == left }
            #expect(try await server.cli("KEYS", "refrain:n:*:v").split(separator: "\n").count == Entry.allCases.count)
            let erased = try await Self.refrain(["purge", "--erase", "--json"], redis: server.url)
            #expect(erased.json?["erased"]?.int == named.count, "\(erased)")
            #expect(try await server.cli("KEYS", "refrain:n:*:v").split(separator: "\n").count == left.count)
            #expect(try await readable() == left)
            let stats = try await Self.refrain(["stats", "--json"], redis: server.url)
            #expect(stats.json?["entries"]?.int == left.count, "\(stats)")
        }
    }
}
