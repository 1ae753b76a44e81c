import Refrain
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainGateway

/// `POST /v1/messages` over a real connection.
@Suite(.timeLimit(.minutes(2))) struct CachedMessagesTests {
    @Test func aRepeatIsAHitAndAStreamSharesIt() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let first = try await gateway.ask()
            #expect(first.status == 200 && first.cache == "MISS" && first.reason == "absent")
            #expect(first.body == SampleMessage.json("Hello!"))
            let second = try await gateway.ask()
            #expect(second.status == 200 && second.cache == "HIT-MEMORY" && second.body == first.body)
            #expect(second.header("age") == "0" && second.header("request-id") == "req_scripted")
            #expect(second.header("x-refrain-key") == first.header("x-refrain-key"))
            let stream = try await gateway.ask(GatewayFixture.question("hello", isStreaming: true))
            #expect(stream.cache == "HIT-MEMORY")
            #expect(stream.header("content-type") == "text/event-stream; charset=utf-8")
            #expect(try stream.body == MessageReplayer.stream(for: SampleMessage.json("Hello!")))
            #expect(gateway.upstream.requests.count == 1)
        }
    }

    @Test func whatIsSentUpstreamIsWhatCameWithoutOurControls() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let headers = [
                HTTPHeader.key, HTTPHeader("anthropic-version", "2023-06-01"), HTTPHeader("anthropic-beta", "b,a"),
                HTTPHeader("x-stainless-lang", "python"), HTTPHeader("x-refrain-tags", "t"),
                HTTPHeader("cache-control", "no-cache"), HTTPHeader("te", "trailers"),
                HTTPHeader("accept-encoding", "gzip"),
            ]
            let body = "{ \"model\" : \"claude-sonnet-4-5\",\"max_tokens\":1e2, \"unknown\":[1.0],\"messages\":[]}"
            _ = try await gateway.ask("/prefix/v1/messages?beta=true", headers: headers, body)
            let sent = try #require(gateway.upstream.requests.first)
            #expect(sent.url == "https://upstream.test/v1/messages")
            #expect(sent.bodyBytes == Array(body.utf8))
            #expect(sent.header("x-api-key") == "sk-test" && sent.header("anthropic-beta") == "b,a")
            #expect(sent.header("x-stainless-lang") == "python" && sent.header("accept-encoding") == "identity")
            for name in ["x-refrain-tags", "cache-control", "te", "host", "content-length", "connection"] {
                #expect(sent.header(name) == nil, "\(name)")
            }
        }
    }

    @Test func othersWithAnotherCredentialAskForThemselves() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            _ = try await gateway.ask()
            #expect(try await gateway.ask(headers: [HTTPHeader("x-api-key", "sk-other")]).cache == "MISS")
            #expect(
                try await gateway.ask(headers: [HTTPHeader("authorization", "Bearer sk-test")]).cache == "HIT-MEMORY")
            let both = [HTTPHeader.key, HTTPHeader("authorization", "Bearer sk-other")]
            #expect(try await gateway.ask(headers: both).cache == "MISS")
            let workspace = [HTTPHeader.key, HTTPHeader("anthropic-workspace-id", "w")]
            #expect(try await gateway.ask(headers: workspace).cache == "MISS")
            let nobody = try await gateway.ask(headers: [])
            #expect(nobody.cache == "BYPASS" && nobody.reason == "no-credential")
            #expect(try await gateway.ask(headers: []).cache == "BYPASS")
        }
    }

    @Test func manyAtOnceMakeOneCall() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(SampleMessage.json("Hello!"), after: [.wait(gate)]))
        try await GatewayFixture.with(RecordingTransport(upstream)) { gateway in
            try await withThrowingTaskGroup(of: CollectedResponse.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        try await gateway.ask(GatewayFixture.question("hello", isStreaming: number % 2 == 1))
                    }
                }
                await upstream.waitForCalls(1)
                while gateway.cache.statistics.flights < 1 { await Task.yield() }
                gate.open()
                for try await response in group { #expect(response.status == 200) }
            }
            #expect(gateway.upstream.requests.count <= 2, "a caller that came after the end may find the stored answer")
        }
    }

    @Test func anErrorOfUpstreamComesBackByteForByte() async throws {
        let body = Array(#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"x":1 }"#.utf8)
        let transport = RecordingTransport { _ in
            HTTPResponse(
                status: 529,
                headers: [
                    HTTPHeader("content-type", "application/json"), HTTPHeader("x-should-retry", "true"),
                    HTTPHeader("retry-after", "7"), HTTPHeader("connection", "close"),
                ], body: ByteStream(body))
        }
        try await GatewayFixture.with(transport) { gateway in
            for isStreaming in [false, true] {
                let answer = try await gateway.ask(GatewayFixture.question("hello", isStreaming: isStreaming))
                #expect(answer.status == 529 && answer.body == body)
                #expect(answer.header("x-should-retry") == "true" && answer.header("retry-after") == "7")
                #expect(answer.cache == "MISS" && answer.reason == "upstream-error")
            }
            #expect(gateway.upstream.requests.count == 2, "the gateway does not retry")
        }
    }

    @Test(arguments: [
        (TransportError.Code.connect, 502, "api_error"), (.firstByteTimeout, 504, "timeout_error"),
        (.truncated, 502, "api_error"),
    ])
    func anUpstreamThatFailsIsAnErrorOfTheAPIsShape(_ code: TransportError.Code, _ status: Int, _ type: String)
        async throws
    {
        let transport = RecordingTransport { _ in throw TransportError(code, during: .connect, "scripted") }
        try await GatewayFixture.with(transport) { gateway in
            let answer = try await gateway.ask()
            #expect(answer.status == status)
            #expect(APIErrorBody(json: answer.body)?.type.rawValue == type)
        }
    }

    @Test func aStreamThatIsCutShortNeverLooksWhole() async throws {
        let events = try MessageReplayer.events(for: SampleMessage.json("Hello!"))
        let upstream = ScriptedUpstream(.stream(Array(events.dropLast(2))))
        try await GatewayFixture.with(RecordingTransport(upstream)) { gateway in
            let answer = try await gateway.ask(GatewayFixture.question("hello", isStreaming: true))
            #expect(answer.text.contains("event: error\n") && !answer.text.contains("message_stop"))
            #expect(gateway.cache.statistics.stored == 0)
        }
    }

    @Test func controlsAreObeyed() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            func ask(_ name: String, _ value: String) async throws -> CollectedResponse {
                try await gateway.ask(headers: [.key, HTTPHeader(name, value)])
            }
            let missing = try await ask("cache-control", "only-if-cached")
            #expect(missing.status == 504 && APIErrorBody(json: missing.body)?.type == .timeout)
            #expect(gateway.upstream.requests.isEmpty)
            #expect(try await ask("cache-control", "no-store").cache == "MISS")
            #expect(try await gateway.ask().cache == "MISS", "nothing was stored")
            #expect(try await ask("cache-control", "only-if-cached").cache == "HIT-MEMORY")
            #expect(try await ask("cache-control", "max-age=60").cache == "HIT-MEMORY")
            #expect(try await ask("cache-control", "no-cache").reason == "refresh")
            #expect(try await ask("cache-control", "max-age=0").reason == "refresh")
            #expect(try await ask("cache-control", "no-cache, no-store").cache == "BYPASS")
            #expect(try await ask("x-refrain-sample", "1").cache == "MISS")
            #expect(try await ask("x-refrain-version", "2").cache == "MISS")
            #expect(try await ask("x-refrain-version", "2").cache == "HIT-MEMORY")
            #expect(try await ask("x-refrain-ttl", "0").reason == "ttl-zero")
            #expect(try await ask("x-refrain-tags", "a, b").cache == "HIT-MEMORY")
        }
    }

    @Test(arguments: [
        ("x-refrain-ttl", "soon"), ("x-refrain-sample", "-1"), ("x-refrain-stale-if-error", "5"),
        ("x-refrain-tll", "5m"), ("cache-control", "max-age=soon"),
    ])
    func aWrongControlIsNamedAndNothingIsSent(_ name: String, _ value: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let answer = try await gateway.ask(headers: [.key, HTTPHeader(name, value)])
            #expect(answer.status == 400)
            let error = try #require(APIErrorBody(json: answer.body))
            #expect(error.type == .invalidRequest && error.message.contains(name))
            #expect(gateway.upstream.requests.isEmpty)
        }
    }

    @Test func anOperatorsBoundHoldsForEveryCaller() async throws {
        let clock = ManualClock()
        let cache = ResponseCache(memory: MemoryStore(time: clock.time), time: clock.time)
        try await GatewayFixture.with(RecordingTransport(), cache: cache, { $0.maximumTTL = .seconds(60) }) { gateway in
            let headers = [HTTPHeader.key, HTTPHeader("x-refrain-ttl", "7d")]
            _ = try await gateway.ask(headers: headers)
            #expect(try await gateway.ask(headers: headers).cache == "HIT-MEMORY")
            clock.advance(by: .seconds(61))
            #expect(try await gateway.ask(headers: headers).cache == "MISS")
        }
    }

    @Test func anObserverForwardsEverything() async throws {
        try await GatewayFixture.with(RecordingTransport(), { $0.observes = true }) { gateway in
            #expect(try await gateway.ask().reason == "observed-miss")
            let second = try await gateway.ask(headers: [.key, HTTPHeader("cache-control", "only-if-cached")])
            #expect(second.cache == "BYPASS" && second.reason == "observed-hit")
            #expect(gateway.upstream.requests.count == 2)
            let statistics = try await gateway.ask("/_refrain/api/stats", method: "GET").text
            #expect(statistics.contains(#""observed-hit":1,"observed-join":0,"observed-miss":1"#))
            let money = try #require(statistics.firstMatch(of: /"would_save_usd":([0-9.]+)/)).1
            #expect(try #require(Double(money)) > 0)
        }
    }

    @Test func membersOfAGroupShareAndTheirTokensStayHere() async throws {
        let member = try #require(MemberID(apiKey: "token-of-one", authorization: nil))
        let other = try #require(MemberID(apiKey: nil, authorization: "Bearer token-of-two"))
        let group = NamedScope(
            name: "team", members: [member, other], upstreamKey: NamedScope.UpstreamKey("sk-of-the-team"))
        try await GatewayFixture.with(RecordingTransport(), { $0.scopes = [group] }) { gateway in
            #expect(try await gateway.ask(headers: [HTTPHeader("x-api-key", "token-of-one")]).cache == "MISS")
            let bearer = [HTTPHeader("authorization", "Bearer token-of-two")]
            #expect(try await gateway.ask(headers: bearer).cache == "HIT-MEMORY")
            #expect(try await gateway.ask(headers: [HTTPHeader("x-api-key", "token-of-three")]).cache == "MISS")
            _ = try await gateway.ask("/v1/models", method: "GET", headers: bearer)
            let keys = gateway.upstream.requests.map { $0.header("x-api-key") }
            #expect(keys == ["sk-of-the-team", "token-of-three", "sk-of-the-team"])
            #expect(gateway.upstream.requests.allSatisfy { $0.header("authorization") == nil })
        }
    }

    @Test func aCompressedBodyIsKeyedAndSentAsItCame() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            _ = try await gateway.ask()
            let plain = try await gateway.ask(headers: [.key, HTTPHeader("content-encoding", "identity")])
            #expect(plain.cache == "HIT-MEMORY")
            let unknown = try await gateway.ask(headers: [.key, HTTPHeader("content-encoding", "zstd")])
            #expect(unknown.cache == "BYPASS" && unknown.reason == "content-encoding")
            #expect(gateway.upstream.requests.last?.header("content-encoding") == "zstd")
        }
    }

    @Test func whatHasNoKeyGoesThroughAsItCame() async throws {
        let transport = RecordingTransport { request in
            HTTPResponse(
                status: 400, headers: [HTTPHeader("content-type", "text/plain")], body: ByteStream(request.bodyBytes))
        }
        try await GatewayFixture.with(transport) { gateway in
            let answer = try await gateway.ask("{\"a\":1,\"a\":2}")
            #expect(answer.status == 400 && answer.text == "{\"a\":1,\"a\":2}")
            #expect(answer.cache == "BYPASS" && answer.reason == "duplicate-member")
            let broken = try await gateway.ask("{broken")
            #expect(broken.reason == "invalid-json" && broken.text == "{broken")
        }
    }
}

extension GatewayFixture {
    fileprivate func ask(_ body: String) async throws -> CollectedResponse {
        try await self.ask("/v1/messages", body)
    }
}
