import RefrainCore
import RefrainKeys

extension MessagesCall {
    /// Reads `system`.
    mutating func readSystem() throws(APIFailure) {
        guard let value = Self.present(self.root, "system") else { return }
        switch value.kind {
        case .string:
            // The model reads the same text, whichever way it was written.
            let text = CanonicalContent.content(of: value)
            guard !text.isEmpty else { return }
            self.append(text: text, level: .system, path: "system", message: nil, role: nil, marks: [])
        case .array:
            for (index, block) in value.elements.enumerated() {
                let path = "system.\(index)"
                guard block.kind == .object else { throw .invalid(path, "Input should be a valid dictionary") }
                guard block["type"]?.hasContent("text") == true else {
                    throw .invalid("\(path).type", "Input should be 'text'")
                }
                try self.readText(block, level: .system, path: path, message: nil, role: nil)
            }
        default: throw .invalid("system", "Input should be a valid string")
        }
    }

    /// Reads `messages`, and checks how its tool calls and results belong together.
    mutating func readMessages(_ messages: JSONCursor) throws(APIFailure) {
        let messages = Array(messages.elements)
        guard !messages.isEmpty else { throw .invalid("messages", "at least one message is required") }
        guard messages.count <= 100_000 else { throw .invalid("messages", "List should have at most 100000 items") }
        var pairing = ToolPairing()
        for (index, message) in messages.enumerated() {
            let path = "messages.\(index)"
            guard message.kind == .object else { throw .invalid(path, "Input does not match the expected shape.") }
            guard let roleValue = message["role"] else { throw .invalid("\(path).role", "Field required") }
            let role = roleValue.string ?? ""
            switch role {
            case "user", "assistant": break
            case "system" where !self.model.rules.contains(.rejectsSystemMessages): break
            case "system":
                throw .invalid(
                    "messages",
                    "Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not "
                        + "\"system\" as an input message role.")
            default:
                throw .invalid(
                    "messages",
                    "Unexpected role \"\(role)\". Allowed roles are \"user\" or \"assistant\". For more information, "
                        + "see https://docs.claude.com/en/api/messages")
            }
            guard let content = message["content"] else { throw .invalid("\(path).content", "Field required") }
            let first = self.prompt.blocks.count
            switch content.kind {
            case .string:
                let text = CanonicalContent.content(of: content)
                try self.checkNotEmpty(text.isEmpty, at: index, role, isLast: index == messages.count - 1)
                self.append(text: text, level: .messages, path: path, message: index, role: role, marks: [])
            case .array:
                let blocks = Array(content.elements)
                try self.checkNotEmpty(blocks.isEmpty, at: index, role, isLast: index == messages.count - 1)
                for (number, block) in blocks.enumerated() {
                    try self.readBlock(block, path: "\(path).content.\(number)", message: index, role: role)
                    try pairing.add(block, path: "\(path).content.\(number)", message: index, role: role)
                }
            default: throw .invalid("\(path).content", "Input should be a valid string")
            }
            try pairing.endMessage(index, role: role)
            if first < self.prompt.blocks.count { self.prompt.blocks[first].tokens += TokenEstimate.perMessage }
        }
        try pairing.end()
        let last = messages[messages.count - 1]
        if last["role"]?.hasContent("assistant") == true, self.model.rules.contains(.rejectsPrefill) {
            throw .invalid(
                "This model does not support assistant message prefill. The conversation must end with a user message.")
        }
    }

    private func checkNotEmpty(_ isEmpty: Bool, at index: Int, _ role: String, isLast: Bool) throws(APIFailure) {
        guard isEmpty, !(isLast && role == "assistant") else { return }
        throw .invalid(
            "messages.\(index)",
            "all messages must have non-empty content except for the optional final assistant message")
    }

    private mutating func append(
        text: [UInt8], level: PromptBlocks.Level, path: String, message: Int?, role: String?,
        marks: [PromptCacheModel.Lifetime]
    ) {
        self.prompt.blocks.append(
            PromptBlocks.Block(
                level: level, path: path, type: "text", message: message, role: role,
                content: ContentDigest(Array("\(level) \(role ?? "") text ".utf8) + text),
                tokens: TokenEstimate.text(text), marks: marks, canBeMarked: !text.isEmpty))
    }

