import Foundation
import Refrain
import RefrainCore
import Testing

/// `refrain stats`, `inspect` and `purge` on a running gateway, as an operator starts them.
@Suite(.timeLimit(.minutes(2))) struct GatewayAdminTests {
    private static let token = "token-of-the-operator"

    /// A `refrain` that serves.
    private struct Served {
        let url: String

        /// Asks one question, tagged, and returns where the answer came from and the key.
        func ask(_ question: String = "hi") async throws -> (cache: String?, key: String?) {
            let body =
                #"{"model":"claude-sonnet-5-5","max_tokens":2048,"messages":[{"role":"user","content":"\#(question)"}]}"#
            let client = CurlTransport(CurlTransport.Configuration(proxy: .none))
            let answer = try await client.collect(
                HTTPRequest(
                    method: "POST", url: self.url + "/v1/messages",
                    headers: [
                        HTTPHeader("x-api-key", "sk-test"), HTTPHeader("anthropic-version", "2023-06-01"),
                        HTTPHeader("x-refrain-tags", "release"), HTTPHeader("x-refrain-version", "v1"),
                    ], body: .bytes(Array(body.utf8))))
            await client.shutdown()
            return (answer.header("x-refrain-cache"), answer.header("x-refrain-key"))
        }

        /// Runs a command on it.
        func refrain(_ arguments: String..., token: String? = nil) throws -> Refrain.Result {
            var refrain = Refrain(environment: token.map { ["REFRAIN_ADMIN_TOKEN": $0] } ?? [:])
            refrain.arguments = arguments + ["--gateway", self.url]
            return try refrain.run()
        }
    }

    private static func serving(
        _ command: [String] = ["serve", "--simulate"], token: String? = nil,
        _ body: (Served) async throws -> Void
    ) async throws {
        var refrain = Refrain(environment: token.map { ["REFRAIN_ADMIN_TOKEN": $0] } ?? [:])
        refrain.arguments = command + ["--port", "0", "--json"]
        let running = try refrain.start()
        defer { running.process.terminate() }
        let address = try JSONValue(Array(running.nextOutput().utf8))
        try await body(Served(url: try #require(address["base_url"]?.string)))
    }

    private func json(_ result: Refrain.Result) throws -> JSONValue { try JSONValue(Array(result.output.utf8)) }

    @Test func statsTellWhatTheGatewayHoldsAndDid() async throws {
        try await Self.serving { gateway in
            for _ in 0..<3 { _ = try await gateway.ask() }
            let stats = try self.json(gateway.refrain("stats", "--json"))
            #expect(stats["gateway"]?.string == gateway.url && stats["mode"] == "normal")
            #expect(stats["entries"] == 1 && (stats["bytes"]?.int ?? 0) > 100)
            #expect(stats["requests"] == 3 && stats["upstream_calls"] == 1 && stats["tiers"]?["memory"] == "ok")
            #expect(stats["results"]?["miss"] == 1 && stats["results"]?["hit-memory"] == 2)
            #expect((stats["saved_usd"]?.double ?? 0) > 0 && stats["purge_clock"] == 0)
            let text = try gateway.refrain("stats")
            #expect(text.status == 0 && text.output.contains("requests       3, 2 hit-memory, 1 miss\n"), "\(text)")
        }
    }

    @Test func inspectTellsOfAnEntryWithoutItsContent() async throws {
        try await Self.serving { gateway in
            let key = try #require(try await gateway.ask().key)
            let entry = try self.json(gateway.refrain("inspect", key, "--json"))
            #expect(entry["key"]?.string == key && entry["requested_model"] == "claude-sonnet-5-5")
            #expect(entry["tier"] == "memory" && (entry["output_tokens"]?.int ?? 0) > 0)
            #expect(entry["labels"]?.array?.contains("tag:release") == true)
            let text = try gateway.refrain("inspect", key)
            #expect(text.status == 0 && text.output.contains("tag:release") && !text.output.contains("content"))
            let absent = try gateway.refrain("inspect", String(repeating: "0", count: 64))
            #expect(absent.status == 1 && absent.errors.contains("nothing that may be read"), "\(absent)")
            #expect(absent.output.isEmpty)
        }
    }

    @Test(arguments: [
        ["--tag", "release"], ["--model", "claude-sonnet-5-5"], ["--version", "v1"], ["--key", "KEY"], ["--all"],
        ["--tag", "other", "--tag", "release"],
    ])
    func aPurgeMakesMisses(_ what: [String]) async throws {
        try await Self.serving { gateway in
            let key = try #require(try await gateway.ask().key)
            #expect(try await gateway.ask().cache == "HIT-MEMORY")
            var refrain = Refrain()
            refrain.arguments = ["purge", "--json", "--gateway", gateway.url] + what.map { $0 == "KEY" ? key : $0 }
            let result = try refrain.run()
            #expect(result.status == 0, "\(result)")
            #expect(try self.json(result)["purges"]?.int == what.count { $0.hasPrefix("--") })
            #expect(try await gateway.ask().cache == "MISS")
        }
    }

    @Test func whatIsYoungerThanThePurgeStays() async throws {
        try await Self.serving { gateway in
            _ = try await gateway.ask()
            let result = try gateway.refrain("purge", "--older-than", "1h30m", "--tag", "other")
            #expect(result.status == 0 && result.output == "recorded 2 purges in \(gateway.url)\n", "\(result)")
            #expect(try await gateway.ask().cache == "HIT-MEMORY")
        }
    }

    @Test func theTokenComesFromAFileOrTheEnvironment() async throws {
        let file = try TemporaryFile(Array("\(Self.token)\n".utf8))
        let wrongFile = try TemporaryFile(Array("two words".utf8))
        try await Self.serving(token: Self.token) { gateway in
            #expect(try gateway.refrain("stats", token: Self.token).status == 0)
            #expect(try gateway.refrain("purge", "--all", token: Self.token).status == 0)
            // The file comes first.
            #expect(try gateway.refrain("stats", "--admin-token-file", file.path, token: "wrong-token").status == 0)
            let none = try gateway.refrain("stats")
            #expect(none.status == 2 && none.errors.contains("REFRAIN_ADMIN_TOKEN"), "\(none)")
            let wrong = try gateway.refrain("purge", "--all", token: "token-of-somebody")
            #expect(wrong.status == 2 && wrong.errors.contains("does not take this admin token"), "\(wrong)")
            #expect(!wrong.errors.contains("somebody"))
            for path in [wrongFile.path, "/none"] {
                let result = try gateway.refrain("stats", "--admin-token-file", path, token: Self.token)
                #expect(result.status == 2 && result.errors.contains(path), "\(result)")
            }
            let odd = try gateway.refrain("stats", token: "line\nbreak-in-a-token")
            #expect(odd.status == 2 && odd.errors.contains("cannot be sent"), "\(odd)")
            #expect(!odd.errors.contains("break"))
        }
    }

    @Test func whatIsNoGatewayIsCalledSo() async throws {
        try await Self.serving(["simulate"]) { server in
            for command in [["stats"], ["inspect", String(repeating: "0", count: 64)], ["purge", "--all"]] {
                var refrain = Refrain()
                refrain.arguments = command + ["--gateway", server.url]
                let result = try refrain.run()
                #expect(result.status == 2 && result.errors.contains("no Refrain gateway"), "\(command): \(result)")
                #expect(result.output.isEmpty)
            }
        }
        try await Self.serving { gateway in
            // A path that the gateway does not have is no entry that is not there.
            let result = try Refrain(
                "inspect", String(repeating: "0", count: 64), "--gateway", gateway.url + "/_refrain"
            ).run()
            #expect(result.status == 2, "\(result)")
        }
    }

    @Test(arguments: [
        (["stats"], "--gateway"), (["stats", "--gateway", "http://127.0.0.1:1"], "cannot be reached"),
        (["stats", "--gateway", "127.0.0.1:1"], "https://"),
        (["stats", "--gateway", "http://h", "--redis", "redis://h"], "exclude each other"),
        (["stats", "--gateway", "http://127.0.0.1:1", "--namespace", "n"], "--namespace"),
        (["stats", "--redis", "redis://127.0.0.1:1", "--admin-token-file", "f"], "goes with --gateway"),
        (["purge", "--gateway", "http://127.0.0.1:1"], "what?"),
        (["purge", "--all", "--erase", "--gateway", "http://127.0.0.1:1"], "--erase"),
        (["inspect", "--gateway", "http://127.0.0.1:1", "xyz"], "64 hex digits"),
    ])
    func aWrongUseIsExplained(_ arguments: [String], _ named: String) throws {
        var refrain = Refrain()
        refrain.arguments = arguments
        let result = try refrain.run()
        #expect(result.status == 2 && result.errors.contains(named), "\(result)")
        #expect(result.output.isEmpty)
    }

    @Test func theFlagComesBeforeTheRedisOfTheEnvironment() async throws {
        try await Self.serving { gateway in
            let result = try Refrain(
                "stats", "--gateway", gateway.url, environment: ["REFRAIN_REDIS": "redis://127.0.0.1:1"]
            ).run()
            #expect(result.status == 0 && result.output.contains(gateway.url), "\(result)")
        }
    }
}
