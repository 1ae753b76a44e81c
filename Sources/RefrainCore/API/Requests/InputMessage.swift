import RefrainKeys

/// A message of a request.
public struct InputMessage: Hashable, Sendable {
    /// What a message says.
    public enum Content: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
        /// Text alone. The API, and the cache key, take it as one text block.
        case text(String)
        /// Blocks.
        case blocks([ContentBlock])

        /// Creates text.
        public init(stringLiteral value: String) { self = .text(value) }
        /// Creates blocks.
        public init(arrayLiteral elements: ContentBlock...) { self = .blocks(elements) }

        init?(_ content: JSONCursor) throws(WireError) {
            switch content.kind {
            case .string:
                guard case .string(let text) = try JSONValue(content) else { return nil }
                self = .text(text)
            case .array:
                var blocks: [ContentBlock] = []
                for block in content.elements { blocks.append(try ContentBlock(block)) }
                self = .blocks(blocks)
            default: return nil
            }
        }

        var json: RawJSON {
            switch self {
            case .text(let text): RawJSON(.string(text))
            case .blocks(let blocks): RawJSON(arrayOf: blocks.map(\.json))
            }
        }
    }

    /// Who speaks.
    public var role: Role
    /// What is said.
    public var content: Content
    /// Members that Refrain has no property for, sent after the others.
    public var extra: JSONObject

    /// Creates a message.
    public init(role: Role, content: Content, extra: JSONObject = [:]) {
        self.role = role
        self.content = content
        self.extra = extra
    }

    /// Text of the user.
    public static func user(_ text: String) -> InputMessage { InputMessage(role: .user, content: .text(text)) }
    /// Blocks of the user: text, images, documents, results of tools.
    public static func user(_ blocks: [ContentBlock]) -> InputMessage {
        InputMessage(role: .user, content: .blocks(blocks))
    }
    /// Text of the model.
    public static func assistant(_ text: String) -> InputMessage {
        InputMessage(role: .assistant, content: .text(text))
    }
    /// Blocks of the model.
    public static func assistant(_ blocks: [ContentBlock]) -> InputMessage {
        InputMessage(role: .assistant, content: .blocks(blocks))
    }
    /// An answer of the model, each block byte for byte as it came: the next turn of a conversation needs that.
    public static func assistant(_ message: Message) -> InputMessage { .assistant(message.content) }
    /// Instructions in the middle of a conversation.
    public static func system(_ text: String) -> InputMessage { InputMessage(role: .system, content: .text(text)) }

    init(_ message: JSONCursor) throws(WireError) {
        guard let role = message["role"]?.string, let content = try message["content"].flatMapTyped(Content.init) else {
            throw WireError(.unexpectedShape, "a message without role and content")
        }
        self.init(role: Role(rawValue: role), content: content)
        for (name, value) in message.members where !name.hasContent("role") && !name.hasContent("content") {
            self.extra.append(name.string ?? "", try JSONValue(value))
        }
    }

    var json: RawJSON {
        var writer = JSONObjectWriter()
        writer.member("role", self.role.rawValue)
        writer.member("content", self.content.json)
        writer.members(self.extra)
        return writer.finished()
    }
}

/// The system prompt of a request. The API tells text from one text block, and so does the cache key.
public enum SystemPrompt: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// Text alone.
    case text(String)
    /// Text blocks, which can carry marks for the prompt cache.
    case blocks([ContentBlock])

    /// Creates text.
    public init(stringLiteral value: String) { self = .text(value) }

    init?(_ system: JSONCursor) throws(WireError) {
        switch try InputMessage.Content(system) {
        case .text(let text): self = .text(text)
        case .blocks(let blocks): self = .blocks(blocks)
        case nil: return nil
        }
    }

    var json: RawJSON {
        switch self {
        case .text(let text): RawJSON(.string(text))
        case .blocks(let blocks): RawJSON(arrayOf: blocks.map(\.json))
        }
    }
}

extension RawJSON {
    /// Spells an array of these values.
    init(arrayOf values: [RawJSON]) {
        self.init(unchecked: [UInt8(ascii: "[")] + values.map(\.bytes).joined(separator: [0x2C]) + [UInt8(ascii: "]")])
    }
}

extension Optional {
    /// `flatMap` with a typed error.
    func flatMapTyped<Result, Failure>(_ transform: (Wrapped) throws(Failure) -> Result?) throws(Failure) -> Result? {
        guard let self else { return nil }
        return try transform(self)
    }
}
