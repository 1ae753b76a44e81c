import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

@Suite struct ValidationTests {
    /// A body that is refused, and the text that says why.
    struct Refused: Sendable, CustomTestStringConvertible {
        var name: String
        var body: String
        var message: String
        var status = 400
        var version = "2023-06-01"
        var testDescription: String { self.name }
    }

    private static func user(_ content: String) -> String { #"[{"role":"user","content":\#(content)}]"# }

    private static func body(
        _ members: String, model: String = "claude-haiku-4-5", messages: String = #"[{"role":"user","content":"x"}]"#
    ) -> String {
        #"{"model":"\#(model)","max_tokens":2000,\#(members.isEmpty ? "" : members + ",")"messages":\#(messages)}"#
    }

    private static func marks(_ ttls: [String]) -> String {
        let blocks = ttls.map { #"{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"\#($0)"}}"# }
        return #"[{"role":"user","content":[\#(blocks.joined(separator: ","))]}]"#
    }

    private static let call = #"{"type":"tool_use","id":"toolu_1","name":"t","input":{}}"#
    private static let result = #"{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}"#
    private static let order =
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed "
        + "in the following order: `tools`, `system`, `messages`."

    static let refused: [Refused] = [
        Refused(name: "no JSON", body: "{", message: "The request body is not valid JSON: unexpected-end (char 1)"),
        Refused(
            name: "no object", body: "[]", message: "The request body is not valid: Input should be a valid dictionary"),
        Refused(name: "no model", body: #"{"max_tokens":1,"messages":[]}"#, message: "model: Field required"),
        Refused(
            name: "unknown model", body: body("", model: "claude-does-not-exist"),
            message: "model: claude-does-not-exist",
            status: 404),
        Refused(
            name: "prefix of a model", body: body("", model: "claude-opus-4-5-20250101"),
            message: "model: claude-opus-4-5-20250101", status: 404),
        Refused(
            name: "no max_tokens", body: #"{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"x"}]}"#,
            message: "max_tokens: Field required"),
        Refused(
            name: "negative max_tokens", body: #"{"model":"claude-haiku-4-5","max_tokens":-1,"messages":[]}"#,
            message: "max_tokens: Input should be greater than or equal to 0"),
        Refused(
            name: "fractional max_tokens", body: #"{"model":"claude-haiku-4-5","max_tokens":1.5,"messages":[]}"#,
            message: "max_tokens: Input should be a valid integer"),
        Refused(
            name: "large max_tokens",
            body: #"{"model":"claude-haiku-4-5","max_tokens":64001,"messages":[{"role":"user","content":"x"}]}"#,
            message:
                "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5"),
        Refused(
            name: "no messages", body: #"{"model":"claude-haiku-4-5","max_tokens":1}"#,
            message: "messages: Field required"),
        Refused(
            name: "empty messages", body: body("", messages: "[]"),
            message: "messages: at least one message is required"),
        Refused(
            name: "unknown role", body: body("", messages: #"[{"role":"tool","content":"x"}]"#),
            message:
                "messages: Unexpected role \"tool\". Allowed roles are \"user\" or \"assistant\". For more information, "
                + "see https://docs.claude.com/en/api/messages"),
        Refused(
            name: "empty content", body: body("", messages: user("[]")),
            message:
                "messages.0: all messages must have non-empty content except for the optional final assistant message"),
        Refused(
            name: "empty text", body: body("", messages: user(#"[{"type":"text","text":""}]"#)),
            message: "messages: text content blocks must be non-empty"),
        Refused(
            name: "marked empty text",
            body: body("", messages: user(#"[{"type":"text","text":"","cache_control":{"type":"ephemeral"}}]"#)),
            message: "messages.0.content.0.text: cache_control cannot be set for empty text blocks"),
        Refused(
            name: "unknown parameter", body: body(#""temprature":1"#),
            message: "temprature: Extra inputs are not permitted"),
        Refused(
            name: "sampling in the new version", body: body(#""temperature":1"#),
            message: "temperature: Extra inputs are not permitted", version: "2026-10-21"),
        Refused(
            name: "sampling on a new model", body: body(#""temperature":0"#, model: "claude-opus-4-7"),
            message: "`temperature` may only be set to 1 for this model."),
        Refused(
            name: "document of the assistant",
            body: body(
                "",
                messages:
                    #"[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"document","source":{}}]}]"#
            ),
            message: "messages.1.content.0: document blocks are not permitted in assistant messages",
            version: "2026-10-21"),
        Refused(
            name: "prefill",
            body: body(
                "", model: "claude-sonnet-4-6",
                messages: #"[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]"#),
            message:
                "This model does not support assistant message prefill. The conversation must end with a user message."),
        Refused(
            name: "system message",
            body: body("", model: "claude-sonnet-5", messages: #"[{"role":"system","content":"x"}]"#),
            message:
                "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not "
                + "\"system\" as an input message role."),
        Refused(
            name: "unsupported effort", body: body(#""output_config":{"effort":"xhigh"}"#, model: "claude-opus-4-6"),
            message: "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."),
        Refused(
            name: "small budget", body: body(#""thinking":{"type":"enabled","budget_tokens":1023}"#),
            message: "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
        Refused(
            name: "budget over max_tokens", body: body(#""thinking":{"type":"enabled","budget_tokens":2000}"#),
            message: "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
                + "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
        ),
        Refused(
            name: "thinking switched off", body: body(#""thinking":{"type":"disabled"}"#, model: "claude-opus-5-5"),
            message: "thinking.type: \"disabled\" is not supported for this model."),
        Refused(
            name: "forced tool",
            body: body(
                #""tools":[{"name":"t","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}"#,
                model: "claude-fable-5-1"),
            message: "tool_choice: forcing tool use is not supported for this model."),
        Refused(
            name: "duplicate tool ids",
            body: body(
                "", messages: #"[{"role":"user","content":"x"},{"role":"assistant","content":[\#(call),\#(call)]}]"#),
            message: "messages.1.content.1: `tool_use` ids must be unique"),
        Refused(
            name: "result without its call", body: body("", messages: user("[\(result)]")),
            message: "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1. Each "
                + "`tool_result` block must have a corresponding `tool_use` block in the previous message."),
        Refused(
            name: "call without its result",
            body: body(
                "",
                messages: #"[{"role":"user","content":"x"},{"role":"assistant","content":[\#(call)]},"#
                    + #"{"role":"user","content":"y"}]"#),
            message:
                "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each "
                + "`tool_use` block must have a corresponding `tool_result` block in the next message."),
        Refused(
            name: "malformed tool id",
            body: body("", messages: user(#"[{"type":"tool_use","id":"a b","name":"t","input":{}}]"#)),
            message: "messages.0.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
        Refused(
            name: "five marks", body: body("", messages: marks(["5m", "5m", "5m", "5m", "5m"])),
            message: "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        Refused(
            name: "four marks and the automatic one",
            body: body(
                #""cache_control":{"type":"ephemeral"}"#,
                messages: marks(["5m", "5m", "5m", "5m"]).dropLast() + #",{"role":"user","content":"y"}]"#),
            message: "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        Refused(
            name: "hour after five minutes", body: body("", messages: marks(["5m", "1h"])),
            message: "messages.0.content.1.cache_control.ttl: " + order),
        Refused(
            name: "hour in messages after five minutes in system",
            body: body(
                #""system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]"#, messages: marks(["1h"])),
            message: "messages.0.content.0.cache_control.ttl: " + order),
        Refused(
            name: "automatic mark of another lifetime",
            body: body(#""cache_control":{"type":"ephemeral","ttl":"1h"}"#, messages: marks(["5m"])),
            message:
                "cache_control: the last cacheable block has a cache_control with a different ttl: messages.0.content.0"
        ),
        Refused(
            name: "lifetime that is an object", body: body("", messages: marks(["2h"])),
            message: "messages.0.content.0.cache_control.ephemeral.ttl: Input should be '5m' or '1h'"),
        Refused(
            name: "marked deferred tool",
            body: body(
                #""tools":[{"name":"t","input_schema":{"type":"object"},"defer_loading":true,"#
                    + #""cache_control":{"type":"ephemeral"}}]"#),
            message: "tools.0: cache_control cannot be set for tools with defer_loading=true"),
        Refused(
            name: "marked thinking",
            body: body(
                "",
                messages: user(
                    #"[{"type":"thinking","thinking":"x","signature":"y","cache_control":{"type":"ephemeral"}}]"#)),
            message: "messages.0.content.0.thinking.cache_control: Extra inputs are not permitted"),
        Refused(
            name: "choice without tools", body: body(#""tool_choice":{"type":"any"}"#),
            message: "tool_choice: tool_choice may only be specified while providing tools."),
        Refused(
            name: "two tools of one name",
            body: body(
                #""tools":[{"name":"t","input_schema":{"type":"object"}},{"name":"t","input_schema":{"type":"object"}}]"#
            ),
            message: "tools: Tool names must be unique."),
        Refused(
            name: "tool without a schema", body: body(#""tools":[{"name":"t"}]"#),
            message: "tools.0.custom.input_schema: Field required"),
        Refused(
            name: "streamed pre-warm",
            body:
                #"{"model":"claude-haiku-4-5","max_tokens":0,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
            message: "max_tokens: 0 is not allowed when `stream` is true."),
        Refused(
            name: "long prompt",
            body: body("", messages: user("\"" + String(repeating: "word ", count: 200_001) + "\"")),
            message: "prompt is too long: 200008 tokens > 200000 maximum"),
    ]

    @Test(arguments: refused) func `is refused with the API's text`(request: Refused) throws {
        var claude = Claude()
        let reply = claude.ask(request.body, headers: ["anthropic-version": request.version])
        #expect(reply.status == request.status)
        #expect(try reply.errorMessage == request.message)
        let json = try reply.json
        #expect(json.members.map { $0.name.string } == ["type", "error", "request_id"])
        #expect(
            json["error"]?["type"]?.string == (request.status == 404 ? "not_found_error" : "invalid_request_error"))
        #expect(reply.response.headers.contains(HTTPHeader("x-should-retry", "false")))
        #expect(reply.response.headers.contains { $0.name == "request-id" && $0.value == json["request_id"]?.string })
    }

    @Test func `an id may be used again in a later turn`() {
        var claude = Claude()
        let messages =
            #"[{"role":"user","content":"x"},{"role":"assistant","content":[\#(Self.call)]},"#
            + #"{"role":"user","content":[\#(Self.result)]},{"role":"assistant","content":[\#(Self.call)]},"#
            + #"{"role":"user","content":[\#(Self.result)]}]"#
        #expect(claude.ask(Self.body("", messages: messages)).status == 200)
    }

    @Test func `credentials are asked for`() throws {
        let accounts = ["sk-good": SimulatorConfiguration.Account(organization: "o")]
        var claude = Claude(SimulatorConfiguration(accounts: accounts))
        let body = WireClient.request("Hello")
        let none = claude.ask(body, headers: ["x-api-key": ""])
        #expect(none.status == 401)
        #expect(try none.errorMessage == "x-api-key header is required")
        let wrong = claude.ask(body)
        #expect(wrong.status == 401)
        #expect(try wrong.errorMessage == "invalid x-api-key")
        #expect(claude.ask(body, headers: ["x-api-key": "sk-good"]).status == 200)
        #expect(claude.ask(body, headers: ["x-api-key": "", "authorization": "Bearer sk-good"]).status == 200)
        #expect(claude.ask(body, headers: ["x-api-key": "", "authorization": "Bearer sk-bad"]).status == 401)
        // Of both, the key counts.
        #expect(claude.ask(body, headers: ["authorization": "Bearer sk-good"]).status == 401)
    }

    @Test func `versions, betas and codings are checked`() throws {
        var claude = Claude()
        let body = WireClient.request("Hello")
        #expect(
            try claude.ask(body, headers: ["anthropic-version": ""]).errorMessage
                == "anthropic-version: header is required")
        #expect(claude.ask(body, headers: ["anthropic-version": "2024-01-01"]).status == 400)
        #expect(claude.ask(body, headers: ["anthropic-version": "2026-10-21"]).status == 200)
        let betas = "prompt-caching-2024-07-31, interleaved-thinking-2025-05-14,claude-code-20250219"
        #expect(claude.ask(body, headers: ["anthropic-beta": betas]).status == 200)
        let unknown = claude.ask(body, headers: ["anthropic-beta": "pdfs-2024-09-25,a-1"])
        #expect(
            try unknown.errorMessage?.hasPrefix("Unexpected value(s) `a-1` for the `anthropic-beta` header.") == true)
        let coded = claude.ask(body, headers: ["content-encoding": "gzip"])
        #expect(try coded.json["error"]?["details"]?["error_code"]?.string == "request_body_encoding_unsupported")
    }

    @Test func `other paths and methods are refused in the API's shape`() throws {
        var claude = Claude()
        #expect(claude.ask("", path: "/v1/nothing", method: "GET").status == 404)
        #expect(try claude.ask("", path: "/", method: "GET").json["error"]?["type"]?.string == "not_found_error")
        #expect(claude.ask("", path: "/v1/messages", method: "GET").status == 405)
        #expect(claude.ask("", path: "/v1/messages/batches", method: "GET").status == 404)
        let body = WireClient.request("Hello")
        #expect(claude.ask(body, path: "/gateway/anthropic/v1/messages?beta=true").status == 200)
    }

    @Test func `models are listed and found`() throws {
        var claude = Claude()
        let page = try claude.ask("", path: "/v1/models?limit=1000", method: "GET").json
        let ids = page["data"]?.elements.compactMap { $0["id"]?.string } ?? []
        #expect(ids.contains("claude-sonnet-5-5") && ids.contains("claude-haiku-4-5-20251001"))
        #expect(page["first_id"]?.string == ids.first)
        let model = try claude.ask("", path: "/v1/models/claude-haiku-4-5", method: "GET").json
        #expect(model["id"]?.string == "claude-haiku-4-5-20251001")
        #expect(claude.ask("", path: "/v1/models/claude", method: "GET").status == 404)
        #expect(claude.ask("", path: "/v1/models", method: "GET", headers: ["x-api-key": ""]).status == 401)
    }

    @Test func `tokens are counted as a call would report them`() throws {
        var claude = Claude()
        let members = #""system":"Be brief.","tools":[{"name":"t","input_schema":{"type":"object"}}],"#
        let call = claude.ask(WireClient.request("How are you?", members))
        let counted = claude.ask(
            #"{"model":"claude-haiku-4-5",\#(members)"messages":[{"role":"user","content":"How are you?"}]}"#,
            path: "/v1/messages/count_tokens")
        #expect(try counted.json["input_tokens"]?.int == call.message["usage"]?["input_tokens"]?.int)
        let extra = claude.ask(WireClient.request("x"), path: "/v1/messages/count_tokens")
        #expect(try extra.errorMessage == "max_tokens: Extra inputs are not permitted")
    }

    @Test func `unknown parameters and blocks are accepted where the configuration says so`() {
        var claude = Claude(SimulatorConfiguration(acceptsUnknownParameters: true))
        #expect(claude.ask(WireClient.request("x", #""new_parameter":{"a":1},"#)).status == 200)
        #expect(claude.ask(Self.body("", messages: Self.user(#"[{"type":"hologram"}]"#))).status == 200)
    }

    @Test func `a body of more than 32 MB is refused`() {
        var claude = Claude()
        let reply = claude.ask(String(repeating: " ", count: RequestReader.maximumBody + 1))
        #expect(reply.status == 413)
        #expect(reply.text.contains("request_too_large"))
    }
}
