import Testing

@testable import RefrainKeys

@Suite struct PromptPrefixTests {
    /// A request of two tools, two system blocks and three messages, with some of it replaced.
    private static func request(
        tools: String = #"{"name":"a","input_schema":{"p":1,"q":2}},{"name":"b"}"#,
        system: String = #"[{"type":"text","text":"s1"},{"type":"text","text":"s2"}]"#,
        messages: String =
            #"{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"}"#,
        more: String = #""model":"m""#
    ) -> String {
        #"{\#(more),"tools":[\#(tools)],"system":\#(system),"messages":[\#(messages)]}"#
    }

    private static func prefix(_ one: String, _ other: String) -> PromptPrefix? {
        RequestComparison(Array(one.utf8), Array(other.utf8), in: plainContext).promptPrefix
    }

    struct Case: Sendable {
        var other: String
        var brokenBy: String?
        var section: PromptPrefix.Section?
        var blocks: Int
    }

    @Test(arguments: [
        Case(other: Self.request(), brokenBy: nil, section: nil, blocks: 7),
        Case(
            other: Self.request(tools: #"{"name":"a","input_schema":{"q":2,"p":1}},{"name":"b"}"#),
            brokenBy: "tools[0]",
            section: .tools, blocks: 0),
        Case(
            other: Self.request(
                tools: #"{"input_schema":{"p":1,"q":2},"name":"a","cache_control":{"type":"ephemeral"}},{"name":"c"}"#),
            brokenBy: "tools[1]", section: .tools, blocks: 1),
        Case(
            other: Self.request(tools: #"{"name":"a","input_schema":{"p":1,"q":2}}"#), brokenBy: "tools[1]",
            section: .tools,
            blocks: 1),
        Case(
            other: Self.request(
                tools: #"{"name":"a","input_schema":{"p":1,"q":2}},{"name":"b"},{"name":"late","defer_loading":true}"#),
            brokenBy: nil, section: nil, blocks: 7),
        Case(
            other: Self.request(
                tools:
                    #"{"type":"web_search_20260318","name":"w"},{"name":"a","input_schema":{"p":1,"q":2}},{"name":"b"}"#
            ),
            brokenBy: "tools (web search)", section: .system, blocks: 2),
        Case(
            other: Self.request(system: #"[{"type":"text","text":"s1"},{"type":"text","text":"today"}]"#),
            brokenBy: "system[1]", section: .system, blocks: 3),
        Case(
            other: Self.request(
                messages:
                    #"{"role":"user","content":"one"},{"role":"user","content":"two"},{"role":"user","content":"three"}"#
            ),
            brokenBy: "messages[1].content[0]", section: .messages, blocks: 5),
        Case(
            other: Self.request(
                messages:
                    #"{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"},{"role":"assistant","content":"four"}"#
            ), brokenBy: nil, section: nil, blocks: 7),
        Case(
            other: Self.request(messages: #"{"role":"user","content":"one"}"#), brokenBy: nil, section: nil, blocks: 5),
        Case(other: Self.request(more: #""model":"other""#), brokenBy: "model", section: .tools, blocks: 0),
        Case(
            other: Self.request(more: #""model":"m","output_config":{"format":{"type":"json_schema","schema":{}}}"#),
            brokenBy: "output_config.format", section: .tools, blocks: 0),
        Case(other: Self.request(more: #""model":"m","speed":"fast""#), brokenBy: "speed", section: .system, blocks: 2),
        Case(other: Self.request(more: #""model":"m","speed":"standard""#), brokenBy: nil, section: nil, blocks: 7),
        Case(
            other: Self.request(more: #""model":"m","tool_choice":{"type":"any"}"#), brokenBy: "tool_choice",
            section: .messages, blocks: 4),
        Case(
            other: Self.request(more: #""model":"m","thinking":{"type":"adaptive"}"#), brokenBy: "thinking",
            section: .messages, blocks: 4),
        Case(
            other: Self.request(more: #""model":"m","output_config":{"effort":"low"}"#),
            brokenBy: "output_config.effort",
            section: .messages, blocks: 4),
        Case(
            other: Self.request(more: #""model":"m","max_tokens":9,"metadata":{"user_id":"u"},"stream":true"#),
            brokenBy: nil,
            section: nil, blocks: 7),
        Case(
            other: Self.request(
                messages:
                    #"{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":[{"type":"text","text":"three"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]}"#
            ), brokenBy: "images", section: .messages, blocks: 4),
        Case(
            other: Self.request(
                messages:
                    #"{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"},{"role":"user","content":[{"type":"document","source":{"type":"text","data":"d"},"citations":{"enabled":true}}]}"#
            ), brokenBy: "citations", section: .system, blocks: 2),
    ]) func `the prefix breaks where the documentation says`(_ expected: Case) throws {
        for (one, other) in [(Self.request(), expected.other), (expected.other, Self.request())] {
            let prefix = try #require(Self.prefix(one, other))
            #expect(prefix.brokenBy == expected.brokenBy)
            #expect(prefix.section == expected.section)
            #expect(prefix.sharedBlocks == expected.blocks)
        }
    }

    @Test func `another scope shares nothing`() {
        var other = plainContext
        other.scope = .shared("others")
        let body = Array(Self.request().utf8)
        let prefix = RequestComparison(body, body, in: plainContext, secondContext: other).promptPrefix
        #expect(prefix?.brokenBy == "scope")
        #expect(prefix?.sharedTokens == 0)
    }

    @Test func `tokens are estimated by size, and images by number`() throws {
        let text = String(repeating: "word ", count: 2000)
        let prefix = try #require(
            Self.prefix(
                #"{"system":"\#(text)","messages":[]}"#,
                #"{"system":"\#(text)","messages":[{"role":"user","content":"x"}]}"#))
        #expect((2400...2600).contains(prefix.sharedTokens))
        #expect(prefix.firstTokens == prefix.sharedTokens)
        #expect(prefix.secondTokens > prefix.firstTokens)
        let image = #"{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"\#(text)"}}]}"#
        #expect(Self.prefix(#"{"messages":[\#(image)]}"#, #"{"messages":[\#(image)]}"#)?.sharedTokens == 1500)
    }
}
