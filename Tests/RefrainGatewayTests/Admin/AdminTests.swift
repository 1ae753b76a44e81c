import HTTPTypes
import Refrain
import RefrainCore
import RefrainTesting
import Testing

@testable import RefrainGateway

/// The admin surface: who is let in, and what it tells and does.
@Suite(.timeLimit(.minutes(2))) struct AdminTests {
    private static let token = "a-token-of-some-length"

    private static func head(
        _ method: RequestHead.Method = .get, host: String = "127.0.0.1:8787", _ headers: [HTTPHeader] = []
    ) -> RequestHead {
        var head = RequestHead(method: method, scheme: nil, authority: host, path: "/_refrain/api/stats")
        head.headerFields.append(headers)
        return head
    }

    private static func status(_ head: RequestHead, host: String = "127.0.0.1", token: String? = nil) -> Int {
        let configuration = GatewayConfiguration(host: host, adminToken: token.flatMap(AdminToken.init))
        do throws(Refusal) {
            try AdminGuard(configuration).admit(head)
            return 200
        } catch {
            return error.status
        }
    }

    @Test func onLoopbackThisMachineIsLetInAndForeignPagesAreNot() {
        #expect(Self.status(Self.head()) == 200)
        for host in ["localhost:1", "LOCALHOST", "[::1]:8787", "127.9.9.9"] {
            #expect(Self.status(Self.head(host: host)) == 200, "\(host)")
        }
        for host in ["evil.test:8787", "127.0.0.1.evil.test", "localhost.evil.test", "", "10.0.0.1"] {
            #expect(Self.status(Self.head(host: host)) == 403, "\(host)")
        }
        #expect(Self.status(Self.head(.get, [HTTPHeader("origin", "http://evil.test")])) == 403)
        #expect(Self.status(Self.head(.get, [HTTPHeader("origin", "null")])) == 403)
        #expect(Self.status(Self.head(.get, [HTTPHeader("origin", "http://127.0.0.1:9")])) == 403)
        #expect(Self.status(Self.head(.get, [HTTPHeader("origin", "http://127.0.0.1:8787")])) == 200)
        #expect(Self.status(Self.head(.get, [HTTPHeader("sec-fetch-site", "cross-site")])) == 403)
        #expect(Self.status(Self.head(.get, [HTTPHeader("sec-fetch-site", "same-site")])) == 403)
        #expect(Self.status(Self.head(.get, [HTTPHeader("sec-fetch-site", "same-origin")])) == 200)
    }

    @Test func changesNeedJSON() {
        #expect(Self.status(Self.head(.post)) == 415)
        #expect(Self.status(Self.head(.post, [HTTPHeader("content-type", "text/plain")])) == 415)
        #expect(Self.status(Self.head(.post, [HTTPHeader("content-type", "application/json; charset=utf-8")])) == 200)
    }

    @Test func elsewhereATokenIsNeededAndWithoutOneItIsShut() {
        #expect(Self.status(Self.head(), host: "0.0.0.0") == 403)
        #expect(Self.status(Self.head(), host: "::") == 403)
        for value in [nil, "Bearer wrong-token-of-length", "Basic \(Self.token)", Self.token, "Bearer "] {
            let headers = value.map { [HTTPHeader("authorization", $0)] } ?? []
            #expect(Self.status(Self.head(.get, headers), host: "0.0.0.0", token: Self.token) == 401)
            #expect(
                Self.status(Self.head(.get, headers), token: Self.token) == 401, "on loopback too, where one is set")
        }
        let good = [HTTPHeader("authorization", "Bearer \(Self.token)")]
        #expect(Self.status(Self.head(.get, host: "cache.example", good), host: "0.0.0.0", token: Self.token) == 200)
        #expect(AdminToken("too-short") == nil)
    }

    @Test func nothingSecretIsShown() throws {
        let token = try #require(AdminToken(Self.token))
        let key = try #require(NamedScope.UpstreamKey("sk-secret"))
        let configuration = GatewayConfiguration(
            scopes: [NamedScope(name: "n", members: [], upstreamKey: key)], adminToken: token)
        var text = "\(configuration) \(token) \(key)"
        dump(configuration, to: &text)
        #expect(!text.contains(Self.token) && !text.contains("sk-secret"))
    }

    @Test func healthReadinessMetricsAndTheDashboardAreThere() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            for _ in 0..<3 { _ = try await gateway.ask() }
            #expect(try await gateway.ask("/healthz", method: "GET").text == "{\"status\":\"ok\"}\n")
            let ready = try await gateway.ask("/readyz", method: "GET")
            #expect(ready.status == 200 && ready.text.contains("\"status\":\"ready\""))
            let metrics = try await gateway.ask("/metrics", method: "GET").text
            #expect(metrics.contains("refrain_requests_total{result=\"hit-memory\"} 2\n"))
            #expect(metrics.contains("refrain_requests_total{result=\"miss\"} 1\n"))
            #expect(metrics.contains("refrain_request_seconds_count{result=\"hit-memory\"} 2\n"))
            #expect(metrics.contains("refrain_upstream_calls_total 1\n"))
            let page = try await gateway.ask("/_refrain/", method: "GET")
            #expect(page.header("content-type") == "text/html; charset=utf-8")
            #expect(page.header("content-security-policy")?.contains("default-src 'none'") == true)
            #expect(!page.text.contains("https://") || !page.text.contains("src=\"http"), "nothing from elsewhere")
        }
    }

    @Test func theStatisticsCountWhatHappened() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let headers = [HTTPHeader.key, HTTPHeader("x-refrain-tags", "<b>t</b>")]
            for _ in 0..<3 { _ = try await gateway.ask(headers: headers) }
            _ = try await gateway.ask(headers: [])
            let stats = try await gateway.ask("/_refrain/api/stats", method: "GET")
            guard case .object(let object) = try JSONValue(stats.body) else { throw Missing() }
            #expect(object["requests"] == 4)
            guard case .object(let results)? = object["results"] else { throw Missing() }
            #expect(results["hit-memory"] == 2 && results["miss"] == 1 && results["bypass"] == 1)
            guard case .object(let money)? = object["money"], case .number(let saved)? = money["saved_usd"] else {
                throw Missing()
            }
            // 10 tokens in at $3 and 4 out at $15 a million, twice.
            #expect(abs(saved.double - 2 * (10 * 3 + 4 * 15) / 1e6) < 1e-9)
            guard case .array(let recent)? = object["recent"], case .object(let last)? = recent.first else {
                throw Missing()
            }
            #expect(recent.count == 4 && last["reason"] == "no-credential")
            #expect(!stats.text.contains("sk-test") && !stats.text.contains("hello"), "neither credential nor content")
        }
    }

    @Test func aPurgeThroughTheAPIMakesMisses() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let json = [HTTPHeader("content-type", "application/json")]
            for order in [#"{"tags":["t"]}"#, #"{"models":["claude-sonnet-4-5"]}"#, #"{"all":true}"#] {
                let headers = [HTTPHeader.key, HTTPHeader("x-refrain-tags", "t")]
                _ = try await gateway.ask(headers: headers)
                let hit = try await gateway.ask(headers: headers)
                #expect(hit.cache == "HIT-MEMORY")
                let key = try #require(hit.header("x-refrain-key"))
                let entry = try await gateway.ask("/_refrain/api/entries/\(key)", method: "GET")
                #expect(entry.status == 200 && !entry.text.contains("Hello!"))
                let purge = try await gateway.ask("/_refrain/api/purge", headers: json, order)
                #expect(purge.status == 200)
                #expect(try await gateway.ask(headers: headers).cache == "MISS", "\(order)")
                _ = try await gateway.ask("/_refrain/api/purge", headers: json, "{\"keys\":[\"\(key)\"]}")
                #expect(try await gateway.ask("/_refrain/api/entries/\(key)", method: "GET").status == 404)
            }
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"tags":"t"}"#, #"{"tags":[1]}"#, #"{"keys":["x"]}"#, #"{"older_than":"x"}"#, #"{"a":1}"#,
    ])
    func anOrderThatMakesNoSenseIsRefused(_ order: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let answer = try await gateway.ask(
                "/_refrain/api/purge", headers: [HTTPHeader("content-type", "application/json")], order)
            #expect(answer.status == 400 && APIErrorBody(json: answer.body)?.type == .invalidRequest)
        }
    }

    private struct Missing: Error {}
}
