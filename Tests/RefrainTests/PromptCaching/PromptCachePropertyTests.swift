import RefrainKeys
import RefrainTesting
import Testing

@testable import Refrain

/// What must hold for every request, tried on random ones.
@Suite struct PromptCachePropertyTests {
    @Test(arguments: 0..<8)
    func marksAreAllThatChanges(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var marked = 0
        for _ in 0..<20 {
            let tree = RandomRequest.make(&generator)
            let body = tree.rendered(&generator)
            let ttl: PromptCacheTTL = generator.oneIn(2) ? .fiveMinutes : .oneHour
            let minimum = [nil, 512, 1_024, 4_096].randomElement(using: &generator) ?? nil
            let planner = PromptCachePlanner(.automatic(ttl: ttl)) { _ in minimum }
            let (sent, plan) = planner.apply(to: body)

            // The same again, and marking twice is marking once.
            #expect(planner.apply(to: body).body == sent)
            #expect(planner.apply(to: sent).body == sent)

            // Without the edits it is the original, byte for byte.
            var stripped = sent
            for edit in plan.edits.reversed() {
                // Where the edit stands in the result: all earlier ones have moved it.
                let shift = plan.edits.filter { $0.range.lowerBound < edit.range.lowerBound }
                    .reduce(0) { $0 + $1.replacement.count - $1.range.count }
                let start = edit.range.lowerBound + shift
                #expect(Array(stripped[start..<start + edit.replacement.count]) == edit.replacement)
                stripped.replaceSubrange(start..<start + edit.replacement.count, with: body[edit.range])
            }
            #expect(stripped == body)

            // It decodes to the same request apart from the marks, and the marks are the plan's.
            let (result, marks) = try RequestTree(sent).withoutMarks()
            let original = try RequestTree(body)
            let paths = Set(plan.marks.map(\.path))
            #expect(result == original.wrapping(paths).withoutMarks().tree)
            if original.withoutMarks().marks.isEmpty, !sent.elementsEqual(body) {
                marked += 1
                #expect(marks.map(\.path) == plan.marks.map(\.path))
                #expect((1...4).contains(marks.count))
                #expect(Set(marks.map(\.path)).count == marks.count)
                let expected: RequestTree =
                    ttl == .oneHour
                    ? .members(["type": "ephemeral", "ttl": "1h"]) : .members(["type": "ephemeral"])
                #expect(marks.allSatisfy { $0.mark == expected })
                #expect(plan.marks.allSatisfy { $0.estimatedTokens >= minimum ?? 512 })
                try Self.checkBlocks(result, marks.map(\.path))
            } else {
                #expect(sent == body)
            }
        }
        // The generator makes requests worth marking.
        #expect(marked > 3)
    }

    /// The marks are no part of the key; nor is it that a message's string has become a block. A system prompt's string
    /// and its block are not documented to be one, so there the key is that of the request with the block.
    @Test(arguments: 0..<4)
    func theResponseKeyStays(seed: UInt64) throws {
        let deriver = KeyDeriver(KeyContext(scope: .shared("test")))
        var generator = SeededGenerator(seed: 1_000 + seed)
        var keyed = 0
        for _ in 0..<20 {
            let tree = RandomRequest.make(&generator)
            let body = tree.rendered(&generator)
            let (sent, plan) = PromptCachePlanner(.automatic) { _ in 1_024 }.apply(to: body)
            let isSystemWrapped =
                plan.edits.contains { $0.replacement.starts(with: "[{".utf8) }
                && plan.marks.contains { $0.path == "system[0]" }
            let original = isSystemWrapped ? try RequestTree(body).wrapping(["system[0]"]).bytes : body
            guard let key = deriver.derive(original).key else { continue }
            keyed += 1
            #expect(deriver.derive(sent).key == key)
        }
        #expect(keyed > 4)
    }

    /// No mark stands where the API refuses one.
    private static func checkBlocks(_ request: RequestTree, _ paths: [String]) throws {
        for path in paths {
            let numbers = path.split { !$0.isNumber }.compactMap { Int($0) }
            let block: RequestTree
            if path.hasPrefix("tools") {
                block = try #require(request["tools"]?.elements[numbers[0]])
                #expect(block["defer_loading"] != true)
                continue
            } else if path.hasPrefix("system") {
                block = try #require(request["system"]?.elements[numbers[0]])
            } else {
                block = try #require(request["messages"]?.elements[numbers[0]]["content"]?.elements[numbers[1]])
            }
            let type = try #require(block["type"])
            #expect(!["thinking", "redacted_thinking", "fallback", "unheard_of"].contains(type))
            if type == "text", case .string(let text)? = block["text"] {
                #expect(text.contains { !$0.isWhitespace })
            }
        }
    }
}

