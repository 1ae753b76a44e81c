import RefrainKeys

/// What a request holds that the prompt cache cares about: every tool and block in the order of the prefix, whether it
/// may carry a mark, and about how long the prefix up to it is.
struct PromptCacheSurvey {
    /// A tool, a block, or a string that stands for one block.
    struct Site {
        /// The site's place: in the tools, in the system prompt, or in a message and there in its content.
        var place: Place
        /// How a mark is put on it; nil where it cannot or must not carry one.
        var placement: Placement?
        /// An upper estimate of the tokens of the prefix up to and with it.
        var tokens: Int
    }

    enum Place {
        case tool(Int)
        case system(Int?)
        case message(Int, content: Int?)
    }

    /// How a mark is put on a site.
    enum Placement {
        /// A member after the last one, which ends at the offset.
        case append(Int)
        /// In place of a `null`.
        case replace(Range<Int>)
        /// Around a string that becomes the text of a block.
        case wrap(Range<Int>)
    }

    struct Message {
        var isAssistant: Bool
        /// The message's sites among ``PromptCacheSurvey/blocks``.
        var blocks: Range<Int>
    }

    /// The model asked for; nil where none is.
    private(set) var model: String?
    private(set) var tools: [Site] = []
    private(set) var system: [Site] = []
    /// The blocks of all messages, in order.
    private(set) var blocks: [Site] = []
    private(set) var messages: [Message] = []
    /// The paths of the caller's marks, in document order.
    private(set) var callerMarks: [String] = []
    /// Why the request cannot be planned for; nil where it can.
    private(set) var obstacle: PromptCachePlan.Reason?

    private var tokens = 0

    /// Reads a request. Linear in its size.
    init(_ root: JSONCursor) {
        guard root.kind == .object else {
            self.obstacle = .unreadable
            return
        }
        var tools: JSONCursor?
        var system: JSONCursor?
        var messages: JSONCursor?
        var names = MemberNames()
        for (name, value) in root.members {
            switch name.string {
            case "model"? where names.isFirst(.model): self.model = value.string
            case "tools"? where names.isFirst(.tools): tools = value
            case "system"? where names.isFirst(.system): system = value
            case "messages"? where names.isFirst(.messages): messages = value
            case "cache_control"? where names.isFirst(.cacheControl): if !value.isNull { self.callerMarks.append("") }
            default: break
            }
        }
        self.note(names)
        guard let messages, messages.kind == .array else {
            self.obstacle = self.obstacle ?? .unreadable
            return
        }
        if let tools { self.surveyTools(tools) }
        if let system { self.surveySystem(system) }
        for (index, message) in messages.elements.enumerated() { self.surveyMessage(message, index) }
    }

    private mutating func note(_ names: MemberNames) {
        if names.hasDuplicate { self.obstacle = self.obstacle ?? .duplicateMember }
    }
}

// MARK: - Tools

extension PromptCacheSurvey {
    private mutating func surveyTools(_ tools: JSONCursor) {
        guard tools.kind == .array else {
            if !tools.isNull { self.obstacle = self.obstacle ?? .unreadable }
            return
        }
        for (index, tool) in tools.elements.enumerated() {
            if index == 0 { self.tokens += PromptCacheEstimate.toolPreamble }
            var end: Int?
            var null: Range<Int>?
            var isDeferred = false
            var names = MemberNames()
            for (name, value) in tool.members {
                end = value.range.upperBound
                switch name.string {
                case "cache_control"? where names.isFirst(.cacheControl):
                    if value.isNull { null = value.range } else { self.callerMarks.append("tools[\(index)]") }
                case "defer_loading"?: isDeferred = isDeferred || value.bool == true
                // A toolset's members may be deferred one by one, and a mark on it lands on its last member.
                case "default_config"?: isDeferred = isDeferred || value["defer_loading"]?.bool == true
                case "configs"?:
                    let configs = value.members.map(\.value) + Array(value.elements)
                    isDeferred = isDeferred || configs.contains { $0["defer_loading"]?.bool == true }
                default: break
                }
            }
            self.note(names)
            // A deferred tool is not part of the prefix.
            if !isDeferred { self.tokens += PromptCacheEstimate.tokens(bytes: tool.range.count) }
            let placement: Placement? = isDeferred ? nil : null.map(Placement.replace) ?? end.map(Placement.append)
            self.tools.append(Site(place: .tool(index), placement: placement, tokens: self.tokens))
        }
    }
}

// MARK: - System prompt

extension PromptCacheSurvey {
    /// How Claude Code's first system block begins. The API strips that block by its position and its content differs
    /// between conversations, so it is neither marked nor moved.
    private static let attribution = "x-anthropic-billing-header:"

    private mutating func surveySystem(_ system: JSONCursor) {
        switch system.kind {
        case .string:
            self.tokens += PromptCacheEstimate.tokens(bytes: system.range.count)
            let isMarkable = !system.isBlank && system.string?.hasPrefix(Self.attribution) != true
            self.system.append(
                Site(place: .system(nil), placement: isMarkable ? .wrap(system.range) : nil, tokens: self.tokens)
            )
        case .array:
            for (index, block) in system.elements.enumerated() {
                var site = self.surveyBlock(block, .system(index))
                if index == 0, block["text"]?.string?.hasPrefix(Self.attribution) == true { site.placement = nil }
                self.system.append(site)
            }
        case .null: break
        default: self.obstacle = self.obstacle ?? .unreadable
        }
    }
}

