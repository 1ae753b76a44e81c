import RefrainCore
import RefrainKeys
import Testing

@Suite struct WireTypeTests {
    private func json(_ request: MessagesRequest) -> String { String(decoding: request.encoded(), as: UTF8.self) }

    @Test func aShortRequestReadsAsItIsMeant() {
        let request = MessagesRequest(
            model: .sonnet, maxTokens: 1024, system: "Be brief.", messages: [.user("Hi \"you\"\n")])
        #expect(
            self.json(request)
                == #"{"model":"claude-sonnet-5-5","max_tokens":1024,"system":"Be brief.","messages":[{"role":"user","content":"Hi \"you\"\n"}]}"#
        )
    }

    @Test func everyParameterIsEncoded() throws {
        let request = MessagesRequest(
            model: "claude-x", maxTokens: 1, system: .blocks([.text("s", cacheControl: .oneHour)]),
            messages: [
                .user([
                    .text("t"), .image(.base64("AA==", mediaType: "image/png"), cacheControl: .ephemeral),
                    .document(.text("d"), title: "T", context: "C", citations: true),
                    .searchResult(source: "u", title: "t", content: ["a", "b"], citations: false),
                    .document(.content([.text("x")])), .image(.url("u")), .document(.file(id: "f")),
                ]),
                .assistant([
                    .thinking("", signature: "s"), .redactedThinking(data: "d"),
                    .toolUse(id: "t", name: "n", input: try RawJSON(Array(#"{ "b":1.0, "a":2}"#.utf8))),
                ]),
                .user([
                    .toolResult(toolUseID: "t", "ok"), .toolResult(toolUseID: "t", [.text("x")], isError: true),
                ]),
                .system("s"), .assistant("p"),
            ],
            tools: [
                .custom(name: "n", description: "d", inputSchema: ["type": "object", "a": 1.50], strict: true),
                .bash(), .textEditor(maximumCharacters: 9), .memory(cacheControl: .fiveMinutes),
            ], toolChoice: .tool("n", disableParallelToolUse: true),
            thinking: .enabled(budgetTokens: 1024, display: .omitted),
            outputConfiguration: OutputConfiguration(effort: .xhigh, schema: ["z": 1, "a": 2]),
            stopSequences: ["a"], temperature: 0.5, topP: 1, topK: 3, cacheControl: .ephemeral, userID: "u",
            serviceTier: "auto", speed: "fast", inferenceGeo: "us", container: "c",
            diagnostics: ["previous_message_id": nil], stream: true, extra: ["future": [1.0], "other": nil])
        let expected =
            #"{"model":"claude-x","max_tokens":1,"cache_control":{"type":"ephemeral"},"tools":[{"name":"n","description":"d","input_schema":{"type":"object","a":1.5},"strict":true},{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"str_replace_based_edit_tool","max_characters":9},{"type":"memory_20250818","name":"memory","cache_control":{"type":"ephemeral","ttl":"5m"}}],"tool_choice":{"type":"tool","name":"n","disable_parallel_tool_use":true},"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":[{"type":"text","text":"t"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="},"cache_control":{"type":"ephemeral"}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"},"title":"T","context":"C","citations":{"enabled":true}},{"type":"search_result","source":"u","title":"t","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"citations":{"enabled":false}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"x"}]}},{"type":"image","source":{"type":"url","url":"u"}},{"type":"document","source":{"type":"file","file_id":"f"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"t","name":"n","input":{ "b":1.0, "a":2}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"},{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}],"is_error":true}]},{"role":"system","content":"s"},{"role":"assistant","content":"p"}],"thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"},"output_config":{"effort":"xhigh","format":{"type":"json_schema","schema":{"z":1,"a":2}}},"stop_sequences":["a"],"temperature":0.5,"top_p":1,"top_k":3,"metadata":{"user_id":"u"},"service_tier":"auto","speed":"fast","inference_geo":"us","container":"c","diagnostics":{"previous_message_id":null},"stream":true,"future":[1.0],"other":null}"#
        #expect(self.json(request) == expected)
        let again = try MessagesRequest(json: request.encoded())
        #expect(again == request)
        #expect(again.encoded() == request.encoded())
    }

    @Test func whatAPropertyCannotHoldSurvivesAsExtra() throws {
        let body =
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x","clear_at":{"b":1,"a":2}}],"temperature":"warm","metadata":{"user_id":"u","team":"t"},"stop_sequences":"x","system":null,"stream":null}"#
        let request = try MessagesRequest(json: Array(body.utf8))
        #expect(try JSONValue(request.encoded()).sorted == JSONValue(parsing: body).sorted)
        #expect(request.messages[0].extra == ["clear_at": ["b": 1, "a": 2]])
    }

    @Test func extraReplacesAProperty() {
        var request = MessagesRequest(model: .opus, maxTokens: 1, messages: [], stream: true)
        request.extra["stream"] = "yes"
        #expect(self.json(request) == #"{"model":"claude-opus-5-5","max_tokens":1,"messages":[],"stream":"yes"}"#)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"model":"m","max_tokens":1,"messages":[{}]}"#,
        #"{"model":"m","max_tokens":1,"messages":[],"stream":true,"stream":false}"#,
        #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\ud800"}]}"#,
    ]) func refusesWhatIsNoRequest(_ body: String) {
        #expect(throws: WireError.self) { try MessagesRequest(json: Array(body.utf8)) }
    }

    @Test func aMessageIsAViewOfItsJSON() throws {
        let text =
            #"{"id":"m","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a\u0062","citations":[{"c":1}]},{"type":"tool_use","id":"t1","name":"n","input":{"b": 1}},{"type":"text","text":"c"},{"type":"tomorrow","x":1}],"stop_reason":"reason_of_tomorrow","stop_sequence":"S","usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5}},"future":{"a":1}}"#
        let message = try Message(json: Array(text.utf8))
        #expect(message.json == Array(text.utf8))
        #expect(message.id == "m")
        #expect(message.model == "claude-x")
        #expect(message.text == "abc")
        #expect(message.toolUses.map(\.name) == ["n"])
        #expect(message.toolUses.map(\.input.description) == [#"{"b": 1}"#])
        #expect(message.stopReason == "reason_of_tomorrow")
        #expect(message.stopSequence == "S")
        #expect(
            message.usage
                == Usage(
                    inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWrite5mTokens: 5, cacheWrite1hTokens: 5))
        #expect(message.usage.totalInputTokens == 14)
        #expect(message.member("future")?.description == #"{"a":1}"#)
        #expect(message.content.map(\.type) == ["thinking", "text", "tool_use", "text", "tomorrow"])
        // The next turn gives every block back byte for byte.
        let next = MessagesRequest(model: .opus, maxTokens: 1, messages: [.assistant(message)]).encoded()
        #expect(next.firstRange(of: Array(message.content.map(\.json.bytes).joined(separator: [0x2C]))) != nil)
    }

    @Test func usageIsNeverNegativeNorOverflows() throws {
        let usage = try #require(
            Usage(
                json: Array(
                    #"{"input_tokens":-5,"output_tokens":1.5,"cache_creation_input_tokens":-9223372036854775808,"cache_creation":{"ephemeral_1h_input_tokens":9223372036854775807},"cache_read_input_tokens":9223372036854775807}"#
                        .utf8)))
        #expect(usage.inputTokens == 0)
        #expect(usage.outputTokens == 0)
        #expect(usage.cacheWrite5mTokens == 0)
        #expect(usage.totalInputTokens == .max)
        #expect(Usage(json: Array("1".utf8)) == nil)
        #expect(ModelTable.standard.saving(of: usage, model: "claude-opus-5") != nil)
    }

    @Test func summariesTellWhatThePolicyAsks() throws {
        func summary(_ blocks: String, _ members: String = "") throws -> MessageSummary {
            try MessageSummary(
                json: Array(
                    #"{"id":"m","type":"message","model":"c","content":[\#(blocks)],"stop_reason":"tool_use"\#(members)}"#
                        .utf8))
        }
        #expect(try summary("").isEmpty)
        #expect(try summary(#"{"type":"text","text":""}"#).isEmpty)
        #expect(try !summary(#"{"type":"text","text":" "}"#).isEmpty)
        #expect(try !summary(#"{"type":"thinking","thinking":"","signature":""}"#).isEmpty)
        let tools = try summary(
            #"{"type":"tool_use","id":"a","name":"n","input":{}},{"type":"tool_use","id":"b","name":"n","input":{},"caller":{"type":"direct"}}"#
        )
        #expect(tools.toolUseIDs == ["a", "b"])
        #expect(!tools.hasServerTools)
        #expect(
            try summary(#"{"type":"tool_use","id":"a","caller":{"type":"code_execution_20260120"}}"#).hasServerTools)
        #expect(try summary(#"{"type":"server_tool_use","name":"web_search"}"#).hasServerTools)
        let search = try summary(
            #"{"type":"server_tool_use","name":"tool_search_tool_bm25"},{"type":"tool_search_tool_result"}"#)
        #expect(search.hasToolSearch && !search.hasServerTools && !search.hasUnknownBlocks)
        #expect(try summary(#"{"type":"mcp_tool_use"}"#).hasMCP)
        #expect(try summary(#"{"type":"fallback"}"#).hasFallback)
        #expect(try summary(#"{"type":"compaction"}"#).hasCompaction)
        #expect(try summary(#"{"type":"container_upload"}"#).hasContainer)
        #expect(try summary(#"{"type":"tomorrow"}"#).hasUnknownBlocks)
        #expect(try summary("1").hasUnknownBlocks)
        #expect(try summary("", #","container":{"id":"c"}"#).hasContainer)
        #expect(try !summary("", #","container":null"#).hasContainer)
        #expect(try summary("", #","usage":{"iterations":[{"type":"fallback_message"}]}"#).hasFallback)
        let error = try MessageSummary(
            json: Array(#"{"type":"error","error":{"type":"api_error","message":"m"}}"#.utf8))
        #expect(error.error == APIErrorBody(type: .api, message: "m") && !error.isMessage)
        #expect(try !MessageSummary(json: Array("[]".utf8)).isMessage)
        #expect(throws: WireError.self) { try MessageSummary(json: Array("{".utf8)) }
    }

    @Test func errorsReadAndWrite() throws {
        let error = APIErrorBody(
            type: .rateLimit, message: "slow \"down\"", errorCode: "enforced_spend_limit_reached", requestID: "req_1")
        #expect(APIErrorBody(json: error.encoded()) == error)
        #expect(
            String(decoding: error.event().raw, as: UTF8.self)
                == "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow \\\"down\\\"\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}},\"request_id\":\"req_1\"}\n\n"
        )
        #expect(APIErrorBody(json: Array(#"{"type":"message"}"#.utf8)) == nil)
        #expect(APIErrorBody(json: Array("<html>".utf8)) == nil)
    }

    @Test func streamEventsAreTyped() throws {
        let events = textStream.map { StreamEvent(event($0)) }
        guard case .messageStart(let message) = events[0] else { throw WireError(.unexpectedShape, "no start") }
        #expect(message.stopReason == nil)
        #expect(message.usage.inputTokens == 10)
        #expect(events[1] == .contentBlockStart(index: 0, .text("")))
        #expect(events[2] == .ping)
        #expect(events[3] == .contentBlockDelta(index: 0, .text("Hello")))
        #expect(events[6] == .contentBlockStop(index: 0))
        guard case .messageDelta(let delta) = events[7] else { throw WireError(.unexpectedShape, "no delta") }
        #expect(delta.stopReason == .endTurn)
        #expect(delta.usage.outputTokens == 4)
        #expect(events[8] == .messageStop)
        let unknown = #"{"type":"event_of_tomorrow","x":1}"#
        #expect(
            StreamEvent(event(unknown)) == .unknown(type: "event_of_tomorrow", data: try RawJSON(Array(unknown.utf8))))
        #expect(
            StreamEvent(ServerSentEvent(name: "x", data: Array("?".utf8), raw: [])) == .unknown(type: "x", data: nil))
        guard
            case .contentBlockDelta(1, .unknown("d", _)) = StreamEvent(
                event(#"{"type":"content_block_delta","index":1,"delta":{"type":"d"}}"#))
        else { throw WireError(.unexpectedShape, "no unknown delta") }
    }

    @Test(arguments: [
        "null", "true", "[]", "{}", "-0", "1.0", "1e0", "100000000000000000000000001", #""é\"\\\n""#,
        #"{"b":1,"a":[{"c":null},1.50],"a":2}"#,
    ]) func valuesKeepOrderAndNumbers(_ text: String) throws {
        #expect(try JSONValue(parsing: text).description == text)
    }

    @Test func valuesCompareByTheirEncoding() throws {
        #expect("\u{E9}" as JSONValue != "e\u{301}")
        #expect(["a": 1, "b": 2] as JSONValue != ["b": 2, "a": 1])
        #expect(try JSONValue(parsing: "1.0") != 1)
        #expect(try JSONValue(parsing: #"{"\u0061":"\ud83d\ude00"}"#) == ["a": "😀"])
        #expect(JSONObject([("\u{E9}", 1)])["e\u{301}"] == nil)
        #expect(Set([1, 1, "1"] as [JSONValue]).count == 2)
        #expect(throws: WireError.self) { try JSONValue(parsing: #""\ud800""#) }
        #expect(throws: WireError.self) { try JSONValue(parsing: "1 2") }
    }

    @Test func objectsKeepTheirOrderWhenChanged() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = 3
        object["c"] = 4
        object["b"] = nil
        #expect(JSONValue.object(object).description == #"{"a":3,"c":4}"#)
    }

    @Test func numbersAreSpelledAsJSON() {
        let tenth = 0.1
        #expect(JSONNumber(tenth)?.literal == "0.1")
        #expect(JSONNumber(Double.infinity) == nil)
        #expect(JSONNumber(Double.nan) == nil)
        #expect(JSONNumber(literal: "1e5")?.double == 100_000)
        for literal in ["", "01", "+1", "1 ", ".5", "1.", "0x1", "\"1\"", "NaN"] {
            #expect(JSONNumber(literal: literal) == nil)
        }
        for value in [1e300, 1e-300, 123_456_789.5, -0.0, .leastNonzeroMagnitude] {
            let number = JSONNumber(value)
            #expect(number.flatMap { JSONNumber(literal: $0.literal) } == number)
        }
    }
}
