import RefrainCore
import RefrainKeys

/// What the model reads, block by block, in the prompt cache's order: tools, system, messages.
struct PromptBlocks {
    /// What a change of a block takes with it.
    enum Level: Int {
        case tools, system, messages
    }

    struct Block {
        var level: Level
        /// Where the block stands in the request, as the API's errors name it.
        var path: String
        var type: String
        /// The number of its message; nil outside of messages.
        var message: Int?
        var role: String?
        var content: ContentDigest
        var tokens: Int
        /// The breakpoints on it and inside it, in order.
        var marks: [PromptCacheModel.Lifetime] = []
        var canBeMarked = true
    }

    var blocks: [Block] = []
    /// Whether any block is an image.
    var hasImages = false
    /// Whether any document asks for citations.
    var hasCitations = false
    /// The tokens of the whole prompt. Known after ``finish(_:)``.
    private(set) var tokens = 0

    mutating func appendTool(_ tool: JSONCursor, type: String, path: String, mark: PromptCacheModel.Lifetime?) {
        self.blocks.append(
            Block(
                level: .tools, path: path, type: type, content: ContentDigest(CanonicalContent.bytes(of: tool)),
                tokens: TokenEstimate.json(tool) + (self.blocks.isEmpty ? TokenEstimate.toolInstructions : 0),
                marks: mark.map { [$0] } ?? []))
    }

    /// Web search, switched on or off, changes the system prompt and not the tools.
    mutating func moveWebSearchBelowTools() {
        var searches = self.blocks.filter { $0.type.hasPrefix("web_search_") }
        guard !searches.isEmpty else { return }
        self.blocks.removeAll { $0.type.hasPrefix("web_search_") }
        for index in searches.indices { searches[index].level = .system }
        self.blocks.append(contentsOf: searches)
    }

    /// Leaves out what the model does not get, scales the estimates to its tokenizer, and adds them up.
    mutating func finish(_ call: MessagesCall) {
        if !call.model.rules.contains(.keepsThinking) { self.dropEarlierThinking() }
        if !self.blocks.isEmpty { self.blocks[0].tokens += TokenEstimate.perRequest }
        if call.model.rules.contains(.newTokenizer) {
            for index in self.blocks.indices { self.blocks[index].tokens = (self.blocks[index].tokens * 13 + 9) / 10 }
        }
        self.tokens = self.blocks.reduce(0) { $0 + $1.tokens }
    }

    /// Older models get no thinking from before the last user turn that is not only tool results.
    private mutating func dropEarlierThinking() {
        let last = self.blocks.last { $0.role == "user" && $0.type != "tool_result" }?.message ?? -1
        self.blocks.removeAll { block in
            (block.message ?? Int.max) < last && (block.type == "thinking" || block.type == "redacted_thinking")
        }
    }

    /// The prompt as the cache sees it.
    func cachePrompt(_ call: MessagesCall, account: ContentDigest) -> PromptCacheModel.Prompt {
        let model = ContentDigest(Array(call.model.id.utf8))
        var pending = ContentDigest([])
        var level = Level.tools
        return PromptCacheModel.Prompt(
            identity: ContentDigest(account, then: model), minimumTokens: call.model.minimumCacheableTokens,
            blocks: self.blocks.map { block in
                // What a level depends on besides its blocks enters with the first block at or below it.
                while level.rawValue < block.level.rawValue, let next = Level(rawValue: level.rawValue + 1) {
                    level = next
                    pending = ContentDigest(pending, then: self.parameters(of: level, call))
                }
                defer { pending = ContentDigest([]) }
                let run: PromptCacheModel.Run =
                    switch block.type {
                    case "tool_use": .toolUse
                    case "tool_result": .toolResult
                    default: .none
                    }
                return PromptCacheModel.Block(
                    content: ContentDigest(pending, then: block.content), tokens: block.tokens, run: run,
                    breakpoint: block.marks.contains(.oneHour) ? .oneHour : block.marks.last)
            })
    }

    /// The parameters whose change makes what was cached at `level` and below unreadable.
    private func parameters(of level: Level, _ call: MessagesCall) -> ContentDigest {
        var parts: [String] = []
        switch level {
        case .tools: break
        case .system:
            parts.append("citations \(self.hasCitations)")
            parts.append("speed \(call.isFast)")
        case .messages:
            parts.append("choice \(call.toolChoice ?? .auto) \(call.allowsParallelTools)")
            parts.append("images \(self.hasImages)")
            parts.append("thinking \(call.thinking.map { "\($0)" } ?? "off")")
            // The default effort, spelled out or not, is one.
            parts.append("effort \(call.effort ?? "high")")
            if let schema = call.outputSchema {
                parts.append("format \(ContentDigest(CanonicalContent.bytes(of: schema)).words)")
            }
        }
        return ContentDigest(Array(parts.joined(separator: "\n").utf8))
    }
}