    private mutating func readText(
        _ block: JSONCursor, level: PromptBlocks.Level, path: String, message: Int?, role: String?
    ) throws(APIFailure) {
        guard let value = block["text"] else { throw .invalid("\(path).text.text", "Field required") }
        guard value.kind == .string else { throw .invalid("\(path).text.text", "Input should be a valid string") }
        let text = CanonicalContent.content(of: value)
        let mark = try Self.mark(block, at: path)
        if text.isEmpty {
            guard mark == nil else {
                throw .invalid("\(path).text", "cache_control cannot be set for empty text blocks")
            }
            throw .invalid(level == .system ? "system" : "messages", "text content blocks must be non-empty")
        }
        if self.version == .october2026, role == "user", let citations = Self.present(block, "citations"),
            !Array(citations.elements).isEmpty
        {
            throw .invalid("\(path).text.citations", "citations are not permitted in user messages")
        }
        self.append(text: text, level: level, path: path, message: message, role: role, marks: mark.map { [$0] } ?? [])
    }

    private static let blockTypes: Set<String> = [
        "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
        "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
        "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
        "container_upload", "compaction", "fallback", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing",
        "tool_addition", "tool_removal", "advisor_tool_result", "connector_text",
    ]
    private static let unmarkable: Set<String> = ["thinking", "redacted_thinking", "fallback"]

    private mutating func readBlock(_ block: JSONCursor, path: String, message: Int, role: String) throws(APIFailure) {
        guard block.kind == .object else { throw .invalid(path, "Input should be a valid dictionary") }
        guard let typeValue = block["type"] else { throw .invalid("\(path).type", "Field required") }
        let type = typeValue.string ?? ""
        guard Self.blockTypes.contains(type) || self.acceptsUnknownParameters else {
            throw .invalid(
                path,
                "Input tag '\(type)' found using 'type' does not match any of the expected tags: "
                    + Self.blockTypes.sorted().map { "'\($0)'" }.joined(separator: ", "))
        }
        if type == "text" {
            return try self.readText(block, level: .messages, path: path, message: message, role: role)
        }
        if self.version == .october2026, role == "assistant", type == "document" {
            throw .invalid(path, "document blocks are not permitted in assistant messages")
        }
        if Self.unmarkable.contains(type), Self.present(block, "cache_control") != nil {
            throw .invalid("\(path).\(type).cache_control", "Extra inputs are not permitted")
        }
        try self.checkMembers(of: block, type, path)
        var marks: [PromptCacheModel.Lifetime] = []
        // Blocks inside of a result may be marked; what is kept ends with the result.
        if let nested = block["content"], type == "tool_result" {
            for (number, inner) in nested.elements.enumerated() {
                if inner["type"]?.hasContent("image") == true { self.prompt.hasImages = true }
                if let mark = try Self.mark(inner, at: "\(path).tool_result.content.\(number)") { marks.append(mark) }
            }
        }
        if let mark = try Self.mark(block, at: path) { marks.append(mark) }
        if type == "image" { self.prompt.hasImages = true }
        if type == "document", let citations = Self.present(block, "citations"), citations["enabled"]?.bool == true {
            self.prompt.hasCitations = true
        }
        self.prompt.blocks.append(
            PromptBlocks.Block(
                level: .messages, path: path, type: type, message: message, role: role,
                content: ContentDigest(Array("messages \(role) ".utf8) + CanonicalContent.bytes(of: block)),
                tokens: Self.tokens(of: block, type), marks: marks, canBeMarked: !Self.unmarkable.contains(type)))
    }

    private func checkMembers(of block: JSONCursor, _ type: String, _ path: String) throws(APIFailure) {
        let needed: [(name: String, kind: JSONKind)] =
            switch type {
            case "tool_use": [("id", .string), ("name", .string), ("input", .object)]
            case "tool_result": [("tool_use_id", .string)]
            case "thinking": [("thinking", .string), ("signature", .string)]
            case "redacted_thinking": [("data", .string)]
            case "image", "document": [("source", .object)]
            default: []
            }
        for (name, kind) in needed {
            guard let value = block[name] else { throw .invalid("\(path).\(type).\(name)", "Field required") }
            guard value.kind == kind else {
                throw .invalid(
                    "\(path).\(type).\(name)", "Input should be a valid \(kind == .object ? "dictionary" : "string")")
            }
        }
        if type == "tool_use", let id = block["id"]?.string, id.isEmpty || !id.utf8.allSatisfy(Self.isNameByte) {
            throw .invalid("\(path).tool_use.id", "String should match pattern '^[a-zA-Z0-9_-]+$'")
        }
    }

