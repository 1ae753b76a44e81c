import RefrainKeys
import Testing

@testable import Refrain

/// A text of about `tokens` tokens by the planner's estimate.
private func long(_ tokens: Int = 6_000) -> String { String(repeating: "ab", count: tokens) }

private func planner(_ promptCaching: PromptCaching = .automatic, minimum: Int? = 1_024) -> PromptCachePlanner {
    PromptCachePlanner(promptCaching) { _ in minimum }
}

private func request(
    tools: RequestTree? = nil, system: RequestTree? = nil, messages: [RequestTree], more: [RequestTree.Member] = []
) -> RequestTree {
    var members: [RequestTree.Member] = [.init(name: "model", value: "claude-sonnet-5-5")]
    if let tools { members.append(.init(name: "tools", value: tools)) }
    if let system { members.append(.init(name: "system", value: system)) }
    members.append(.init(name: "messages", value: .array(messages)))
    return .object(members + more)
}

private func user(_ content: RequestTree) -> RequestTree { .members(["role": "user", "content": content]) }
private func assistant(_ content: RequestTree) -> RequestTree { .members(["role": "assistant", "content": content]) }

private func tool(_ name: String, more: KeyValuePairs<String, RequestTree> = [:]) -> RequestTree {
    .object(
        [
            .init(name: "name", value: .string(name)), .init(name: "description", value: .string(long())),
            .init(name: "input_schema", value: .members(["type": "object"])),
        ] + more.map { .init(name: $0.key, value: $0.value) }
    )
}

private let mark: RequestTree = .members(["type": "ephemeral"])

private func paths(_ request: RequestTree, _ planner: PromptCachePlanner = planner()) throws -> [String] {
    let (body, plan) = planner.apply(to: request.bytes)
    let marks = try RequestTree(body).withoutMarks().marks.map(\.path)
    #expect(marks == plan.marks.map(\.path))
    return marks
}

private func reasons(_ request: RequestTree, _ planner: PromptCachePlanner = planner()) -> [String] {
    planner.plan(for: request.bytes).omissions.map { "\($0.purpose): \($0.reason)" }
}

@Suite struct PromptCachePlannerTests {
    // MARK: Where marks go

    @Test func aSingleShotRequestIsMarkedAtTheEndOfToolsAndSystemOnly() throws {
        let request = request(
            tools: [tool("a"), tool("b")], system: [.text(long()), .text("short")], messages: [user(.string(long()))]
        )
        #expect(try paths(request) == ["tools[1]", "system[1]"])
        #expect(reasons(request) == ["conversation: single-shot"])
    }

