/// How much of a prompt the service's prompt cache could share between two requests, by the documented rules: the
/// prefix runs over the tools, the system prompt and the messages, in this order, and ends at the first difference. Some
/// parameters end it earlier.
///
/// It tells where the prefix breaks, not whether there is a cache: breakpoints, lifetimes and the least number of tokens
/// are another matter.
public struct PromptPrefix: Hashable, Sendable {
    /// The part of the prompt in which the prefix ends.
    public struct Section: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Before or among the tools.
        public static let tools = Self("tools")
        /// In the system prompt, after all tools.
        public static let system = Self("system")
        /// Among the messages.
        public static let messages = Self("messages")
    }

    /// The path of what breaks the prefix first, such as `messages[4].content[0]` or `tool_choice`; nil where one
    /// prompt is the beginning of the other, or they are the same.
    public let brokenBy: String?
    /// The part of the prompt in which it breaks; nil where it does not.
    public let section: Section?
    /// How many tools, system blocks and content blocks stand before that.
    public let sharedBlocks: Int
    /// About how many tokens they have, by ``basis``.
    public let sharedTokens: Int
    /// About how many tokens the first prompt has in all, by ``basis``.
    public let firstTokens: Int
    /// About how many tokens the second prompt has in all, by ``basis``.
    public let secondTokens: Int

    /// What the estimates of tokens rest on.
    public static let basis =
        "one token for 4 bytes of canonical JSON, 1,500 for an image or a PDF; what the service adds for tools is not counted"

    /// Compares two prompts.
    init(_ one: ComparableRequest, _ other: ComparableRequest, sharesScope: Bool) {
        let first = Prompt(one)
        let second = Prompt(other)
        let shared = zip(first.blocks, second.blocks).prefix { $0.isSame(as: $1) }.count
        var broken: (block: Int, path: String, section: Section)?
        if shared < min(first.blocks.count, second.blocks.count) {
            // Where one prompt leaves a section earlier, the other's block there is the difference.
            let blocks = [first.blocks[shared], second.blocks[shared]]
            let earlier = blocks[0].order <= blocks[1].order ? blocks[0] : blocks[1]
            broken = (shared, earlier.path, earlier.section)
        } else if first.blocks.count != second.blocks.count {
            // One goes on where the other ends: only what is appended to the messages leaves the prefix whole.
            let longer = first.blocks.count > second.blocks.count ? first.blocks : second.blocks
            if longer[shared].section != .messages { broken = (shared, longer[shared].path, longer[shared].section) }
        }
        for parameter in Prompt.Parameter.all where !parameter.isSame(first, second, sharesScope) {
            let block = first.end(before: parameter.section)
            if block < broken?.block ?? (shared + 1) { broken = (block, parameter.path, parameter.section) }
        }
        let end = min(shared, broken?.block ?? shared)
        self.brokenBy = broken?.path
        self.section = broken?.section
        self.sharedBlocks = end
        self.sharedTokens = first.blocks[..<end].reduce(0) { $0 + $1.tokens }
        self.firstTokens = first.blocks.reduce(0) { $0 + $1.tokens }
        self.secondTokens = second.blocks.reduce(0) { $0 + $1.tokens }
    }
}

/// A prompt as the service's cache sees it: blocks in a row.
private struct Prompt {
    struct Block {
        var section: PromptPrefix.Section
        var path: String
        var role: ArraySlice<UInt8>
        var raw: ArraySlice<UInt8>
        var tokens: Int

        /// Sections in the order of the prompt.
        var order: Int { self.section == .tools ? 0 : self.section == .system ? 1 : 2 }

        func isSame(as other: Block) -> Bool {
            self.section == other.section && self.role == other.role && self.raw == other.raw
        }
    }

    let root: JSONCursor
    let speed: String?
    private(set) var blocks: [Block] = []
    private(set) var images = 0
    private(set) var hasCitations = false
    private(set) var hasWebSearch = false

