import RefrainKeys
import Testing

/// Every reason why a request has no key, and where it says it found it.
@Suite struct BypassTests {
    private static func request(_ parameters: String) -> String {
        #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],\#(parameters)}"#
    }

    private static func block(_ block: String) -> String {
        #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"user","content":[{"type":"text","text":"a"},\#(block)]}]}"#
    }

    private static func tool(_ type: String) -> String {
        Self.request(#""tools":[{"name":"a","input_schema":{}},{"type":"\#(type)","name":"b"}]"#)
    }

    @Test(arguments: [
        ("", "invalid-json: unexpected-end at byte 0"),
        (" ", "invalid-json: unexpected-end at byte 1"),
        ("{", "invalid-json: unexpected-end at byte 1"),
        (#"{"a":1,}"#, "invalid-json: unexpected-byte at byte 7"),
        (#"{"a":01}"#, "invalid-json: invalid-number at byte 7"),
        (#"{"a":"\x"}"#, "invalid-json: invalid-escape at byte 7"),
        ("{\"a\":\"\n\"}", "invalid-json: control-character at byte 6"),
        (#"{"a":1} x"#, "invalid-json: trailing-bytes at byte 8"),
        ("\u{FEFF}{}", "invalid-json: unexpected-byte at byte 0"),
        ("[]", "not-an-object"), ("null", "not-an-object"), (#""x""#, "not-an-object"), ("1", "not-an-object"),
        (#"{"a":1,"b":2,"a":3}"#, "duplicate-member: at byte 13"),
        (#"{"a":1,"b":2,"\u0061":3}"#, "duplicate-member: at byte 13"),
        (#"{"x":{"y":[{"a":1,"a":1}]}}"#, "duplicate-member: at byte 18"),
        (#"{"x":{"":1,"":1}}"#, "duplicate-member: at byte 11"),
        (#"{"x":{"\ud83d\ude00":1,"😀":1}}"#, "duplicate-member: at byte 23"),
        (#"{"x":{"\ud83d":1,"\uD83D":1}}"#, "duplicate-member: at byte 17"),
    ])
    func `a body that is not a request`(body: String, reason: String) {
        #expect(bypass(body)?.description == reason)
    }

    @Test(
        arguments: [
            (request(#""x":0"#).replacing(#""max_tokens":1"#, with: #""max_tokens":0"#), "max-tokens-zero: max_tokens"),
            (
                request(#""x":0"#).replacing(#""max_tokens":1"#, with: #""max_tokens":0.0"#),
                "max-tokens-zero: max_tokens"
            ),
            (
                request(#""x":0"#).replacing(#""max_tokens":1"#, with: #""max_tokens":-0e5"#),
                "max-tokens-zero: max_tokens"
            ),
            (request(#""thread":{"type":"create"}"#), "thread: thread"),
            (request(#""thread":{"type":"continue","previous_message_id":"msg_1"}"#), "thread: thread"),
            (request(#""compaction":{"type":"summarize"}"#), "compaction: compaction"),
            (
                request(
                    #""context_management":{"edits":[{"type":"clear_tool_uses_20250919"},{"type":"compact_20260112"}]}"#
                ),
                "compaction: context_management.edits[1]"
            ),
            (
                request(#""context_management":{"edits":[{"type":"\u0063ompact_20990101"}]}"#),
                "compaction: context_management.edits[0]"
            ),
            (request(#""fallback_credit_token":"t""#), "fallback-credit-token: fallback_credit_token"),
            (request(#""container":"container_1""#), "container: container"),
            (request(#""container":{"id":"container_1"}"#), "container: container"),
            (request(#""container":{"skills":[{"type":"anthropic","skill_id":"pptx"}]}"#), "skills: container"),
            (request(#""skills":[]"#), "skills: skills"),
            (
                request(#""mcp_servers":[{"type":"url","url":"https://example.com","name":"n"}]"#),
                "mcp-servers: mcp_servers"
            ),
            (request(#""mcp_servers":[]"#), "mcp-servers: mcp_servers"),
            (
                request(#""diagnostics":{"previous_message_id":"msg_1"}"#),
                "diagnostics: diagnostics.previous_message_id"
            ),
            (request(#""fallbacks":"default""#), "fallbacks: fallbacks"),
            (request(#""fallbacks":[{"model":"n"}]"#), "fallbacks: fallbacks"),
        ]
            + [
                "web_search_20250305", "web_search_20260209", "web_search_20260318", "web_fetch_20250910",
                "web_fetch_20260318",
                "code_execution_20250522", "code_execution_20250825", "code_execution_20260120",
                "code_execution_20260521",
                "advisor_20260301", "mcp_toolset", "x_future_20990101", "", "Custom", "customs", "custo",
            ].map { (tool($0), "server-tool: tools[1].type") } + [
                (request(#""tools":[{"type":1,"name":"b"}]"#), "server-tool: tools[0].type"),
                (request(#""tools":[{"type":"w\u0065b_search_20250305","name":"b"}]"#), "server-tool: tools[0].type"),
                (
                    block(
                        #"{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"web_search_20250305"}}}"#
                    ),
                    "server-tool: messages[1].content[1].type"
                ),
                (
                    block(#"{"type":"tool_addition","tool":{"type":"mcp_toolset","mcp_server_name":"s"}}"#),
                    "mcp-servers: messages[1].content[1]"
                ),
                (
                    block(#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#),
                    "url-source: messages[1].content[1].source"
                ),
                (
                    block(#"{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}"#),
                    "url-source: messages[1].content[1].source"
                ),
                (
                    block(#"{"type":"image","source":{"\u0074ype":"ur\u006c"}}"#),
                    "url-source: messages[1].content[1].source"
                ),
                (
                    block(#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#),
                    "file-source: messages[1].content[1].source"
                ),
                (
                    block(#"{"type":"container_upload","file_id":"file_1"}"#),
                    "file-source: messages[1].content[1].file_id"
                ),
                (
                    block(
                        #"{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url","url":"u"}}]}"#
                    ),
                    "url-source: messages[1].content[1].content[0].source"
                ),
            ])
    func `a request that is not to be cached`(body: String, reason: String) {
        #expect(bypass(body)?.description == reason, "\(body)")
    }

    @Test func `blocks deep inside others are looked at`() {
        let image = #"{"type":"image","source":{"type":"url","url":"u"}}"#
        for block in [
            #"{"type":"document","source":{"type":"content","content":[\#(image)]}}"#,
            #"{"type":"search_result","content":[\#(image)]}"#,
            #"{"type":"tool_result","content":[{"type":"document","source":{"type":"content","content":[\#(image)]}}]}"#,
        ] {
            #expect(bypass(Self.block(block))?.code == .urlSource, "\(block)")
        }
        let system = #"{"model":"m","system":[\#(image)],"messages":[]}"#
        #expect(bypass(system)?.description == "url-source: system[0].source")
    }

    @Test func `a source's words inside free-form values and text are only words`() {
        let bodies = [
            Self.block(
                #"{"type":"tool_use","id":"t","name":"n","input":{"source":{"type":"url","url":"u"},"file_id":"f"}}"#),
            Self.block(#"{"type":"text","text":"{\"type\":\"url\",\"thread\":{}}"}"#),
            Self.request(#""tools":[{"name":"a","input_schema":{"type":"web_search_20250305"}}]"#),
            Self.request(#""metadata":{"thread":{},"container":"c"}"#),
            Self.request(#""x":{"mcp_servers":[],"thread":{}}"#),
            Self.request(#""thread":null,"container":null,"mcp_servers":null,"compaction":null,"fallbacks":null"#),
        ]
        for body in bodies { #expect(key(body) != nil, "\(derive(body)) \(body)") }
    }

    @Test func `known client tools and tool search have keys`() {
        let types = [
            "custom", "bash_20250124", "bash_20241022", "text_editor_20250124", "text_editor_20250429",
            "text_editor_20250728", "text_editor_20241022", "memory_20250818", "computer_toolset_20260801",
            "browser_toolset_20260801", "computer_20241022", "computer_20250124", "computer_20251124",
            "tool_search_tool_bm25_20251119", "tool_search_tool_regex_20251119",
        ]
        expectDistinct(types.map(Self.tool))
        #expect(key(Self.request(#""tools":[{"type":null,"name":"b"}]"#)) != nil)
    }

    @Test func `limits`() {
        var options = KeyOptions()
        options.limits = JSONLimits(bytes: 40, depth: 3, values: 9)
        #expect(
            bypass(#"{"model":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#, options)?.description
                == "too-large: limit 40 bytes")
        #expect(key(#"{"model":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#, options) != nil)
        #expect(bypass(#"{"x":[[[]]]}"#, options)?.description == "too-deep: at byte 7")
        #expect(key(#"{"x":[[]]}"#, options) != nil)
        #expect(bypass(#"{"x":[1,2,3,4,5,6,7]}"#, options)?.code == .tooManyValues)
        #expect(key(#"{"x":[1,2,3,4,5,6]}"#, options) != nil)
        let nested = String(repeating: "[", count: 511) + String(repeating: "]", count: 511)
        #expect(key(#"{"x":\#(nested)}"#) != nil)
        #expect(bypass(#"{"x":[\#(nested)]}"#)?.description == "too-deep: at byte 516")
    }

    @Test func `no bytes that are not UTF-8`() {
        let bad: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3, 0x28], [0xE2, 0x82, 0x28],
        ]
        for bytes in bad {
            let body = Array(#"{"model":""#.utf8) + bytes + Array(#""}"#.utf8)
            guard case .bypass(let reason) = plainDeriver.derive(body) else {
                Issue.record("a key for \(bytes)")
                continue
            }
            #expect(reason.code == .invalidUTF8, "\(bytes)")
            #expect(reason.detail.hasPrefix("at byte 1"), "\(reason)")
        }
        #expect(bypass("{\"\u{10FFFF}\u{D7FF}\u{E000}\u{800}\u{7F}\":1}") == nil)
    }

    @Test func `reasons hold nothing of the content`() {
        let secret = "sk-ant-secret"
        let bodies = [
            #"{"\#(secret)":1,"\#(secret)":2}"#, #"{"a":"\#(secret)"#, #"{"container":"\#(secret)"}"#,
            #"{"tools":[{"type":"\#(secret)"}]}"#, #"{"fallback_credit_token":"\#(secret)"}"#,
            #"{"mcp_servers":[{"authorization_token":"\#(secret)"}]}"#, #"{"a":\#(secret)}"#,
        ]
        for body in bodies {
            let reason = bypass(body)
            #expect(reason != nil)
            #expect(!String(reflecting: reason).contains(secret))
            #expect(reason?.code.description.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "-") } ?? false)
        }
    }
}