extension RequestTree {
    /// The request with those strings turned into blocks that carry a mark in one of `paths`.
    fileprivate func wrapping(_ paths: Set<String>) -> RequestTree {
        guard case .object(var members) = self else { return self }
        for index in members.indices {
            switch (members[index].name, members[index].value) {
            case ("system", .string(let text)) where paths.contains("system[0]"):
                members[index].value = [.text(text)]
            case ("messages", .array(let messages)):
                members[index].value = .array(
                    messages.enumerated().map { number, message in
                        guard case .object(var members) = message,
                            let at = members.firstIndex(where: { $0.name == "content" }),
                            case .string(let text) = members[at].value,
                            paths.contains("messages[\(number)].content[0]")
                        else { return message }
                        members[at].value = [.text(text)]
                        return .object(members)
                    }
                )
            default: break
            }
        }
        return .object(members)
    }
}

/// Requests of all shapes, sensible and not.
enum RandomRequest {
    static func make(_ generator: inout SeededGenerator) -> RequestTree {
        var members: [RequestTree.Member] = [
            .init(
                name: "model",
                value: .string(["claude-sonnet-5-5", "claude-unheard-of"].randomElement(using: &generator)!)),
            .init(name: "max_tokens", value: 100),
        ]
        if !generator.oneIn(3) {
            let tools = (0..<Int.random(in: 0...4, using: &generator)).map { self.tool($0, &generator) }
            members.append(.init(name: "tools", value: .array(tools)))
        }
        if !generator.oneIn(4) {
            let system: RequestTree =
                generator.oneIn(2)
                ? .string(self.text(&generator))
                : .array(
                    (0..<Int.random(in: 0...3, using: &generator)).map { _ in .text(self.text(&generator)) }
                )
            members.append(.init(name: "system", value: system))
        }
        var messages: [RequestTree] = []
        for index in 0..<Int.random(in: 1...12, using: &generator) {
            let role = generator.oneIn(15) ? "system" : index % 2 == 0 ? "user" : "assistant"
            let content: RequestTree =
                generator.oneIn(3)
                ? .string(self.text(&generator))
                : .array(
                    (0..<Int.random(in: 0...(generator.oneIn(4) ? 30 : 4), using: &generator))
                        .map { _ in self.block(&generator) }
                )
            messages.append(.members(["role": .string(role), "content": content]))
        }
        members.append(.init(name: "messages", value: .array(messages)))
        if generator.oneIn(20) {
            members.append(.init(name: "cache_control", value: .members(["type": "ephemeral"])))
        }
        return .object(members)
    }

    private static func text(_ generator: inout SeededGenerator) -> String {
        let pieces = ["", " ", "\n", "a word ", "é\u{301}", "\"quoted\\", "日本", "\u{1F600}", "\u{1}"]
        let piece = pieces.randomElement(using: &generator)!
        return String(repeating: piece, count: [0, 1, 3, 400].randomElement(using: &generator)!)
    }

    private static func tool(_ index: Int, _ generator: inout SeededGenerator) -> RequestTree {
        var members: [RequestTree.Member] = [
            .init(name: "name", value: .string("tool\(index)")),
            .init(name: "description", value: .string(self.text(&generator))),
            .init(
                name: "input_schema",
                value: .members(["properties": .members(["cache_control": .members(["type": "string"])])])
            ),
        ]
        if generator.oneIn(4) { members.append(.init(name: "defer_loading", value: generator.oneIn(2) ? true : false)) }
        if generator.oneIn(10) { members.append(.init(name: "cache_control", value: .literal("null"))) }
        return .object(members)
    }

    private static func block(_ generator: inout SeededGenerator) -> RequestTree {
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: .members(["type": "thinking", "thinking": .string(self.text(&generator)), "signature": "c2ln"])
        case 1: .members(["type": "redacted_thinking", "data": "ZGF0YQ=="])
        case 2: .members(["type": "unheard_of", "text": "x"])
        case 3:
            .members([
                "type": "tool_use", "id": "toolu_1", "name": "tool0", "input": .members(["cache_control": "1"]),
            ])
        case 4: .members(["type": "tool_result", "tool_use_id": "toolu_1", "content": [.text(self.text(&generator))]])
        case 5:
            generator.oneIn(12)
                ? .members(["type": "text", "text": "x", "cache_control": .members(["type": "ephemeral"])])
                : .members(["cache_control": .literal("null"), "type": "text", "text": .string(self.text(&generator))])
        default: .text(self.text(&generator))
        }
    }
}
