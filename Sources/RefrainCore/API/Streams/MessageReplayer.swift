import RefrainKeys

/// Tells a stored message again as the events of a stream: a function of the message's bytes alone.
///
/// The events are those that the API would send, without its pings and padding, and with one delta for each block:
/// official SDKs make the same message of them. ``MessageAssembler`` makes the same bytes of them, where an assembler
/// made the message.
///
/// `message_start` has the message without content and stop reason, its usage with one output token;
/// `message_delta` has the stop reason and the final usage. Text, thinking, signatures and citations are copied as
/// they are spelled; inputs of tools travel as one `input_json_delta`; all other blocks, unknown ones too, stand whole
/// in their `content_block_start`.
public enum MessageReplayer {
    /// The events of `message`, each ready to send. Linear.
    ///
    /// - Throws: ``WireError`` where `message` is not JSON, or no message.
    public static func events(for message: [UInt8]) throws(WireError) -> [[UInt8]] {
        let (bytes, ends) = try Self.replay(message)
        var start = 0
        return ends.map { end in
            defer { start = end }
            return Array(bytes[start..<end])
        }
    }

    /// All events of `message` in one piece, for a hit that is sent at once. Linear.
    ///
    /// - Throws: ``WireError`` where `message` is not JSON, or no message.
    public static func stream(for message: [UInt8]) throws(WireError) -> [UInt8] {
        try Self.replay(message).bytes
    }

    private static func replay(_ message: [UInt8]) throws(WireError) -> (bytes: [UInt8], ends: [Int]) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(message, limits: .response)
        } catch {
            throw WireError(error)
        }
        let root = document.root
        var content: JSONCursor?
        var isMessage = false
        for (name, value) in root.members {
            if name.raw.isQuoted("content") { content = value }
            if name.raw.isQuoted("type") { isMessage = value.raw.isQuoted("message") }
        }
        guard isMessage, let content, content.kind == .array else {
            throw WireError(.unexpectedShape, "not a message")
        }
        var writer = EventWriter(capacity: message.count + message.count / 4 + 1024)
        writer.messageStart(root)
        for (index, block) in content.elements.enumerated() { writer.block(block, at: index) }
        writer.messageDelta(root)
        writer.event("message_stop") { _ in }
        return (writer.bytes, writer.ends)
    }
}

/// Writes the events of a message.
private struct EventWriter {
    var bytes: [UInt8] = []
    /// Where each event ends.
    var ends: [Int] = []

    init(capacity: Int) {
        self.bytes.reserveCapacity(capacity)
        self.ends.reserveCapacity(16)
    }

    mutating func event(_ name: StaticString, _ members: (inout EventWriter) -> Void) {
        self.append("event: ")
        self.append(name)
        self.append("\ndata: {\"type\":\"")
        self.append(name)
        self.append("\"")
        members(&self)
        self.append("}\n\n")
        self.ends.append(self.bytes.count)
    }

    mutating func messageStart(_ message: JSONCursor) {
        self.event("message_start") { writer in
            writer.append(",\"message\":")
            writer.object(message) { name, value, writer in
                switch name.nameKind {
                case .content: writer.append("[]")
                case .stop: writer.append("null")
                case .usage: writer.startUsage(value)
                default: writer.append(value)
                }
            }
        }
    }

    /// The usage as it was before the first token was counted.
    private mutating func startUsage(_ usage: JSONCursor) {
        self.object(usage) { name, value, writer in
            if name.raw.isQuoted("output_tokens"), value.kind == .number, !value.raw.elementsEqual([0x30]) {
                writer.append("1")
            } else {
                writer.append(value)
            }
        }
    }

    mutating func messageDelta(_ message: JSONCursor) {
        self.event("message_delta") { writer in
            writer.append(",\"delta\":")
            var separator: StaticString = "{"
            for (name, value) in message.members where name.nameKind == .stop || name.nameKind == .container {
                writer.append(separator)
                writer.member(name, value)
                separator = ","
            }
            writer.append(separator.utf8Start.pointee == UInt8(ascii: "{") ? "{},\"usage\":" : "},\"usage\":")
            separator = "{"
            for (name, value) in message["usage"]?.members.filter({ $0.name.isCumulative && !$0.value.isNull }) ?? [] {
                writer.append(separator)
                writer.member(name, value)
                separator = ","
            }
            writer.append(separator.utf8Start.pointee == UInt8(ascii: "{") ? "{}" : "}")
            for (name, value) in message.members where name.nameKind == .contextManagement && !value.isNull {
                writer.append(",")
                writer.member(name, value)
            }
        }
    }

    mutating func block(_ block: JSONCursor, at index: Int) {
        let parts = BlockParts(block)
        self.event("content_block_start") { writer in
            writer.index(index)
            writer.append(",\"content_block\":")
            writer.object(block) { name, value, writer in
                switch parts.kind {
                case .text where name.raw.isQuoted("text") && value.kind == .string,
                    .thinking where name.raw.isQuoted("thinking") && value.kind == .string,
                    .thinking where name.raw.isQuoted("signature") && value.kind == .string:
                    writer.append("\"\"")
                case .text where name.raw.isQuoted("citations") && value.kind == .array: writer.append("[]")
                case .tool where name.raw.isQuoted("input"): writer.append("{}")
                default: writer.append(value)
                }
            }
        }
        for citation in parts.citations?.elements.map(\.self) ?? [] {
            self.delta(index, "citations_delta", "citation") { $0.append(citation) }
        }
        if let text = parts.text, !text.isEmpty {
            if parts.kind == .text {
                self.delta(index, "text_delta", "text") { $0.quoted(text) }
            } else {
                self.delta(index, "thinking_delta", "thinking") { $0.quoted(text) }
            }
        }
        if let signature = parts.signature, !signature.isEmpty {
            self.delta(index, "signature_delta", "signature") { $0.quoted(signature) }
        }
        if let input = parts.input {
            self.delta(index, "input_json_delta", "partial_json") { writer in
                writer.append("\"")
                if !input.elementsEqual("{}".utf8) { JSONString.append(input, escapedTo: &writer.bytes) }
                writer.append("\"")
            }
        }
        self.event("content_block_stop") { $0.index(index) }
    }

