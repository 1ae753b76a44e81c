import Refrain
import RefrainCore
import RefrainGateway
import RefrainKeys
import RefrainTesting
import Testing

/// Who gets whose answers, and what goes upstream beside them.
@Suite(.timeLimit(.minutes(1))) struct SeparationTests {
    private static let group = MemberID(apiKey: "token", authorization: nil).map {
        NamedScope(name: "team", members: [$0], upstreamKey: NamedScope.UpstreamKey("sk-of-the-team"))
    }

    /// Text that compares as equal to other text, or that has lost its bytes, tells nobody apart.
    @Test(arguments: [
        ("x-api-key", "sk-\u{212A}"), ("authorization", "Bearer caf\u{E9}"), ("anthropic-workspace-id", "\u{C5}"),
        ("anthropic-beta", "b\u{FFFD}"), ("x-refrain-version", "caf\u{E9}"), ("anthropic-later", "\u{E9}"),
    ])
    func whatIsNotASCIIIsRefused(_ name: String, _ value: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let headers = (name == "x-api-key" ? [] : [HTTPHeader.key]) + [HTTPHeader(name, value)]
            let answer = try await gateway.ask(headers: headers)
            #expect(answer.status == 400 && answer.text.contains("\(name) must be ASCII"), "\(answer.text)")
            #expect(gateway.upstream.requests.isEmpty)
        }
    }

    @Test func unknownFieldsOfTheAPIsTellRequestsApart() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            func ask(_ value: String?) async throws -> String? {
                let more = value.map { [HTTPHeader("anthropic-organization-id", $0)] } ?? []
                return try await gateway.ask(headers: [.key] + more).cache
            }
            for value in [nil, "org-a", "org-b"] {
                let caches = [try await ask(value), try await ask(value)]
                #expect(caches == ["MISS", "HIT-MEMORY"])
            }
        }
    }

    @Test(arguments: ["/v1/messages", "/v1/files"])
    func aTokenBesideAnotherCredentialGoesNowhere(_ path: String) async throws {
        let group = try #require(Self.group)
        try await GatewayFixture.with(RecordingTransport(), { $0.scopes = [group] }) { gateway in
            let token = HTTPHeader("x-api-key", "token")
            for more in [HTTPHeader("authorization", "Bearer other"), token] {
                let answer = try await gateway.ask(path, headers: [token, more])
                #expect(answer.status == 400, "\(answer.text)")
            }
            #expect(gateway.upstream.requests.isEmpty)
            _ = try await gateway.ask(path, headers: [token])
            _ = try await gateway.ask(
                path, headers: [HTTPHeader("x-api-key", "a"), HTTPHeader("authorization", "Bearer b")])
            #expect(gateway.upstream.requests.count == 2, "the others are as they were")
        }
    }

    @Test(arguments: ["x-refrain-version", "x-refrain-ttl", "x-refrain-sample"])
    func aControlGivenTwiceIsRefused(_ name: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let answer = try await gateway.ask(headers: [.key, HTTPHeader(name, "1d"), HTTPHeader(name, "2")])
            #expect(answer.status == 400 && answer.text.contains(name))
        }
    }

    /// What a request asked of upstream is paid for, whoever takes the answer.
    @Test func aCallWhoseCallerLeftIsPaidForOnce() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(SampleMessage.json("x"), after: [.wait(gate)]))
        try await GatewayFixture.with(RecordingTransport(upstream)) { gateway in
            let body = GatewayFixture.hello
            let request =
                "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: sk-test\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            _ = try await RawConnection.exchange(
                gateway.port, request, closingAfter: { await upstream.waitForCalls(1) })
            async let second = gateway.ask()
            gate.open()
            #expect(try await second.status == 200)
            let statistics = try await gateway.ask("/_refrain/api/stats", method: "GET").text
            let spent = try #require(statistics.firstMatch(of: /"spent_usd":([0-9.]+)/)).1
            let saved = try #require(statistics.firstMatch(of: /"saved_usd":([0-9.]+)/)).1
            #expect(try #require(Double(spent)) > 0 && spent == saved, "\(statistics)")
            #expect(statistics.contains(#""statuses":{"200":1}"#))
        }
    }
}
