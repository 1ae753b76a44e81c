import RefrainKeys

/// A response of the Messages API: a typed view of the JSON, which is kept as it came.
///
/// Two messages are equal when their JSON is, byte for byte.
public struct Message: Hashable, Sendable {
    /// The message as JSON, byte for byte.
    public let json: [UInt8]
    /// The message's id. A cache hit has the id of the stored message.
    public let id: String
    /// The model that answered.
    public let model: ClaudeModel
    /// Who speaks: the assistant.
    public let role: Role
    /// The blocks, unknown ones included.
    public let content: [ContentBlock]
    /// Why the model stopped; nil only in the first event of a stream.
    public let stopReason: StopReason?
    /// Which stop sequence was written, where one was.
    public let stopSequence: String?
    /// The tokens used. A cache hit has those of the stored call.
    public let usage: Usage

    /// Reads a message. Linear.
    ///
    /// - Throws: ``WireError`` where `json` is no JSON object with the `type` "message", an `id`, a `model` and an
    ///   array of blocks.
    public init(json: [UInt8]) throws(WireError) {
        try self.init(JSONDocument.read(json).root, json: json)
    }

    init(_ message: JSONCursor, json: [UInt8]) throws(WireError) {
        guard message["type"]?.hasContent("message") == true, let id = message["id"]?.string,
            let model = message["model"]?.string, let content = message["content"], content.kind == .array
        else { throw WireError(.unexpectedShape, "not a message") }
        self.json = json
        self.id = id
        self.model = ClaudeModel(rawValue: model)
        self.role = Role(rawValue: message["role"]?.string ?? "assistant")
        var blocks: [ContentBlock] = []
        for block in content.elements { blocks.append(try ContentBlock(block)) }
        self.content = blocks
        self.stopReason = message["stop_reason"]?.string.map(StopReason.init(rawValue:))
        self.stopSequence = message["stop_sequence"]?.string
        self.usage = message["usage"].map(Usage.init) ?? Usage()
    }

    /// The text of all text blocks, joined.
    public var text: String { self.content.lazy.compactMap(\.text).joined() }

    /// The calls of client tools, in order.
    public var toolUses: [ContentBlock.ToolUse] { self.content.compactMap(\.toolUse) }

    /// The member called `name` as JSON, for what has no property here; nil where there is none. Linear.
    public func member(_ name: String) -> RawJSON? {
        (try? JSONDocument(self.json, limits: .response)).flatMap { $0.root[name] }.map(RawJSON.init)
    }

    /// Whether both have the same JSON.
    public static func == (left: Message, right: Message) -> Bool { left.json == right.json }
    /// Hashes the JSON.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.json) }
}

/// Who speaks. An open set.
public struct Role: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name on the wire.
    public let rawValue: String
    /// The name on the wire.
    public var description: String { self.rawValue }

    /// Creates the role with this name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates the role with this name.
    public init(stringLiteral value: String) { self.rawValue = value }

    /// The person, and the results of tools.
    public static let user: Role = "user"
    /// The model.
    public static let assistant: Role = "assistant"
    /// Instructions in the middle of a conversation.
    public static let system: Role = "system"
}