// MARK: - Messages

extension PromptCacheSurvey {
    private mutating func surveyMessage(_ message: JSONCursor, _ index: Int) {
        var role: JSONCursor?
        var content: JSONCursor?
        var names = MemberNames()
        for (name, value) in message.members {
            switch name.string {
            case "role"? where names.isFirst(.role): role = value
            case "content"? where names.isFirst(.content): content = value
            default: break
            }
        }
        self.note(names)
        let first = self.blocks.count
        if let content, content.kind == .string {
            self.tokens += PromptCacheEstimate.tokens(bytes: content.range.count)
            let placement: Placement? = content.isBlank ? nil : .wrap(content.range)
            self.blocks.append(
                Site(place: .message(index, content: nil), placement: placement, tokens: self.tokens)
            )
        } else if let content, content.kind == .array {
            for (position, block) in content.elements.enumerated() {
                self.blocks.append(self.surveyBlock(block, .message(index, content: position)))
            }
        } else {
            self.obstacle = self.obstacle ?? .unreadable
        }
        self.messages.append(
            Message(isAssistant: role?.hasContent("assistant") == true, blocks: first..<self.blocks.count)
        )
    }

    private mutating func surveyBlock(_ block: JSONCursor, _ place: Place) -> Site {
        // Members may stand in any order, and what the others mean depends on the type.
        let type = block["type"]?.string
        var text: JSONCursor?
        var end: Int?
        var null: Range<Int>?
        var names = MemberNames()
        for (name, value) in block.members {
            end = value.range.upperBound
            switch name.string {
            case "type"? where names.isFirst(.type): break
            case "text"? where names.isFirst(.text): text = value
            case "cache_control"? where names.isFirst(.cacheControl):
                if value.isNull { null = value.range } else { self.callerMarks.append(place.path) }
            // What a tool is called with is the model's own text and means nothing here.
            case "input"? where type?.hasSuffix("tool_use") == true: break
            default: self.noteMarks(inside: value, place)
            }
        }
        self.note(names)
        self.tokens += PromptCacheEstimate.tokens(block, type: type)
        let isMarkable =
            switch type {
            case "text"?: text?.isBlank == false
            case let type?: Self.markableTypes.contains(type)
            case nil: false
            }
        let placement = isMarkable ? null.map(Placement.replace) ?? end.map(Placement.append) : nil
        return Site(place: place, placement: placement, tokens: self.tokens)
    }

    /// Notes a caller's marks on the blocks within a block: those of a tool's result, a document, a search result.
    private mutating func noteMarks(inside value: JSONCursor, _ place: Place) {
        for element in value.elements { self.noteMarks(inside: element, place) }
        for (name, member) in value.members {
            if name.hasContent("cache_control"), !member.isNull {
                self.callerMarks.append(place.path + "…")
            } else {
                self.noteMarks(inside: member, place)
            }
        }
    }

    /// The block types that are documented to carry a mark, text apart. A type that is not among them may refuse it
    /// (thinking, redacted thinking and fallback blocks do), and one refused mark makes a whole conversation unusable.
    private static let markableTypes: Set<String> = [
        "image", "document", "search_result", "tool_use", "tool_result", "server_tool_use", "web_search_tool_result",
        "web_fetch_tool_result", "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "container_upload", "mcp_tool_use",
        "mcp_tool_result", "advisor_tool_result",
    ]
}

extension PromptCacheSurvey.Place {
    /// The place as a path into the request.
    var path: String {
        switch self {
        case .tool(let index): "tools[\(index)]"
        case .system(nil): "system"
        case .system(let index?): "system[\(index)]"
        case .message(let index, nil): "messages[\(index)].content"
        case .message(let index, let content?): "messages[\(index)].content[\(content)]"
        }
    }
}

/// Which of the members that matter were seen in an object, and whether any was seen twice.
private struct MemberNames: OptionSet {
    let rawValue: UInt16

    static let model = Self(rawValue: 1 << 0)
    static let tools = Self(rawValue: 1 << 1)
    static let system = Self(rawValue: 1 << 2)
    static let messages = Self(rawValue: 1 << 3)
    static let cacheControl = Self(rawValue: 1 << 4)
    static let role = Self(rawValue: 1 << 5)
    static let content = Self(rawValue: 1 << 6)
    static let type = Self(rawValue: 1 << 7)
    static let text = Self(rawValue: 1 << 8)
    private static let duplicate = Self(rawValue: 1 << 15)

    var hasDuplicate: Bool { self.contains(.duplicate) }

    /// Whether `name` had not been seen; it has been from now on.
    mutating func isFirst(_ name: Self) -> Bool {
        if self.contains(name) {
            self.insert(.duplicate)
            return false
        }
        self.insert(name)
        return true
    }
}