    private mutating func delta(
        _ index: Int, _ type: StaticString, _ member: StaticString, _ value: (inout EventWriter) -> Void
    ) {
        self.event("content_block_delta") { writer in
            writer.index(index)
            writer.append(",\"delta\":{\"type\":\"")
            writer.append(type)
            writer.append("\",\"")
            writer.append(member)
            writer.append("\":")
            value(&writer)
            writer.append("}")
        }
    }

    private mutating func index(_ index: Int) {
        self.append(",\"index\":")
        if index < 10 {
            self.bytes.append(0x30 + UInt8(index))
        } else {
            self.bytes.append(contentsOf: String(index).utf8)
        }
    }

    private mutating func object(
        _ object: JSONCursor, _ value: (_ name: JSONCursor, _ value: JSONCursor, inout EventWriter) -> Void
    ) {
        guard object.kind == .object else { return self.append(object) }
        self.append("{")
        var isFirst = true
        for (name, old) in object.members {
            if !isFirst { self.append(",") }
            isFirst = false
            self.bytes.append(contentsOf: name.raw)
            self.append(":")
            value(name, old, &self)
        }
        self.append("}")
    }

    private mutating func member(_ name: JSONCursor, _ value: JSONCursor) {
        self.bytes.append(contentsOf: name.raw)
        self.append(":")
        self.append(value)
    }

    private mutating func quoted(_ content: ArraySlice<UInt8>) {
        self.append("\"")
        self.bytes.append(contentsOf: content)
        self.append("\"")
    }

    private mutating func append(_ text: StaticString) {
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the value's bytes; a line break between its tokens, which would end the `data:` line, as a space.
    private mutating func append(_ value: JSONCursor) {
        let start = self.bytes.count
        self.bytes.append(contentsOf: value.raw)
        guard value.kind == .object || value.kind == .array else { return }
        for index in start..<self.bytes.count where self.bytes[index] == 0x0A || self.bytes[index] == 0x0D {
            self.bytes[index] = 0x20
        }
    }
}

/// The parts of a block that travel as deltas. Members are known by the usual spelling of their names only, here as in
/// the writer: a block spelled otherwise travels whole.
private struct BlockParts {
    enum Kind { case text, thinking, tool, whole }

    private(set) var kind = Kind.whole
    private(set) var text: ArraySlice<UInt8>?
    private(set) var citations: JSONCursor?
    private(set) var signature: ArraySlice<UInt8>?
    private(set) var input: ArraySlice<UInt8>?

    init(_ block: JSONCursor) {
        for (name, value) in block.members where name.raw.isQuoted("type") {
            let type = value.raw
            if type.isQuoted("text") {
                self.kind = .text
            } else if type.isQuoted("thinking") {
                self.kind = .thinking
            } else if type.isQuoted("tool_use") || type.isQuoted("server_tool_use") || type.isQuoted("mcp_tool_use") {
                self.kind = .tool
            } else {
                self.kind = .whole
            }
        }
        guard self.kind != .whole else { return }
        for (name, value) in block.members {
            switch self.kind {
            case .text where name.raw.isQuoted("text"): self.text = value.escapedContent
            case .text where name.raw.isQuoted("citations") && value.kind == .array: self.citations = value
            case .thinking where name.raw.isQuoted("thinking"): self.text = value.escapedContent
            case .thinking where name.raw.isQuoted("signature"): self.signature = value.escapedContent
            case .tool where name.raw.isQuoted("input"): self.input = value.raw
            default: break
            }
        }
    }
}

extension JSONCursor {
    fileprivate enum NameKind { case content, stop, usage, container, contextManagement, other }

    /// What the member of a message with this name is to a replay.
    fileprivate var nameKind: NameKind {
        let name = self.raw
        if name.isQuoted("content") { return .content }
        if name.isQuoted("usage") { return .usage }
        if name.isQuoted("stop_reason") || name.isQuoted("stop_sequence") || name.isQuoted("stop_details") {
            return .stop
        }
        if name.isQuoted("container") { return .container }
        if name.isQuoted("context_management") { return .contextManagement }
        return .other
    }

    /// Whether `message_delta` repeats the member of `usage` with this name.
    fileprivate var isCumulative: Bool {
        let name = self.raw
        return name.isQuoted("input_tokens") || name.isQuoted("output_tokens")
            || name.isQuoted("cache_creation_input_tokens") || name.isQuoted("cache_read_input_tokens")
            || name.isQuoted("output_tokens_details") || name.isQuoted("server_tool_use")
            || name.isQuoted("iterations") || name.isQuoted("fallback_credit")
    }
}
