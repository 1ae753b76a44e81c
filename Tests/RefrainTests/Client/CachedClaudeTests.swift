import Refrain
import RefrainCore
import RefrainKeys
import Testing

@Suite struct CachedClaudeTests {
    // MARK: Hits

    @Test func aRepeatCostsNothingAndIsTheSameBytes() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let first = try await claude.messages.create(json: Wire.body())
        #expect(first.cache == .miss(.absent))
        #expect(first.body == Wire.message())
        for _ in 0..<3 {
            let again = try await claude.messages.create(json: Wire.body())
            guard case .hit(.memory, _) = again.cache else {
                Issue.record("\(again.cache)")
                return
            }
            #expect(again.body == first.body)
            #expect(again.key == first.key)
            #expect(again.header("request-id") == "req_1")
        }
        #expect(transport.requests.count == 1)
        #expect(claude.messages.cached(json: Wire.body())?.body == first.body)
        #expect(claude.messages.cached(json: Wire.body("Other")) == nil)
    }

    @Test func aTypedRequestAndItsBytesShareAKey() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let request = MessagesRequest(
            model: "claude-sonnet-5-5", maxTokens: 100, messages: [.user("Hi")], extra: ["novel": .array([1, 2])]
        )
        let typed = try await claude.messages.create(request)
        #expect(typed.message.text == "Hello")
        let raw = try await claude.messages.create(json: request.encoded())
        let written = try await claude.messages.create(json: Wire.body(more: #", "novel" : [1, 2]"#))
        #expect(raw.key == typed.key && written.key == typed.key)
        #expect(transport.requests.count == 1)
    }

    @Test func plainAndStreamingCallsShareAnEntry() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let streamed = try await claude.messages.stream(json: Wire.body()).open()
        #expect(streamed.cache == .miss(.absent))
        let reply = try await streamed.reply()
        let plain = try await claude.messages.create(json: Wire.body())
        #expect(plain.key == reply.key)
        #expect(try Message(json: plain.body).text == "Hello")
        #expect(transport.requests.count == 1)

        // And the other way round.
        _ = try await claude.messages.create(json: Wire.body("Other"))
        let again = try await claude.messages.stream(json: Wire.body("Other")).open()
        guard case .hit = again.cache else {
            Issue.record("\(again.cache)")
            return
        }
        #expect(try await again.reply().body == Wire.message())
        #expect(transport.requests.count == 2)
    }

    @Test func theAnswersFormFollowsTheCallAndNotTheBody() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let reply = try await claude.messages.create(json: Wire.body(more: #","stream":true"#))
        #expect(reply.body == Wire.message())
        for try await _ in claude.messages.stream(json: Wire.body("b", more: #","stream": false"#)) {}
        for try await _ in claude.messages.stream(json: Wire.body("c")) {}
        #expect(
            transport.bodies.map { String(decoding: $0, as: UTF8.self).suffix(14) } == [
                #","stream":false}"#.suffix(14), #","stream": true}"#.suffix(14), #","stream":true}"#.suffix(14),
            ]
        )
    }

    @Test func twoCredentialsNeverShareAnAnswer() async throws {
        let cache = ResponseCache(memory: MemoryStore())
        let transport = ScriptedTransport()
        let one = try CachedClaude.scripted(transport, key: "sk-one", cache: cache)
        let other = try CachedClaude.scripted(transport, key: "sk-other", cache: cache)
        let same = try CachedClaude.scripted(transport, key: "sk-one", cache: cache)
        let workspace = try CachedClaude.scripted(transport, key: "sk-one", cache: cache) { $0.workspace = "wrk_2" }
        let first = try await one.messages.create(json: Wire.body())
        let second = try await other.messages.create(json: Wire.body())
        let third = try await workspace.messages.create(json: Wire.body())
        #expect(transport.requests.count == 3)
        #expect(Set([first.key, second.key, third.key]).count == 3)
        _ = try await same.messages.create(json: Wire.body())
        #expect(transport.requests.count == 3)
    }

    @Test func whatChangesTheAnswerBesidesTheBodyIsInTheKey() throws {
        let transport = ScriptedTransport()
        func key(_ configure: (inout CachedClaude.Configuration) -> Void) throws -> RequestKey? {
            try CachedClaude.scripted(transport, configure: configure).messages.key(json: Wire.body()).key
        }
        let keys = try [
            key { _ in }, key { $0.version = "2026-10-21" }, key { $0.betas = ["context-management-2025-06-27"] },
            key { $0.baseURL = "https://gateway.example" }, key { $0.baseURL = "https://gateway.example/prefix" },
        ]
        #expect(Set(keys).count == keys.count)
        #expect(try key { $0.baseURL = "https://api.anthropic.com/" } == keys[0])
        let claude = try CachedClaude.scripted(transport)
        let version = claude.messages.key(json: Wire.body(), policy: CachePolicy(version: "2")).key
        let sample = claude.messages.key(json: Wire.body(), policy: CachePolicy(sample: 1)).key
        #expect(Set([keys[0], version, sample]).count == 3)
    }

    // MARK: Policies

    @Test func aPolicyOfACallsOwnHoldsForThatCall() async throws {
        let transport = ScriptedTransport { request, number in
            Wire.response(to: request, Wire.message(id: "msg_\(number)"))
        }
        let claude = try CachedClaude.scripted(transport)
        let first = try await claude.messages.create(json: Wire.body())
        let refreshed = try await claude.messages.create(json: Wire.body(), policy: CachePolicy(mode: .refresh))
        #expect(refreshed.cache == .miss(.refresh))
        #expect(refreshed.body != first.body)
        let bypassed = try await claude.messages.create(json: Wire.body(), policy: CachePolicy(mode: .bypass))
        #expect(bypassed.cache == .bypassed(.mode))
        #expect(try await claude.messages.create(json: Wire.body()).body == refreshed.body)
        #expect(transport.requests.count == 3)
    }

    @Test func onlyIfCachedHasAnErrorOfItsOwn() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let policy = CachePolicy(mode: .onlyIfCached)
        let error = await #expect(throws: CacheError.self) {
            try await claude.messages.create(json: Wire.body(), policy: policy)
        }
        #expect(error?.code == .notCached)
        let streamError = await #expect(throws: CacheError.self) {
            try await claude.messages.stream(json: Wire.body(), policy: policy).open()
        }
        #expect(streamError?.code == .notCached)
        #expect(transport.requests.isEmpty)
        _ = try await claude.messages.create(json: Wire.body())
        let hit = try await claude.messages.create(json: Wire.body(), policy: policy)
        #expect(hit.body == Wire.message())
    }

    @Test func aHitThatWouldRepeatAToolCallIsBypassed() async throws {
        let transport = ScriptedTransport(message: Wire.message(toolUse: "toolu_1"))
        let claude = try CachedClaude.scripted(transport)
        let body = Array(
            (#"{"model":"claude-sonnet-5-5","max_tokens":9,"tools":[{"name":"t","input_schema":{"type":"object"}}],"#
                + #""messages":[{"role":"user","content":"x"},{"role":"assistant","content":"#
                + #"[{"type":"tool_use","id":"toolu_1","name":"t","input":{}}]},{"role":"user","content":"#
                + #"[{"type":"tool_result","tool_use_id":"toolu_1","content":"y"}]}]}"#).utf8
        )
        #expect(try await claude.messages.create(json: body).cache == .miss(.absent))
        #expect(try await claude.messages.create(json: body).cache == .bypassed(.toolUseRepeated))
        #expect(try await claude.messages.stream(json: body).open().cache == .bypassed(.toolUseRepeated))
        #expect(claude.messages.cached(json: body) == nil)
        // The same answer to a request without the call is a hit.
        let before = Wire.body(more: #","tools":[{"name":"t","input_schema":{"type":"object"}}]"#)
        _ = try await claude.messages.create(json: before)
        #expect(claude.messages.cached(json: before) != nil)
    }

    // MARK: What has no key

    @Test(arguments: [
        (#","tools":[{"type":"web_search_20260318","name":"web_search"}]"#, "server-tool"),
        (#","container":"c_1""#, "container"), (#","stream":false,"max_tokens":1"#, "duplicate-member"),
    ])
    func aRequestWithoutAKeyPassesThroughUntouched(more: String, reason: String) async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let system = String(repeating: "long ", count: 5_000)
        let body = Wire.body(more: more + #","system":"\#(system)""#)
        for _ in 0..<2 {
            let reply = try await claude.messages.create(json: body)
            #expect(reply.cache == .bypassed(CacheReason(reason)))
            #expect(reply.key == nil)
            #expect(reply.promptCaching == nil)
        }
        #expect(transport.bodies == [body, body])
    }

    @Test func whatIsNotJSONIsForTheAPIToRefuse() async throws {
        let transport = ScriptedTransport { _, _ in Wire.error(400, "invalid_request_error") }
        let claude = try CachedClaude.scripted(transport)
        for body in ["{", "", "[]", "\u{FEFF}{}"].map({ Array($0.utf8) }) {
            let error = await #expect(throws: ClaudeError.self) { try await claude.messages.create(json: body) }
            #expect(error?.type == "invalid_request_error")
            #expect(transport.bodies.last == body)
            await #expect(throws: ClaudeError.self) { try await claude.messages.stream(json: body).open() }
        }
    }

    // MARK: What is sent

    @Test func theRequestCarriesWhatTheAPIAsksFor() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport) {
            $0.betas = ["a-1", "b-2"]
            $0.workspace = "wrk_1"
            $0.baseURL = "http://localhost:1/prefix/"
        }
        _ = try await claude.messages.create(json: Wire.body())
        let request = try #require(transport.requests.first)
        #expect(request.method == "POST")
        #expect(request.url == "http://localhost:1/prefix/v1/messages")
        #expect(request.header("x-api-key") == "sk-ant-test")
        #expect(request.header("authorization") == nil)
        #expect(request.header("anthropic-version") == "2023-06-01")
        #expect(request.header("anthropic-beta") == "a-1,b-2")
        #expect(request.header("anthropic-workspace-id") == "wrk_1")
        #expect(request.header("accept-encoding") == "identity")
        #expect(request.header("content-type") == "application/json")
        #expect(request.timeouts.total == .seconds(600))
        for try await _ in claude.messages.stream(json: Wire.body("b")) {}
        #expect(transport.requests.last?.timeouts.total == nil)
    }

    @Test func promptCachingMarksWhatIsSentAndNotWhatIsKeyed() async throws {
        let transport = ScriptedTransport()
        let claude = try CachedClaude.scripted(transport)
        let body = Wire.body(more: #","system":"\#(String(repeating: "long ", count: 5_000))""#)
        let reply = try await claude.messages.create(json: body)
        #expect(reply.promptCaching?.marks.map(\.path) == ["system[0]"])
        #expect(transport.bodies[0] != body)
        #expect(transport.bodies[0] == PromptCachePlanner(.automatic).apply(to: body).body)
        #expect(reply.key == claude.messages.key(json: body).key)
        let hit = try await claude.messages.create(json: body, promptCaching: .off)
        #expect(hit.promptCaching == nil)
        #expect(hit.key == reply.key)
        _ = try await claude.messages.create(json: body, policy: CachePolicy(mode: .refresh), promptCaching: .off)
        #expect(transport.bodies[1] == body)
    }

    @Test func tokensAreCountedWithoutTheCache() async throws {
        let transport = ScriptedTransport { _, _ in Wire.json(Array(#"{"input_tokens":42}"#.utf8)) }
        let claude = try CachedClaude.scripted(transport)
        let request = MessagesRequest(
            model: .sonnet, maxTokens: 9, messages: [.user("Hi")], stopSequences: ["x"], stream: true
        )
        for _ in 0..<2 { #expect(try await claude.messages.countTokens(request) == 42) }
        #expect(
            transport.requests.map(\.url)
                == Array(repeating: "https://api.anthropic.com/v1/messages/count_tokens", count: 2))
        #expect(
            String(decoding: transport.bodies[0], as: UTF8.self)
                == #"{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"Hi"}]}"#
        )
    }

    // MARK: What it cost

    @Test func costsAndSavingsAreTold() async throws {
        // Sonnet 5.5: input 2, 5-minute write 2.50, read 0.10, output 10 dollars for a million.
        let usage =
            #"{"input_tokens":1000,"cache_creation_input_tokens":100000,"cache_read_input_tokens":10000,"#
            + #""cache_creation":{"ephemeral_5m_input_tokens":100000,"ephemeral_1h_input_tokens":0},"output_tokens":1000}"#
        let transport = ScriptedTransport(message: Wire.message(usage: usage))
        let claude = try CachedClaude.scripted(transport)
        let miss = try await claude.messages.create(json: Wire.body()).cost
        #expect(abs((miss.spent ?? 0) - (0.002 + 0.25 + 0.001 + 0.01)) < 1e-9)
        #expect(miss.saved == 0)
        let hit = try await claude.messages.create(json: Wire.body()).cost
        #expect(hit.spent == 0)
        // The write is priced as a read.
        #expect(abs((hit.saved ?? 0) - (0.002 + 0.01 + 0.001 + 0.01)) < 1e-9)
        #expect(hit.timeSaved >= .zero)
    }

    @Test func aModelWithoutAPriceHasNoCost() async throws {
        let transport = ScriptedTransport(message: Wire.message(model: "claude-unheard-of"))
        let claude = try CachedClaude.scripted(transport)
        let miss = try await claude.messages.create(json: Wire.body()).cost
        #expect(miss.spent == nil && miss.saved == 0)
        let hit = try await claude.messages.create(json: Wire.body()).cost
        #expect(hit.spent == 0 && hit.saved == nil)
    }
}
