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
        var result: (bytes: [UInt8], ends: [Int])?
        document.withView { root in
            var content: JSONView?
            var isMessage = false
            root.forEachMember { name, value in
                if name.isQuoted("content") { content = value }
                if name.isQuoted("type") { isMessage = value.isQuoted("message") }
            }
            guard isMessage, let content, content.kind == .array else { return }
            var writer = EventWriter(capacity: message.count + message.count / 4 + 1024)
            writer.messageStart(root)
            var index = 0
            content.forEachElement { block in
                writer.block(block, at: index)
                index += 1
            }
            writer.messageDelta(root)
            writer.event("message_stop") { _ in }
            result = (writer.bytes, writer.ends)
        }
        guard let result else { throw WireError(.unexpectedShape, "not a message") }
        return result
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

    mutating func messageStart(_ message: JSONView) {
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
    private mutating func startUsage(_ usage: JSONView) {
        self.object(usage) { name, value, writer in
            if name.isQuoted("output_tokens"), value.kind == .number, !value.isZero {
                writer.append("1")
            } else {
                writer.append(value)
            }
        }
    }

    mutating func messageDelta(_ message: JSONView) {
        self.event("message_delta") { writer in
            writer.append(",\"delta\":")
            writer.someMembers(of: message) { name, _ in name.nameKind == .stop || name.nameKind == .container }
            writer.append(",\"usage\":")
            var usage: JSONView?
            message.forEachMember { name, value in
                if name.nameKind == .usage { usage = value }
            }
            if let usage {
                writer.someMembers(of: usage) { name, value in name.isCumulative && value.kind != .null }
            } else {
                writer.append("{}")
            }
            message.forEachMember { name, value in
                guard name.nameKind == .contextManagement, value.kind != .null else { return }
                writer.append(",")
                writer.member(name, value)
            }
        }
    }

    /// Writes an object of the chosen members.
    private mutating func someMembers(of object: JSONView, where isChosen: (JSONView, JSONView) -> Bool) {
        self.append("{")
        var isFirst = true
        object.forEachMember { name, value in
            guard isChosen(name, value) else { return }
            if !isFirst { self.append(",") }
            isFirst = false
            self.member(name, value)
        }
        self.append("}")
    }

    mutating func block(_ block: JSONView, at index: Int) {
        let parts = BlockParts(block)
        self.event("content_block_start") { writer in
            writer.index(index)
            writer.append(",\"content_block\":")
            writer.object(block) { name, value, writer in
                switch parts.kind {
                case .text where name.isQuoted("text") && value.kind == .string,
                    .thinking where name.isQuoted("thinking") && value.kind == .string,
                    .thinking where name.isQuoted("signature") && value.kind == .string:
                    writer.append("\"\"")
                case .text where name.isQuoted("citations") && value.hasElements: writer.append("[]")
                case .tool where name.isQuoted("input"): writer.append("{}")
                default: writer.append(value)
                }
            }
        }
        parts.citations?.forEachElement { citation in
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
                if !input.elementsEqual("{}".utf8) { writer.escaped(input) }
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
        _ object: JSONView, _ value: (_ name: JSONView, _ value: JSONView, inout EventWriter) -> Void
    ) {
        guard object.kind == .object else { return self.append(object) }
        self.append("{")
        var isFirst = true
        object.forEachMember { name, old in
            if !isFirst { self.append(",") }
            isFirst = false
            self.bytes.append(contentsOf: name.raw)
            self.append(":")
            value(name, old, &self)
        }
        self.append("}")
    }

    private mutating func member(_ name: JSONView, _ value: JSONView) {
        self.bytes.append(contentsOf: name.raw)
        self.append(":")
        self.append(value)
    }

    private mutating func quoted(_ content: UnsafeBufferPointer<UInt8>) {
        self.append("\"")
        self.bytes.append(contentsOf: content)
        self.append("\"")
    }

    /// Appends JSON as the inside of a JSON string.
    private mutating func escaped(_ json: UnsafeBufferPointer<UInt8>) {
        JSONString.append(json, escapedTo: &self.bytes)
    }

    @inline(__always)
    private mutating func append(_ text: StaticString) {
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the value's bytes; a line break between its tokens, which would end the `data:` line, as a space.
    private mutating func append(_ value: JSONView) {
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
    private(set) var text: UnsafeBufferPointer<UInt8>?
    private(set) var citations: JSONView?
    private(set) var signature: UnsafeBufferPointer<UInt8>?
    private(set) var input: UnsafeBufferPointer<UInt8>?

    init(_ block: JSONView) {
        var kind = Kind.whole
        block.forEachMember { name, type in
            guard name.isQuoted("type") else { return }
            if type.isQuoted("text") {
                kind = .text
            } else if type.isQuoted("thinking") {
                kind = .thinking
            } else if type.isQuoted("tool_use") || type.isQuoted("server_tool_use") || type.isQuoted("mcp_tool_use") {
                kind = .tool
            } else {
                kind = .whole
            }
        }
        self.kind = kind
        guard kind != .whole else { return }
        block.forEachMember { name, value in
            switch kind {
            case .text where name.isQuoted("text"): self.text = value.escapedContent
            case .text where name.isQuoted("citations") && value.kind == .array: self.citations = value
            case .thinking where name.isQuoted("thinking"): self.text = value.escapedContent
            case .thinking where name.isQuoted("signature"): self.signature = value.escapedContent
            case .tool where name.isQuoted("input"): self.input = value.raw
            default: break
            }
        }
    }
}

extension JSONView {
    fileprivate enum NameKind { case content, stop, usage, container, contextManagement, other }

    /// What the member of a message with this name is to a replay.
    fileprivate var nameKind: NameKind {
        let name = self
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
        let name = self
        return name.isQuoted("input_tokens") || name.isQuoted("output_tokens")
            || name.isQuoted("cache_creation_input_tokens") || name.isQuoted("cache_read_input_tokens")
            || name.isQuoted("output_tokens_details") || name.isQuoted("server_tool_use")
            || name.isQuoted("iterations") || name.isQuoted("fallback_credit")
    }
}
