import RefrainKeys

/// A content block on its way through an assembler.
struct AssembledBlock: Sendable {
    enum Effect { case applied, unknown, invalid }

    let type: String
    var isOpen = true
    /// Whether a member that deltas change may stand twice in the block, so that nobody can tell which is meant.
    let isAmbiguous: Bool
    /// The block as it started; ``append(to:)`` replaces the members that deltas change.
    private var members: RawObject
    /// The escaped content of `text` or `thinking`.
    private var text: [UInt8]?
    /// The citations, each as JSON.
    private var citations: [[UInt8]] = []
    /// The escaped fragments of the input; after ``finishInput()`` the input itself.
    private var input: [UInt8] = []

    init(_ block: JSONCursor) {
        let type = block["type"]?.string ?? ""
        self.type = type
        self.members = RawObject(block)
        self.isAmbiguous = self.members.isAmbiguous
        switch type {
        case "text":
            self.text = block["text"]?.escapedContent.map(Array.init)
            if let citations = block["citations"] { self.citations = citations.elements.map { Array($0.raw) } }
        case "thinking": self.text = block["thinking"]?.escapedContent.map(Array.init)
        default: break
        }
    }

    /// Whether the block has an input that comes in fragments.
    var hasInput: Bool { ["tool_use", "server_tool_use", "mcp_tool_use"].contains(self.type) }

    /// Takes a delta of the given type.
    mutating func apply(_ deltaType: String, _ delta: JSONCursor) -> Effect {
        switch (deltaType, self.type) {
        case ("text_delta", "text"): return self.extendText(delta["text"])
        case ("thinking_delta", "thinking"): return self.extendText(delta["thinking"])
        case ("signature_delta", "thinking"):
            guard let signature = delta["signature"], signature.kind == .string else { return .invalid }
            self.members.set("signature", Array(signature.raw))
        case ("citations_delta", "text"):
            guard let citation = delta["citation"] else { return .invalid }
            self.citations.append(Array(citation.raw))
        case ("input_json_delta", "tool_use"), ("input_json_delta", "server_tool_use"),
            ("input_json_delta", "mcp_tool_use"):
            guard let fragment = delta["partial_json"]?.escapedContent else { return .invalid }
            self.input.append(contentsOf: fragment)
        case ("compaction_delta", "compaction"):
            for (name, value) in delta.members where !name.hasContent("type") {
                self.members.set(RawObject.Member(name: Array(name.raw), value: Array(value.raw)))
            }
        default: return .unknown
        }
        return .applied
    }

    private mutating func extendText(_ fragment: JSONCursor?) -> Effect {
        guard let content = fragment?.escapedContent else { return .invalid }
        if self.text == nil { self.text = [] }
        self.text?.append(contentsOf: content)
        return .applied
    }

    /// Makes the input of its fragments. False where they spell no JSON.
    mutating func finishInput() -> Bool {
        guard !self.input.isEmpty else { return true }
        let spelled = JSONString.unescaped(self.input[...])
        self.input = []
        if spelled.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) { return true }
        guard let document = try? JSONDocument(spelled, limits: .response) else {
            return false
        }
        self.members.set("input", Array(document.root.raw))
        return true
    }

    /// Appends the block as JSON.
    func append(to output: inout [UInt8]) {
        var members = self.members
        if let text { members.set(self.type == "text" ? "text" : "thinking", [0x22] + text + [0x22]) }
        if !self.citations.isEmpty {
            members.set(
                "citations", [UInt8(ascii: "[")] + self.citations.joined(separator: [0x2C]) + [UInt8(ascii: "]")])
        }
        members.append(to: &output)
    }
}
