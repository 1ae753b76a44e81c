import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

/// The prompt cache as a client sees it, in `usage`.
@Suite struct PromptCachingTests {
    private static let long = String(repeating: "word ", count: 1_500)
    private static let other = String(repeating: "other ", count: 1_500)
    private static let mark = #","cache_control":{"type":"ephemeral"}"#
    private static let hourMark = #","cache_control":{"type":"ephemeral","ttl":"1h"}"#

    private func body(
        tools: String = "", system: String = "", messages: String = #"[{"role":"user","content":"x"}]"#,
        _ more: String = "",
        model: String = "claude-sonnet-4-5"
    ) -> String {
        let members = (tools.isEmpty ? "" : "\"tools\":[\(tools)],") + (system.isEmpty ? "" : "\"system\":[\(system)],")
        return #"{"model":"\#(model)","max_tokens":2000,\#(more)\#(members)"messages":\#(messages)}"#
    }

    private func text(_ text: String, _ mark: String = "") -> String { #"{"type":"text","text":"\#(text)"\#(mark)}"# }

    private func tool(_ name: String, _ mark: String = "") -> String {
        #"{"name":"\#(name)","description":"\#(Self.long)","input_schema":{"type":"object"}\#(mark)}"#
    }

    @Test func `a marked system prompt is written, read, and forgotten`() throws {
        var claude = Claude()
        let body = self.body(system: self.text(Self.long, Self.mark))
        #expect(try claude.ask(body).cacheUsage == [0, 1_503, 0, 5])
        claude.wait(minutes: 4.9)
        #expect(try claude.ask(body).cacheUsage == [1_503, 0, 0, 5])
        claude.wait(minutes: 5)
        #expect(try claude.ask(body).cacheUsage == [0, 1_503, 0, 5])
    }

    @Test func `an hour's mark is reported as such, in streams too`() throws {
        var claude = Claude()
        let body = self.body(system: self.text(Self.long, Self.hourMark), "\"stream\":true,")
        #expect(try claude.ask(body).cacheUsage == [0, 0, 1_503, 5])
        claude.wait(minutes: 59)
        #expect(try claude.ask(body).cacheUsage == [1_503, 0, 0, 5])
    }

    @Test func `minimums differ by model`() throws {
        for (model, isKept) in [
            ("claude-sonnet-5-5", true), ("claude-sonnet-4-5", true), ("claude-opus-4-7", false),
            ("claude-haiku-4-5", false),
        ] {
            var claude = Claude()
            let usage = try claude.ask(self.body(system: self.text(Self.long, Self.mark), model: model)).cacheUsage
            #expect((usage[1] > 0) == isKept, "\(model)")
        }
    }

    @Test func `automatic caching marks the last block that can be marked`() throws {
        var claude = Claude()
        let automatic = #""cache_control":{"type":"ephemeral"},"#
        let first = #"[{"role":"user","content":"\#(Self.long)"}]"#
        #expect(try claude.ask(self.body(messages: first, automatic)).cacheUsage == [0, 1_507, 0, 0])
        let second =
            #"[{"role":"user","content":"\#(Self.long)"},{"role":"assistant","content":"y"},"#
            + #"{"role":"user","content":[\#(self.text("z")),{"type":"thinking","thinking":"t","signature":"s"}]}]"#
        let usage = try claude.ask(self.body(messages: second, automatic)).cacheUsage
        #expect(usage[0] == 1_507)
        #expect(usage[1] == 10)
    }

    @Test func `a string and one text block are the same prompt`() throws {
        var claude = Claude()
        let blocks = #"[{"role":"user","content":[\#(self.text(Self.long, Self.mark))]}]"#
        let string =
            #"[{"role":"user","content":"\#(Self.long)"},{"role":"assistant","content":"y"},"#
            + #"{"role":"user","content":[\#(self.text("z", Self.mark))]}]"#
        _ = claude.ask(self.body(messages: blocks))
        #expect(try claude.ask(self.body(messages: string)).cacheUsage[0] == 1_507)
    }

    private func read(_ claude: inout Claude, _ headers: [String: String], _ body: String) throws -> Int {
        try claude.ask(body, headers: headers).cacheUsage[0]
    }

    @Test func `organisations, workspaces and models do not share`() throws {
        typealias Account = SimulatorConfiguration.Account
        let accounts = [
            "a1": Account(organization: "a"), "a2": Account(organization: "a"), "b": Account(organization: "b"),
            "other": Account(organization: "a", workspace: "other"),
        ]
        var claude = Claude(SimulatorConfiguration(accounts: accounts))
        let body = self.body(system: self.text(Self.long, Self.mark))
        #expect(try self.read(&claude, ["x-api-key": "a1"], body) == 0)
        #expect(try self.read(&claude, ["x-api-key": "a2"], body) == 1_503)
        #expect(try self.read(&claude, ["x-api-key": "b"], body) == 0)
        #expect(try self.read(&claude, ["x-api-key": "other"], body) == 0)
        #expect(try self.read(&claude, ["x-api-key": "a1", "anthropic-workspace-id": "wrkspc_1"], body) == 0)
        #expect(try self.read(&claude, ["x-api-key": "a2", "anthropic-workspace-id": "wrkspc_1"], body) == 1_503)
        let model = self.body(system: self.text(Self.long, Self.mark), model: "claude-sonnet-4-6")
        #expect(try self.read(&claude, ["x-api-key": "a1"], model) == 0)
    }

    /// What is still read after a change, of tools, system and messages that were all marked.
    @Test(arguments: [
        ("nothing", "", 3), (#"effort"#, #""output_config":{"effort":"high"},"#, 3),
        ("effort", #""output_config":{"effort":"low"},"#, 2), ("choice", #""tool_choice":{"type":"any"},"#, 2),
        ("choice", #""tool_choice":{"type":"auto"},"#, 3),
        ("parallel", #""tool_choice":{"type":"auto","disable_parallel_tool_use":true},"#, 2),
        ("thinking", #""thinking":{"type":"adaptive"},"#, 2), ("speed", #""speed":"fast","#, 1),
        ("stops", #""stop_sequences":["x"],"#, 3), ("metadata", #""metadata":{"user_id":"u"},"#, 3),
        ("format", #""output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"#, 2),
    ])
    func `parameters invalidate what depends on them`(name: String, parameter: String, levels: Int) throws {
        var claude = Claude()
        let tool = self.tool("t", Self.mark)
        let system = self.text(Self.long, Self.mark)
        let messages = #"[{"role":"user","content":[\#(self.text(Self.long, Self.mark))]}]"#
        let model = "claude-opus-4-6"
        // Three levels of about 5,000 tokens, over the model's minimum together and apart.
        func body(_ more: String) -> String {
            self.body(tools: tool, system: system, messages: messages, more, model: model)
                .replacing(Self.long, with: String(repeating: "word ", count: 5_000))
        }
        let written = try claude.ask(body("")).cacheUsage
        #expect(written[1] > 15_000)
        let read = try claude.ask(body(parameter)).cacheUsage[0]
        #expect((read + 2_500) / 5_000 == levels, "\(name): \(read)")
    }

    @Test func `web search leaves the tools alone, an image leaves the system prompt alone`() throws {
        var claude = Claude()
        let tool = self.tool("t", Self.mark)
        let system = self.text(Self.other, Self.mark)
        _ = claude.ask(self.body(tools: tool, system: system))
        let both = try claude.ask(self.body(tools: tool, system: system)).cacheUsage[0]
        let search = tool + #",{"type":"web_search_20250305","name":"web_search"}"#
        let tools = try claude.ask(self.body(tools: search, system: system)).cacheUsage[0]
        #expect(tools > 1_500 && tools < both - 1_400)
        let image =
            #"[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","#
            + #""data":"AAAA"}},\#(self.text("x"))]}]"#
        #expect(try claude.ask(self.body(tools: tool, system: system, messages: image)).cacheUsage[0] == both)
    }

    @Test func `the order of a tool's properties matters, and of the API's own members does not`() throws {
        var claude = Claude()
        func tool(_ properties: String, isSwapped: Bool = false) -> String {
            let schema = #""input_schema":{"type":"object","properties":{\#(properties)}}"#
            let name = #""name":"t","description":"\#(Self.long)""#
            return "{" + (isSwapped ? "\(schema),\(name)" : "\(name),\(schema)") + Self.mark + "}"
        }
        _ = claude.ask(self.body(tools: tool(#""a":{},"b":{}"#)))
        #expect(try claude.ask(self.body(tools: tool(#""a":{},"b":{}"#, isSwapped: true))).cacheUsage[0] > 0)
        #expect(try claude.ask(self.body(tools: tool(#""b":{},"a":{}"#))).cacheUsage[0] == 0)
    }

    @Test func `older models lose earlier thinking when a user turn begins, newer ones keep it`() throws {
        let thinking = #"{"type":"thinking","thinking":"\#(Self.other)","signature":"s"}"#
        let first = #"{"role":"user","content":"\#(Self.long)"}"#
        let answer =
            #"{"role":"assistant","content":[\#(thinking),{"type":"tool_use","id":"a","name":"t","input":{}}]}"#
        let result =
            #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"ok"\#(Self.mark)}]}"#
        let next =
            #",{"role":"assistant","content":"done"},{"role":"user","content":[\#(self.text("more", Self.mark))]}"#
        for (model, isKept) in [("claude-sonnet-4-5", false), ("claude-sonnet-4-6", true)] {
            var claude = Claude()
            let written = try claude.ask(
                self.body(tools: self.tool("t"), messages: "[\(first),\(answer),\(result)]", model: model)
            ).cacheUsage[1]
            #expect(written > 4_000)
            let read = try claude.ask(
                self.body(tools: self.tool("t"), messages: "[\(first),\(answer),\(result)\(next)]", model: model)
            ).cacheUsage[0]
            #expect(read == (isKept ? written : 0), "\(model)")
        }
    }

    @Test func `a refused request writes nothing`() throws {
        var claude = Claude()
        let body = self.body(system: self.text(Self.long, Self.mark))
        #expect(claude.ask(body, headers: ["x-simulator-fault": "overloaded"]).status == 529)
        #expect(try claude.ask(body).cacheUsage[0] == 0)
    }

    @Test func `a pre-warm call writes what the next one reads`() throws {
        var claude = Claude()
        let body = self.body(system: self.text(Self.long, Self.mark))
        let warm = claude.ask(body.replacing("\"max_tokens\":2000", with: "\"max_tokens\":0"))
        #expect(try warm.cacheUsage == [0, 1_503, 0, 5])
        #expect(try claude.ask(body).cacheUsage == [1_503, 0, 0, 5])
    }
}
