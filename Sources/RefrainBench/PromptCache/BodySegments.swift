import Refrain
import RefrainKeys

/// A request body as the prompt cache sees it: tools, system prompt and messages, block by block, with their marks.
struct BodySegments {
    private(set) var segments: [ServerCache.Segment] = []
    /// Where the prompt can be cut at the finest: at the end of each block, and within texts after every 64 tokens.
    private(set) var cuts: [Cut] = []
    /// The index of the last tool, and of the last block of the system prompt; nil without.
    private(set) var lastTool: Int?
    private(set) var lastSystem: Int?
    /// The last index of each message, with whether it is the assistant's.
    private(set) var messages: [(isAssistant: Bool, last: Int)] = []
    private var chain: Int

    /// A beginning of the prompt.
    struct Cut {
        /// The same for equal beginnings, and for no others.
        var prefix: Int
        /// The length up to it.
        var units: Int
    }

    /// Reads a body; nil where it is no request.
    init?(_ body: [UInt8], model: String) {
        guard let root = (try? JSONDocument(body))?.root, let messages = root["messages"] else { return nil }
        self.chain = model.hashValue
        for tool in root["tools"]?.elements.map({ $0 }) ?? [] {
            self.append(tool)
            self.lastTool = self.segments.count - 1
        }
        let kinds = Self.kinds(in: messages)
        // What changes the cache from the system prompt on, and what from the messages on.
        self.mix { hasher in
            hasher.combine(kinds.hasCitations)
            hasher.combine(root["speed"].map { Array($0.raw) })
        }
        if let system = root["system"], !system.isNull {
            self.append(content: system)
            self.lastSystem = self.segments.isEmpty ? nil : self.segments.count - 1
        }
        self.mix { hasher in
            hasher.combine(kinds.hasImages)
            for name in ["tool_choice", "thinking", "output_config", "output_format"] {
                hasher.combine(root[name].map { Array($0.raw) })
            }
        }
        for message in messages.elements {
            let role = message["role"]?.text ?? []
            self.mix { $0.combine(role) }
            if let content = message["content"] { self.append(content: content) }
            guard !self.segments.isEmpty else { continue }
            self.messages.append((role.elementsEqual("assistant".utf8), self.segments.count - 1))
        }
        if let mark = root["cache_control"].flatMap(Self.mark), let last = self.segments.indices.last {
            self.segments[last].mark = self.segments[last].mark ?? mark
        }
    }

    /// The segments with marks at the ends of tools, system prompt, the turn before the last, and the prompt.
    func everythingMarked(_ lifetime: PromptCacheTTL) -> [ServerCache.Segment] {
        var segments = self.unmarked
        let turns = self.messages.dropLast()
        let previous = turns.lastIndex { $0.isAssistant }.flatMap { turn in turn > 0 ? turns[turn - 1].last : nil }
        for index in [self.lastTool, self.lastSystem, previous, segments.indices.last] {
            if let index { segments[index].mark = lifetime }
        }
        return segments
    }

    /// The segments without any mark.
    var unmarked: [ServerCache.Segment] {
        self.segments.map { segment in
            var segment = segment
            segment.mark = nil
            return segment
        }
    }

    // MARK: Reading

    private mutating func append(content: JSONCursor) {
        // A string is a block with its text: the planner makes it one.
        guard content.kind == .array else { return self.add(text: content.text ?? [], nil) }
        for block in content.elements { self.append(block) }
    }

    private mutating func append(_ block: JSONCursor) {
        let type = block["type"]?.string
        if type == "text", block.members.allSatisfy({ Self.plainNames.contains($0.name.string ?? "") }) {
            return self.add(text: block["text"]?.text ?? [], block["cache_control"].flatMap(Self.mark))
        }
        self.mix { Self.combine(block, into: &$0) }
        self.cut(after: Self.units(block))
        self.endSegment(
            type == "tool_use" ? .toolUse : type == "tool_result" ? .toolResult : .none, Self.anyMark(block))
    }

