import Foundation
import Testing

@testable import RefrainKeys

/// Keys that were given out must stay what they are. Any change to the file of vectors needs a new canonicaliser id,
/// and a new file; the file says which id it is for.
///
/// With `REFRAIN_WRITE_GOLDEN_KEYS` set, the file is written anew instead of compared.
@Suite struct GoldenKeyTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden/keys.jsonl")

    @Test func `no key has moved`() throws {
        let lines = try Self.cases.map(Self.line)
        if ProcessInfo.processInfo.environment["REFRAIN_WRITE_GOLDEN_KEYS"] != nil {
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: Self.file)
        }
        let recorded = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(recorded.count == lines.count)
        for (recorded, line) in zip(recorded, lines) {
            #expect(recorded == line, "a key has moved without a new canonicaliser id")
        }
    }

    @Test func `the vectors are for this canonicaliser, and none was lost`() throws {
        #expect(Preamble.canonicalizer == "refrain-key/1")
        #expect(Self.cases.count == 30)
    }

    private struct Case: Sendable {
        var name: String
        var body: String
        var change: @Sendable (inout KeyContext) -> Void = { _ in }
    }

    private static func line(_ golden: Case) throws -> String {
        var context = KeyContext(scope: .shared("golden"))
        golden.change(&context)
        let body = Array(golden.body.utf8)
        let deriver = KeyDeriver(context)
        var line: [UInt8] = Array(
            #"{"id":"\#(Preamble.canonicalizer)","name":"\#(golden.name)","scope":"\#(context.scope)","body":"#.utf8)
        JSONString.append(body, quotedTo: &line)
        switch deriver.derive(body) {
        case .key(let request):
            line += ",\"hashed\":".utf8
            JSONString.append(try deriver.canonical(body), quotedTo: &line)
            line += ",\"key\":\"\(request.key)\"}".utf8
        case .bypass(let reason): line += ",\"bypass\":\"\(reason)\"}".utf8
        }
        return String(decoding: line, as: UTF8.self)
    }

    private static let cases: [Case] = {
        let small = #"{"model":"claude-opus-5-5","max_tokens":1024,"messages":[{"role":"user","content":"Hello"}]}"#
        return [
            Case(name: "smallest", body: "{}"),
            Case(name: "small", body: small),
            Case(name: "small, other scope", body: small) { $0.scope = .shared("other") },
            Case(name: "small, api key", body: small) {
                if let scope = Scope.credential(apiKey: "sk-ant-golden", authorization: nil) { $0.scope = scope }
            },
            Case(name: "small, api key and token, workspace, profile", body: small) {
                if let scope = Scope.credential(
                    apiKey: "sk-ant-golden", authorization: "Bearer token", workspace: "wrkspc_1", userProfile: "p")
                {
                    $0.scope = scope
                }
            },
            Case(name: "small, unscoped", body: small) { $0.scope = .unscoped },
            Case(name: "small, count tokens", body: small) { $0.path = "/v1/messages/count_tokens?beta=true" },
            Case(name: "small, version and betas", body: small) {
                $0.version = "2026-10-21"
                $0.betas = ["b-2,a-1", "pdfs-2024-09-25"]
            },
            Case(name: "small, user version and sample", body: small) {
                $0.userVersion = "prompt 7\n"
                $0.sampleIndex = 3
            },
            Case(name: "small, origin", body: small) { $0.origin = "HTTP://Localhost:8787/" },
            Case(
                name: "small, ignored parameters and white space",
                body:
                    "{ \"stream\" : true, \"model\":\"claude-opus-5-5\" ,\n\t\"metadata\": {\"user_id\":\"u\"}, \"service_tier\":\"auto\",\"speed\":\"fast\",\"cache_control\":{\"type\":\"ephemeral\"},\"diagnostics\":{\"previous_message_id\":null},\"messages\":[ {\"content\" : [{\"cache_control\":{\"type\":\"ephemeral\"},\"text\":\"Hel\\u006co\",\"type\":\"text\"}], \"role\":\"user\"} ],\"max_tokens\":1.024e3}"
            ),
            Case(name: "speed keyed", body: #"{"model":"m","speed":"fast"}"#) { $0.options.keysSpeed = true },
            Case(
                name: "escapes",
                body: #"{"model":"\u0041\/\b\f\n\r\t\"\\\u0001\u001F\u007f\u00e9\u20ac\ud83d\ude00\ud83d"}"#),
            Case(
                name: "numbers",
                body: #"{"temperature":1.50,"top_p":0.00001,"top_k":4e1,"max_tokens":1e21,"other":1.50}"#),
            Case(name: "large exponent", body: #"{"temperature":1e99999}"#),
            Case(
                name: "settings",
                body:
                    #"{"thinking":{"type":"enabled","budget_tokens":2048.0,"new":{"b":1,"a":2}},"tool_choice":{"name":"n","type":"tool"},"output_config":{"task_budget":{"total":1e5,"type":"tokens"},"format":{"type":"json_schema","schema":{"type":"object","properties":{"b":{},"a":{}}}},"effort":"high"}}"#
            ),
            Case(
                name: "context management",
                body:
                    #"{"context_management":{"edits":[{"type":"clear_tool_uses_20250919","trigger":{"value":3e4,"type":"input_tokens"}}]}}"#
            ),
            Case(
                name: "system",
                body:
                    #"{"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"text":"b","type":"text"}]}"#
            ),
            Case(name: "system as a string", body: #"{"system":"Be brief."}"#),
            Case(
                name: "tools",
                body:
                    #"{"tools":[{"name":"n","input_schema":{"type":"object","properties":{"cache_control":{"type":"string"},"a":{"default":1.0}}},"input_examples":[{"b":1,"a":2}],"cache_control":{"type":"ephemeral"},"description":"d"},{"type":"bash_20250124","name":"bash"},{"type":"computer_20251124","name":"computer","display_width_px":1024.0},{"type":"browser_toolset_20260801","configs":{"zoom":{"enabled":true},"find":{"enabled":false}}}]}"#
            ),
            Case(
                name: "agent turn",
                body:
                    #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"toolu_1","name":"n","input":{"b":1,"a":{"cache_control":1}}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":false,"content":[{"type":"text","text":"r","cache_control":{"type":"ephemeral"}}],"cache_control":{"type":"ephemeral"}}]}]}"#
            ),
            Case(
                name: "documents",
                body:
                    #"{"messages":[{"role":"user","content":[{"type":"document","title":"t","source":{"type":"content","content":[{"type":"text","text":"x"}]},"citations":{"enabled":true}},{"type":"image","source":{"type":"base64","data":"aGk=","media_type":"image/png"}},{"type":"search_result","source":"s","title":"t","content":[]}]}]}"#
            ),
            Case(
                name: "server tool history",
                body:
                    #"{"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},{"type":"web_search_tool_result","tool_use_id":"s","content":[{"url":"u","type":"web_search_result","title":"t"}]}]}]}"#
            ),
            Case(
                name: "unknown everything",
                body:
                    #"{"z":{"b":1,"a":[1.0,{"d":1,"c":2}]},"a":null,"messages":[{"role":"x","content":[{"type":"new","y":{"b":1,"a":2}}],"w":1.0}]}"#
            ),
            Case(name: "fallbacks", body: #"{"fallbacks":[{"model":"m","max_tokens":1e1}],"stream":false}"#) {
                $0.options.fallbacks = true
            },
            Case(
                name: "url and file",
                body:
                    #"{"messages":[{"content":[{"type":"image","source":{"url":"https://x","type":"url"}},{"type":"document","source":{"type":"file","file_id":"f"}}]}]}"#
            ) {
                $0.options.urlSources = true
                $0.options.fileSources = true
            },
            Case(name: "bypass: server tool", body: #"{"tools":[{"type":"web_search_20260318","name":"web_search"}]}"#),
            Case(name: "bypass: duplicate", body: #"{"a":1,"\u0061":2}"#),
            Case(name: "bypass: prewarm", body: #"{"max_tokens":0}"#),
            Case(name: "bypass: invalid", body: #"{"a":}"#),
        ]
    }()
}