    private static func tokens(of block: JSONCursor, _ type: String) -> Int {
        switch type {
        case "image", "document": return Self.tokens(ofMedia: block, type)
        case "thinking": return TokenEstimate.text(block["thinking"].map(CanonicalContent.content) ?? [])
        case "redacted_thinking": return (block["data"]?.raw.count ?? 0) / 12
        case "tool_use":
            return 12 + TokenEstimate.text(block["name"]?.raw ?? []) + TokenEstimate.text(block["input"]?.raw ?? [])
        case "tool_result":
            guard let content = block["content"] else { return 12 }
            if content.kind == .string { return 12 + TokenEstimate.text(CanonicalContent.content(of: content)) }
            return content.elements.reduce(12) { sum, inner in
                switch inner["type"]?.string ?? "" {
                case "text": sum + TokenEstimate.text(inner["text"].map(CanonicalContent.content) ?? [])
                case "image": sum + Self.tokens(ofMedia: inner, "image")
                case "document": sum + Self.tokens(ofMedia: inner, "document")
                default: sum + TokenEstimate.json(inner)
                }
            }
        default: return TokenEstimate.json(block)
        }
    }

    private static func tokens(ofMedia block: JSONCursor, _ type: String) -> Int {
        guard let source = block["source"] else { return 0 }
        switch source["type"]?.string {
        case "base64":
            let data = source["data"]?.escapedContent ?? []
            return type == "image" ? TokenEstimate.image(base64: data) : TokenEstimate.document(base64: data)
        case "text": return TokenEstimate.text(source["data"].map(CanonicalContent.content) ?? [])
        case "content": return TokenEstimate.json(source)
        // What stands behind a URL or a file is not looked at.
        default: return type == "image" ? 1_600 : 1_800
        }
    }
}

/// Checks that each call of a tool is answered in the next turn, and that each answer has its call.
private struct ToolPairing {
    /// The calls of the assistant's turn so far, in order, and the message that made the first.
    private var calls: [String] = []
    private var callMessage = 0
    /// The calls that the previous assistant turn made.
    private var open: Set<String> = []
    private var answered: Set<String> = []
    private var previousRole = ""

    mutating func add(_ block: JSONCursor, path: String, message: Int, role: String) throws(APIFailure) {
        if role != "system" { try self.turn(to: role) }
        if block["type"]?.hasContent("tool_use") == true, let id = block["id"]?.string {
            // Recorded requests repeat an id in a later turn and are accepted, so it is the turn that counts.
            guard !self.calls.contains(id) else { throw .invalid(path, "`tool_use` ids must be unique") }
            if self.calls.isEmpty { self.callMessage = message }
            self.calls.append(id)
        } else if block["type"]?.hasContent("tool_result") == true, let id = block["tool_use_id"]?.string {
            guard self.open.contains(id) else {
                throw .invalid(
                    path,
                    "unexpected `tool_use_id` found in `tool_result` blocks: \(id). Each `tool_result` block must have "
                        + "a corresponding `tool_use` block in the previous message.")
            }
            self.answered.insert(id)
        }
    }

    mutating func endMessage(_ index: Int, role: String) throws(APIFailure) {
        if role != "system" { try self.turn(to: role) }
    }

    mutating func end() throws(APIFailure) {
        // A turn that has not answered yet, or a conversation that ends with a call.
        try self.checkAnswered()
        if self.previousRole == "assistant", !self.calls.isEmpty { throw self.missing(self.calls) }
    }

    /// Consecutive messages of one role are one turn.
    private mutating func turn(to role: String) throws(APIFailure) {
        guard role != self.previousRole else { return }
        if role == "user" {
            self.open = Set(self.calls)
            self.answered = []
        } else {
            try self.checkAnswered()
            self.open = []
            self.answered = []
            self.calls = []
        }
        self.previousRole = role
    }

    private func checkAnswered() throws(APIFailure) {
        guard self.previousRole == "user" else { return }
        let missing = self.calls.filter { !self.answered.contains($0) }
        if !missing.isEmpty { throw self.missing(missing) }
    }

    private func missing(_ ids: [String]) -> APIFailure {
        .invalid(
            "messages.\(self.callMessage)",
            "`tool_use` ids were found without `tool_result` blocks immediately after: \(ids.joined(separator: ", ")). "
                + "Each `tool_use` block must have a corresponding `tool_result` block in the next message.")
    }
}