    private mutating func add(text: [UInt8], _ mark: PromptCacheTTL?) {
        self.mix { $0.combine("text") }
        text.withUnsafeBytes { text in
            var start = 0
            repeat {
                let end = PrefixIndex.end(of: text, from: start)
                let part = UnsafeRawBufferPointer(rebasing: text[start..<end])
                self.mix { $0.combine(bytes: part) }
                self.cut(after: end < text.count ? PrefixIndex.characters : TokenRule.scalars(part))
                start = end
            } while start < text.count
        }
        self.endSegment(.none, mark)
    }

    /// Whether any block of the messages is an image, or a document that asks for citations.
    private static func kinds(in messages: JSONCursor) -> (hasImages: Bool, hasCitations: Bool) {
        var kinds = (hasImages: false, hasCitations: false)
        for message in messages.elements {
            for block in message["content"]?.elements.map({ $0 }) ?? [] {
                if block["type"]?.hasContent("image") == true { kinds.hasImages = true }
                if block["citations"]?["enabled"]?.bool == true { kinds.hasCitations = true }
            }
        }
        return kinds
    }

    private static let plainNames: Set<String> = ["type", "text", "cache_control"]

    private mutating func mix(_ body: (inout Hasher) -> Void) {
        var hasher = Hasher()
        hasher.combine(self.chain)
        body(&hasher)
        self.chain = hasher.finalize()
    }

    private mutating func cut(after units: Int) {
        // What is there is a token at least.
        self.cuts.append(
            Cut(prefix: self.chain, units: (self.cuts.last?.units ?? 0) + max(units, TokenRule.characters)))
    }

    private mutating func endSegment(_ run: ServerCache.Run, _ mark: PromptCacheTTL?) {
        self.segments.append(
            .init(prefix: self.chain, units: self.cuts.last?.units ?? 0, run: run, mark: mark))
    }

    /// What a block says, without marks; free JSON of the caller's as it stands.
    private static func combine(_ value: JSONCursor, into hasher: inout Hasher) {
        switch value.kind {
        case .object:
            let members = value.members.map { (name: Array($0.name.raw), value: $0.value) }
                .sorted { $0.name.lexicographicallyPrecedes($1.name) }
            for (name, member) in members where !name.elementsEqual(#""cache_control""#.utf8) {
                hasher.combine(name)
                if Self.freeForm.contains(where: { name.elementsEqual($0.utf8) }) {
                    hasher.combine(Array(member.raw))
                } else {
                    Self.combine(member, into: &hasher)
                }
            }
        case .array:
            for element in value.elements { Self.combine(element, into: &hasher) }
        default: hasher.combine(Array(value.raw))
        }
    }

    private static let freeForm = [#""input""#, #""input_schema""#, #""input_examples""#]

    /// The length of a block: its JSON as text, but images and documents by what they take.
    private static func units(_ block: JSONCursor) -> Int {
        switch block["type"]?.string {
        case "image"?: 1_500 * TokenRule.characters
        case "document"? where block["source"]?["type"]?.hasContent("text") != true:
            // A page of 1,800 tokens for each 30 KB, which are 40,000 characters of Base64.
            (1 + block.range.count / 40_000) * 1_800 * TokenRule.characters
        case "tool_result"? where block["content"]?.kind == .array:
            block["content"]?.elements.reduce(40) { $0 + Self.units($1) } ?? 0
        default: TokenRule.scalars(block.raw)
        }
    }

    /// The mark on a block, or on one inside a tool's result.
    private static func anyMark(_ block: JSONCursor) -> PromptCacheTTL? {
        block["cache_control"].flatMap(Self.mark)
            ?? block["content"]?.elements.lazy.compactMap { $0["cache_control"].flatMap(Self.mark) }.first { _ in true }
    }

    private static func mark(_ value: JSONCursor) -> PromptCacheTTL? {
        guard value.kind == .object else { return nil }
        return value["ttl"]?.hasContent("1h") == true ? .oneHour : .fiveMinutes
    }
}
