import Foundation
import Refrain
import RefrainCore
import Testing

/// `refrain serve` and `refrain member`, as a user starts them.
@Suite(.timeLimit(.minutes(2))) struct ServeCommandTests {
    @Test func itServesUntilASignalEndsIt() async throws {
        let log = try TemporaryFile()
        let running = try Refrain(
            "serve", "--simulate", "--port", "0", "--json", "--request-log", log.path, "--log-format", "json"
        ).start()
        let address = try JSONValue(Array(running.nextOutput().utf8))
        let base = try #require(address["base_url"]?.string)
        let body = #"{"model":"claude-sonnet-5-5","max_tokens":2048,"messages":[{"role":"user","content":"hi"}]}"#
        let request = HTTPRequest(
            method: "POST", url: base + "/v1/messages",
            headers: [HTTPHeader("x-api-key", "sk-secret-of-the-test"), HTTPHeader("anthropic-version", "2023-06-01")],
            body: .bytes(Array(body.utf8)))
        let client = CurlTransport()
        var answers: [String?] = []
        for _ in 0..<2 { answers.append(try await client.collect(request).header("x-refrain-cache")) }
        await client.shutdown()
        #expect(answers == ["MISS", "HIT-MEMORY"])
        running.process.terminate()
        let result = try running.end()
        #expect(result.status == 0, "\(result.errors)")
        let lines = try String(contentsOfFile: log.path, encoding: .utf8)
        #expect(lines.split(separator: "\n").count == 2 && lines.contains("\"result\":\"hit-memory\""))
        #expect(!(lines + result.errors).contains("sk-secret"))
    }

    @Test func theBannerSaysWhatWhereAndForWhom() throws {
        let running = try Refrain("serve", "--simulate", "--port", "0", "--max-ttl", "1h").start()
        let banner = running.nextOutput()
        running.process.terminate()
        _ = try running.end()
        for part in ["POST /v1/messages, fresh for 7d, at most 1h", "same credential", "memory (256MB)", "_refrain/"] {
            #expect(banner.contains(part), "\(part) in \(banner)")
        }
    }

    @Test(arguments: [
        (["--port", "70000"], "--port"), (["--upstream", "ftp://x"], "http"),
        (["--tls-key", "k"], "--tls-certificate"),
        (["--tls-key", "/none", "--tls-certificate", "/none"], "/none"), (["--mode", "maybe"], "maybe"),
        (["--scopes", "/none.json"], "/none.json"), (["--request-log", "/none/x"], "/none/x"),
        (["--redis", "redis://user:secret-word@/"], "--redis"), (["--max-body", "0"], "--max-body"),
    ])
    func aWrongOptionIsNamed(_ arguments: [String], _ named: String) throws {
        var refrain = Refrain()
        refrain.arguments = ["serve", "--port", "0"] + arguments
        let result = try refrain.run()
        #expect(result.status == 2, "\(result.errors)")
        #expect(result.errors.contains(named), "\(result.errors)")
        #expect(!result.errors.contains("secret-word"))
    }

    @Test func aShortAdminTokenIsRefused() throws {
        let result = try Refrain("serve", "--port", "0", environment: ["REFRAIN_ADMIN_TOKEN": "short"]).run()
        #expect(result.status == 2 && result.errors.contains("16 characters"))
    }

    @Test func aMemberIsNamedWithoutItsCredential() throws {
        let result = try Refrain("member", input: "sk-ant-secret\n").run()
        let name = result.output.trimmingCharacters(in: .newlines)
        #expect(result.status == 0 && name.count == 64 && !name.contains("secret"))
        let file = try TemporaryFile(Array(#"{"team":{"members":["\#(name)"],"upstream_key_env":"NONE"}}"#.utf8))
        let wrong = try Refrain("serve", "--port", "0", "--scopes", file.path).run()
        #expect(wrong.status == 2 && wrong.errors.contains("NONE"))
        #expect(try Refrain("member", input: "two words").run().status == 2)
        let token = try Refrain("member", "--new").run().output.split(separator: "\n")
        let words = token.map { $0.split(separator: " ").map(String.init) }
        #expect(words.map(\.first) == ["token", "member"])
        #expect(try Refrain("member", input: words[0][1]).run().output == words[1][1] + "\n")
    }
}