    @Test func aConversationIsMarkedAtItsEndAndWhereTheTurnBeforeWas() throws {
        let request = request(
            tools: [tool("a")], system: [.text(long())],
            messages: [user(.string(long())), assistant("yes"), user([.text("x"), .text("y")])]
        )
        #expect(
            try paths(request) == ["tools[0]", "system[0]", "messages[0].content[0]", "messages[2].content[1]"]
        )
        #expect(
            planner().plan(for: request.bytes).marks.map(\.purpose) == [.tools, .system, .anchor, .conversation]
        )
    }

    @Test func theEndOfOneTurnIsTheAnchorOfTheNext() throws {
        var messages = [user(.string(long()))]
        var before: String?
        for turn in 0..<12 {
            messages.append(assistant([.text("answer \(turn)")]))
            messages.append(user([.text("question \(turn)"), .text("and more")]))
            let marks = try paths(request(system: [.text(long())], messages: messages))
            if let before { #expect(marks.contains(before)) }
            before = marks.last
        }
    }

    @Test func anUnfinishedAnswerAtTheEndIsNoTurn() throws {
        #expect(try paths(request(messages: [user(.string(long())), assistant("{")])) == [])
        let longer = request(messages: [user(.string(long())), assistant("yes"), user("and?"), assistant("{")])
        #expect(try paths(longer) == ["messages[0].content[0]", "messages[2].content[0]"])
    }

    @Test func aSystemMessageAtTheEndOfAConversationIsMarked() throws {
        let system: RequestTree = .members(["role": "system", "content": "be brief"])
        let request = request(messages: [user(.string(long())), assistant("yes"), user("and?"), system])
        #expect(try paths(request) == ["messages[0].content[0]", "messages[3].content[0]"])
    }

    @Test func theSectionsMayStandInAnyOrder() throws {
        let request: RequestTree = .members([
            "messages": [user("a"), assistant("b"), user("c")], "system": .string(long()), "tools": [tool("t")],
            "model": "claude-sonnet-5-5",
        ])
        #expect(
            try paths(request) == ["tools[0]", "system[0]", "messages[0].content[0]", "messages[2].content[0]"]
        )
    }

    // MARK: The look-back window

    @Test(arguments: [(added: 19, marks: 2), (added: 20, marks: 3), (added: 25, marks: 3), (added: 90, marks: 3)])
    func aMarkStandsBetweenWhereTwentyPositionsWereAdded(added: Int, marks: Int) throws {
        let blocks = (1..<added).map { RequestTree.text("result \($0)") }
        let request = request(messages: [user(.string(long())), assistant("go"), user(.array(blocks))])
        let plan = planner().plan(for: request.bytes)
        #expect(plan.marks.count == marks)
        guard marks == 3 else { return }
        #expect(plan.marks.map(\.purpose) == [.anchor, .intermediate, .conversation])
        // The window of the last mark reaches from it to the block after the one in between.
        let expected = max(blocks.count - 1 - 20, -1)
        #expect(plan.marks[1].path == (expected < 0 ? "messages[1].content[0]" : "messages[2].content[\(expected)]"))
    }

    @Test func aMarkInBetweenTakesThePlaceOfTheTools() throws {
        let blocks = (0..<40).map { RequestTree.text("result \($0)") }
        let request = request(
            tools: [tool("t")], system: .string(long()), messages: [user("a"), assistant("go"), user(.array(blocks))]
        )
        #expect(
            try paths(request) == [
                "system[0]", "messages[0].content[0]", "messages[2].content[19]", "messages[2].content[39]",
            ]
        )
        #expect(reasons(request) == ["tools: no-mark-left"])
    }

    // MARK: What is never marked

    @Test(arguments: ["", " ", "\n\t ", "\u{A0}\u{2003}", "\u{1F}"])
    func textWithoutAVisibleCharacterIsWalkedBackOver(blank: String) throws {
        let request = request(
            system: [.text(long()), .text(blank)],
            messages: [user(.string(long())), assistant("yes"), user([.text("and?"), .text(blank)])]
        )
        #expect(try paths(request) == ["system[0]", "messages[0].content[0]", "messages[2].content[0]"])
        #expect(try paths(self.onlyMessage(.string(blank))) == ["messages[0].content[0]"])
        #expect(reasons(self.onlySystem(system: .string(blank))).contains("system: not-markable"))
    }

    /// A conversation whose last message has `content` and nothing that can be marked.
    private func onlyMessage(_ content: RequestTree) -> RequestTree {
        request(messages: [user(.string(long())), assistant([]), user(content)])
    }

    private func onlySystem(system: RequestTree) -> RequestTree {
        request(system: system, messages: [user("x")])
    }

    @Test(arguments: ["thinking", "redacted_thinking", "fallback", "connector_text", "something_new"])
    func blocksThatMayRefuseAMarkAreWalkedBackOver(type: String) throws {
        let block: RequestTree = .members(["type": .string(type), "thinking": "…", "text": "x"])
        let request = request(messages: [
            user(.string(long())), assistant([.text("yes"), block]), user([.text("and?"), block]),
        ])
        #expect(try paths(request) == ["messages[0].content[0]", "messages[2].content[0]"])
        let walked = self.onlyMessage([block])
        #expect(try paths(walked) == ["messages[0].content[0]"])
    }

    @Test(arguments: [
        "image", "document", "search_result", "tool_use", "tool_result", "server_tool_use", "web_search_tool_result",
        "container_upload",
    ])
    func blocksThatAreDocumentedToCarryAMarkDo(type: String) throws {
        let block: RequestTree = .members(["type": .string(type), "content": "x"])
        let request = request(messages: [user(.string(long())), assistant("yes"), user([.text("and?"), block])])
        #expect(try paths(request) == ["messages[0].content[0]", "messages[2].content[1]"])
    }

    @Test func deferredToolsAreWalkedBackOver() throws {
        let deferred = tool("d", more: ["defer_loading": true])
        let toolset = tool("s", more: ["type": "mcp_toolset", "default_config": .members(["defer_loading": true])])
        let member = tool(
            "m", more: ["configs": .members(["x": .members(["enabled": true, "defer_loading": true])])]
        )
        let loaded = tool("l", more: ["defer_loading": false])
        let message = [user("x")]
        #expect(try paths(request(tools: [loaded, deferred, toolset, member], messages: message)) == ["tools[0]"])
        #expect(try paths(request(tools: [deferred], messages: message)) == [])
        #expect(reasons(request(tools: [deferred], messages: message)).contains("tools: not-markable"))
    }

    @Test func toolsetsAreMarkedOnTheirEntry() throws {
        let toolset = tool("c", more: ["type": "computer_toolset_20260801", "configs": .members(["a": .members([:])])])
        #expect(try paths(request(tools: [toolset], messages: [user("x")])) == ["tools[0]"])
    }

    @Test func claudeCodesAttributionBlockIsLeftAlone() throws {
        let attribution = "x-anthropic-billing-header: cc_version=2.1; cch=01234;"
        #expect(try paths(request(system: .string(attribution + long()), messages: [user("x")])) == [])
        #expect(try paths(request(system: [.text(attribution + long())], messages: [user("x")])) == [])
        #expect(
            try paths(request(system: [.text(attribution), .text(long())], messages: [user("x")])) == ["system[1]"]
        )
    }

    // MARK: Minimums

    @Test func aPrefixBelowTheModelsMinimumGoesOutAsItCame() throws {
        let request = request(system: .string(long(2_000)), messages: [user("x")])
        #expect(try paths(request, planner(minimum: 1_024)) == ["system[0]"])
        #expect(planner(minimum: 4_096).apply(to: request.bytes).body == request.bytes)
        #expect(reasons(request, planner(minimum: 4_096)).contains("system: below-minimum"))
    }

    @Test func theMinimumCountsTheWholePrefix() throws {
        let request = request(
            system: .string(long(1_000)), messages: [user(.string(long(1_000))), assistant("y"), user("z")])
        #expect(
            try paths(request, planner(minimum: 1_500)) == ["messages[0].content[0]", "messages[2].content[0]"]
        )
    }

    @Test func aModelWithoutAKnownMinimumGetsTheSmallest() throws {
        #expect(
            try paths(request(system: .string(long(600)), messages: [user("x")]), planner(minimum: nil))
                == ["system[0]"]
        )
        #expect(try paths(request(system: .string(long(400)), messages: [user("x")]), planner(minimum: nil)) == [])
    }

    @Test func contentOfUnknownSizeIsTakenForLarge() throws {
        let document: RequestTree = .members([
            "type": "document", "source": .members(["type": "url", "url": "https://example.com/a.pdf"]),
        ])
        let request = request(messages: [user([document]), assistant("y"), user("z")])
        #expect(try paths(request) == ["messages[0].content[0]", "messages[2].content[0]"])
    }

    // MARK: The caller's marks

    @Test(arguments: 0..<7)
    func nothingIsMarkedWhereTheCallerHasMarked(place: Int) throws {
        let marked: RequestTree = .members(["type": "text", "text": "x", "cache_control": mark])
        let result: RequestTree = .members(["type": "tool_result", "tool_use_id": "t", "content": [marked]])
        let base = [user(.string(long())), assistant("y"), user("z")]
        let request =
            switch place {
            case 0: request(system: .string(long()), messages: base, more: [.init(name: "cache_control", value: mark)])
            case 1: request(tools: [tool("a", more: ["cache_control": mark]), tool("b")], messages: base)
            case 2: request(tools: [tool("a")], system: [marked, .text(long())], messages: base)
            case 3: request(tools: [tool("a")], messages: base + [assistant([marked]), user("q")])
            case 4: request(tools: [tool("a")], messages: base + [assistant("y"), user([result])])
            case 5:
                request(
                    tools: [tool("a")],
                    messages: base + [
                        user([
                            .members([
                                "type": "document", "source": .members(["type": "content", "content": [marked]]),
                            ])
                        ])
                    ]
                )
            default: request(tools: [tool("a")], messages: base + [.members(["role": "system", "content": [marked]])])
            }
        let (body, plan) = planner().apply(to: request.bytes)
        #expect(body == request.bytes)
        #expect(plan.omissions == [.init(purpose: .all, reason: .callerMarked)])
        #expect(plan.marks.map(\.purpose) == [.caller])
        // Manual reports the same marks, off reports nothing, and neither changes a byte.
        #expect(planner(.manual).apply(to: request.bytes).body == request.bytes)
        #expect(planner(.manual).plan(for: request.bytes).marks == plan.marks)
        #expect(planner(.off).apply(to: request.bytes).body == request.bytes)
        #expect(planner(.off).plan(for: request.bytes).marks.isEmpty)
    }

    @Test func offAndManualPlaceNothing() {
        let body = request(tools: [tool("a")], system: .string(long()), messages: [user("x")]).bytes
        for mode in [PromptCaching.off, .manual] {
            let (sent, plan) = planner(mode).apply(to: body)
            #expect(sent == body)
            #expect(plan.omissions == [.init(purpose: .all, reason: .notAutomatic)])
        }
    }

    @Test func aMemberCalledCacheControlInFreeFormDataIsNoMark() throws {
        let schema: RequestTree = .members([
            "type": "object", "properties": .members(["cache_control": .members(["type": "string"])]),
        ])
        let tool: RequestTree = .members([
            "name": "t", "description": .string(long()), "input_schema": schema,
        ])
        let use: RequestTree = .members([
            "id": "u", "input": .members(["cache_control": "yes"]), "name": "t", "type": "tool_use",
        ])
        let request = request(tools: [tool], messages: [user("a"), assistant([use]), user("b")])
        #expect(try paths(request) == ["tools[0]", "messages[0].content[0]", "messages[2].content[0]"])
    }

    @Test func aNullMarkIsNoneAndIsReplaced() throws {
        let block: RequestTree = .members(["cache_control": .literal("null"), "text": .string(long()), "type": "text"])
        let body = planner().apply(to: request(system: [block], messages: [user("x")]).bytes).body
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.contains(#"{"cache_control":{"type":"ephemeral"},"text":"ab"#))
        #expect(!text.contains("null"))
    }

    // MARK: Bytes

    @Test func theMarkIsPutAfterTheLastMemberAndNothingElseMoves() {
        let text = long(2_000)
        let body = #"{ "system" : [ { "type":"text", "text" : "\#(text)" } ] , "model":"m","messages":[] }"#
        let expected =
            #"{ "system" : [ { "type":"text", "text" : "\#(text)","cache_control":{"type":"ephemeral"} } ] , "#
            + #""model":"m","messages":[] }"#
        #expect(String(decoding: planner().apply(to: Array(body.utf8)).body, as: UTF8.self) == expected)
    }

    @Test func anHoursMarkSaysSo() throws {
        let request = request(system: .string(long()), messages: [user("a"), assistant("b"), user("c")])
        let body = planner(.automatic(ttl: .oneHour)).apply(to: request.bytes).body
        let marks = try RequestTree(body).withoutMarks().marks
        #expect(marks.count == 3)
        #expect(marks.allSatisfy { $0.mark == .members(["type": "ephemeral", "ttl": "1h"]) })
    }

    @Test(arguments: [
        "", "[]", "null", "{", "{}", #"{"messages":{}}"#, #"{"messages":[{"role":"user"}]}"#,
        #"{"messages":[1]}"#, #"{"messages":[],"tools":{}}"#, #"{"messages":[],"system":7}"#,
    ])
    func whatIsNoRequestGoesOutAsItCame(body: String) {
        let (sent, plan) = planner().apply(to: Array(body.utf8))
        #expect(sent == Array(body.utf8))
        #expect(plan.omissions == [.init(purpose: .all, reason: .unreadable)])
    }

    @Test(arguments: [
        #"{"messages":[],"messages":[],"system":"TEXT"}"#,
        #"{"messages":[{"role":"user","content":"x","content":"y"}],"system":"TEXT"}"#,
        #"{"messages":[],"system":[{"type":"text","text":"TEXT","text":"x"}]}"#,
    ])
    func aDuplicateMemberGoesOutAsItCame(body: String) {
        let body = Array(body.replacing("TEXT", with: long()).utf8)
        let (sent, plan) = planner().apply(to: body)
        #expect(sent == body)
        #expect(plan.omissions == [.init(purpose: .all, reason: .duplicateMember)])
    }
}