    init(_ request: ComparableRequest) {
        self.root = request.document.root
        self.speed = request.speed
        if let tools = self.root["tools"] {
            for (index, tool) in tools.elements.enumerated() {
                // A deferred tool is not in the prompt until it is found, and web search has a rule of its own.
                if tool["defer_loading"]?.bool == true { continue }
                if tool["type"]?.string?.hasPrefix("web_search_") == true {
                    self.hasWebSearch = true
                    continue
                }
                self.append(tool, to: .tools, path: "tools[\(index)]")
            }
        }
        if let system = self.root["system"] {
            if system.kind == .array {
                for (index, block) in system.elements.enumerated() {
                    self.append(block, to: .system, path: "system[\(index)]")
                }
            } else {
                self.append(system, to: .system, path: "system")
            }
        }
        guard let messages = self.root["messages"] else { return }
        for (index, message) in messages.elements.enumerated() {
            let role = message["role"]?.raw ?? []
            guard let content = message["content"], content.kind == .array else {
                self.append(message, to: .messages, path: "messages[\(index)]")
                continue
            }
            for (number, block) in content.elements.enumerated() {
                self.append(block, to: .messages, path: "messages[\(index)].content[\(number)]", role: role)
            }
        }
    }

    private mutating func append(
        _ value: JSONCursor, to section: PromptPrefix.Section, path: String, role: ArraySlice<UInt8> = []
    ) {
        self.blocks.append(
            Block(section: section, path: path, role: role, raw: value.raw, tokens: self.measure(value)))
    }

    /// Estimates a block's tokens, and notes what else matters about it.
    private mutating func measure(_ block: JSONCursor) -> Int {
        if block["citations"]?["enabled"]?.bool == true { self.hasCitations = true }
        let type = block["type"]
        let isImage = type?.hasContent("image") ?? false
        if isImage { self.images += 1 }
        if isImage || (type?.hasContent("document") ?? false) && block["source"]?["type"]?.string != "text" {
            return 1500
        }
        if type?.hasContent("tool_result") ?? false, let content = block["content"], content.kind == .array {
            return content.elements.reduce(10) { $0 + self.measure($1) }
        }
        return (block.raw.count + 3) / 4
    }

    /// The index of the first block of `section`, or of where it would stand.
    func end(before section: PromptPrefix.Section) -> Int {
        switch section {
        case .tools: 0
        case .system: self.blocks.firstIndex { $0.section != .tools } ?? self.blocks.count
        default: self.blocks.firstIndex { $0.section == .messages } ?? self.blocks.count
        }
    }

    /// A parameter that breaks the prefix at the beginning of a section, whatever the blocks are.
    struct Parameter: Sendable {
        var path: String
        var section: PromptPrefix.Section
        var isSame: @Sendable (Prompt, Prompt, _ sharesScope: Bool) -> Bool

        static let all: [Parameter] = [
            Parameter(path: "scope", section: .tools) { $2 },
            Self.member("model", breaking: .tools),
            Self.member("output_config.format", breaking: .tools),
            Self.member("output_format", breaking: .tools),
            Parameter(path: "tools (web search)", section: .system) { one, other, _ in
                one.hasWebSearch == other.hasWebSearch
            },
            Parameter(path: "citations", section: .system) { one, other, _ in one.hasCitations == other.hasCitations },
            Parameter(path: "speed", section: .system) { one, other, _ in
                (one.speed ?? "standard") == (other.speed ?? "standard")
            },
            Self.member("tool_choice", breaking: .messages),
            Self.member("thinking", breaking: .messages),
            Self.member("output_config.effort", breaking: .messages),
            Self.member("context_management", breaking: .messages),
            Parameter(path: "images", section: .messages) { one, other, _ in one.images == other.images },
        ]

        /// A member of the request, given by its path.
        private static func member(_ path: String, breaking section: PromptPrefix.Section) -> Parameter {
            let names = path.split(separator: ".").map(String.init)
            @Sendable func value(_ prompt: Prompt) -> ArraySlice<UInt8>? {
                names.reduce(prompt.root as JSONCursor?) { $0?[$1] }?.raw
            }
            return Parameter(path: path, section: section) { one, other, _ in value(one) == value(other) }
        }
    }
}
