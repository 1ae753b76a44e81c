import RefrainKeys

/// A content block of a message, of a request or of a response.
///
/// A block is the JSON that spells it, with a typed view: whatever a response brought goes back to the API byte for
/// byte, unknown members and unknown blocks included. Two blocks are equal when their JSON is.
public struct ContentBlock: Hashable, Sendable {
    /// The block as JSON.
    public let json: RawJSON
    /// What the block is. Strings with an unpaired surrogate show U+FFFD in its place.
    public let kind: Kind

    /// What a block is.
    public enum Kind: Hashable, Sendable {
        /// Text.
        case text(Text)
        /// The model's thinking, with its signature; the text may be left out by the API.
        case thinking(Thinking)
        /// Thinking that only the API can read.
        case redactedThinking(data: String)
        /// A call of a client tool.
        case toolUse(ToolUse)
        /// The result of a client tool.
        case toolResult(ToolResult)
        /// An image.
        case image(ContentSource)
        /// A document.
        case document(Document)
        /// A search result given to the model.
        case searchResult(SearchResult)
        /// Any other block, by its `type`: see ``ContentBlock/json``.
        case other(type: String)
    }

    /// Takes a block as JSON. Linear.
    ///
    /// - Throws: ``WireError`` where it is no object with a string called `type`.
    public init(json: RawJSON) throws(WireError) {
        try self.init(json.document().root)
    }

    init(_ block: JSONCursor) throws(WireError) {
        guard let type = block["type"]?.string else {
            throw WireError(.unexpectedShape, "a content block without a type")
        }
        self.json = RawJSON(block)
        self.kind = Kind(type, block)
    }

    /// Takes a block that was just written.
    init(_ json: RawJSON, _ kind: Kind) {
        self.json = json
        self.kind = kind
    }

    /// Whether both have the same JSON.
    public static func == (left: ContentBlock, right: ContentBlock) -> Bool { left.json == right.json }
    /// Hashes the JSON.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.json) }
}

extension ContentBlock {
    /// A text block.
    public struct Text: Hashable, Sendable {
        /// The text.
        public let text: String
        /// Where it comes from, each citation as JSON; empty where there are none.
        public let citations: [RawJSON]
    }

    /// A thinking block.
    public struct Thinking: Hashable, Sendable {
        /// The thinking, in full, summarized or empty as the request asked.
        public let thinking: String
        /// What proves to the API that the block is unchanged.
        public let signature: String
    }

    /// A call of a client tool.
    public struct ToolUse: Hashable, Sendable {
        /// The call's id, to be repeated in the result.
        public let id: String
        /// The tool's name.
        public let name: String
        /// The input as the model wrote it.
        public let input: RawJSON
    }

    /// The result of a client tool.
    public struct ToolResult: Hashable, Sendable {
        /// The id of the call.
        public let toolUseID: String
        /// The content as JSON, a string or an array of blocks; nil where there is none.
        public let content: RawJSON?
        /// Whether the tool failed.
        public let isError: Bool
    }

    /// A document block.
    public struct Document: Hashable, Sendable {
        /// Where the document is.
        public let source: ContentSource
        /// Its title.
        public let title: String?
        /// What the model should know of it besides its content.
        public let context: String?
        /// Whether the model may cite it.
        public let isCitable: Bool
    }

    /// A search result block.
    public struct SearchResult: Hashable, Sendable {
        /// Where the result comes from.
        public let source: String
        /// Its title.
        public let title: String
        /// Whether the model may cite it.
        public let isCitable: Bool
    }
}

extension ContentBlock {
    /// The text, where this is a text block.
    public var text: String? { if case .text(let text) = self.kind { text.text } else { nil } }
    /// The call, where this is a call of a client tool.
    public var toolUse: ToolUse? { if case .toolUse(let call) = self.kind { call } else { nil } }
    /// The thinking, where this is a thinking block.
    public var thinking: Thinking? { if case .thinking(let thinking) = self.kind { thinking } else { nil } }

    /// The block's `type`.
    public var type: String {
        switch self.kind {
        case .text: "text"
        case .thinking: "thinking"
        case .redactedThinking: "redacted_thinking"
        case .toolUse: "tool_use"
        case .toolResult: "tool_result"
        case .image: "image"
        case .document: "document"
        case .searchResult: "search_result"
        case .other(let type): type
        }
    }
}

extension ContentBlock.Kind {
    init(_ type: String, _ block: JSONCursor) {
        func string(_ name: String) -> String? { block[name]?.string }
        let isCitable = block["citations"]?["enabled"]?.bool ?? false
        switch type {
        case "text":
            guard let text = string("text") else { break }
            self = .text(.init(text: text, citations: block["citations"]?.elements.map(RawJSON.init) ?? []))
            return
        case "thinking":
            guard let thinking = string("thinking") else { break }
            self = .thinking(.init(thinking: thinking, signature: string("signature") ?? ""))
            return
        case "redacted_thinking":
            guard let data = string("data") else { break }
            self = .redactedThinking(data: data)
            return
        case "tool_use":
            guard let id = string("id"), let name = string("name"), let input = block["input"] else { break }
            self = .toolUse(.init(id: id, name: name, input: RawJSON(input)))
            return
        case "tool_result":
            guard let id = string("tool_use_id") else { break }
            self = .toolResult(
                .init(
                    toolUseID: id, content: block["content"].map(RawJSON.init),
                    isError: block["is_error"]?.bool ?? false))
            return
        case "image":
            guard let source = block["source"] else { break }
            self = .image(ContentSource(RawJSON(source)))
            return
        case "document":
            guard let source = block["source"] else { break }
            self = .document(
                .init(
                    source: ContentSource(RawJSON(source)), title: string("title"), context: string("context"),
                    isCitable: isCitable))
            return
        case "search_result":
            guard let source = string("source"), let title = string("title") else { break }
            self = .searchResult(.init(source: source, title: title, isCitable: isCitable))
            return
        default: break
        }
        self = .other(type: type)
    }
}
