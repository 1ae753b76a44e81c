/// What the API's own objects are made of. Everything here is by place and by name; what is not named here is keyed as
/// it stands.
extension Canonicalizer {
    /// What the members of one object mean depends on one or two of them.
    enum Role {
        case plain
        /// A request, and whether it names fallback models.
        case request(hasFallbacks: Bool)
        case block(BlockKind)
        /// A tool, and whether it is a set of tools with `configs`.
        case tool(isToolset: Bool)
    }

    /// The kinds of content blocks that differ in what their members are.
    enum BlockKind {
        case other, text, toolUse, toolResult, serverToolResult, searchResult, browserState, toolChange, compaction
        /// `thinking` and others that the API refuses with `cache_control`, which therefore stays in the key.
        case unmarkable
    }

    /// Looks at an object as a whole before its members are written, and refuses what is not to be cached.
    mutating func role(of members: Range<Int>, _ shape: Shape) throws(BypassReason) -> Role {
        switch shape {
        case .request:
            let fallbacks = self.value(of: "fallbacks", in: members)
            return .request(hasFallbacks: fallbacks.map { self.tape[$0].kind != .null } ?? false)
        case .markedBlock, .block:
            let kind = self.blockKind(self.value(of: "type", in: members))
            if kind == .toolUse { self.hasToolUse = true }
            return .block(kind)
        case .tool, .definition: return try .tool(isToolset: self.isToolset(self.value(of: "type", in: members)))
        case .source: try self.checkSource(members)
        case .edit:
            if let type = self.value(of: "type", in: members), self.isString(type, prefixedBy: "compact") {
                try self.refuse(.compaction)
            }
        case .toolChange:
            if let type = self.value(of: "type", in: members), self.isString(type, prefixedBy: "mcp_") {
                try self.refuse(.mcpServers)
            }
        default: break
        }
        return .plain
    }

    /// What a member's value is; nil where the member is left out.
    @inline(__always)
    mutating func shape(of member: JSONMember, in shape: Shape, _ role: Role) throws(BypassReason) -> Shape? {
        switch shape {
        case .request: try self.requestMember(member, role)
        case .message: member.isNamed("content") ? .content : member.isNamed("output_config") ? .outputConfig : .free
        case .markedBlock: try self.blockMember(member, role, isMarked: true)
        case .block: try self.blockMember(member, role, isMarked: false)
        case .tool: self.toolMember(member, role, isMarked: true)
        case .definition: self.toolMember(member, role, isMarked: false)
        case .source: member.isNamed("content") ? .blocks : .free
        case .outputConfig, .fallback, .settings, .contextManagement, .edit: Self.settingsMember(member)
        case .format: .free
        case .toolChange: member.isNamed("definition") ? .definition : .free
        case .part: Self.isFreeForm(member) ? .free : .part
        default: .free
        }
    }

    // MARK: The request

    private mutating func requestMember(_ member: JSONMember, _ role: Role) throws(BypassReason) -> Shape? {
        let value = member.index + 1
        let kind = self.tape[value].kind
        switch member.length {
        case 5:
            if member.isNamed("model"), kind == .string {
                self.model = Int(self.tape[value].start) + 1..<Int(self.tape[value].end) - 1
            } else if member.isNamed("tools") {
                self.place.parameter = "tools"
                return .tools
            } else if member.isNamed("speed") {
                return self.options.keysSpeed ? .free : nil
            } else if member.isNamed("top_p") || member.isNamed("top_k") {
                return .number
            }
        case 6:
            if member.isNamed("system") {
                self.place.parameter = "system"
                return .markedBlocks
            } else if member.isNamed("stream") {
                self.isStreaming = kind == .true
                if case .request(hasFallbacks: true) = role { return .free }
                return kind == .true || kind == .false || kind == .null ? nil : .free
            } else if member.isNamed("thread") {
                try self.refuse(.thread, at: "thread", unlessNull: kind)
            } else if member.isNamed("skills") {
                try self.refuse(.skills, at: "skills", unlessNull: kind)
            }
        case 8:
            if member.isNamed("messages") {
                self.place.parameter = "messages"
                return .messages
            } else if member.isNamed("metadata") {
                return nil
            } else if member.isNamed("thinking") {
                return .settings
            }
        case 9:
            if member.isNamed("container") {
                let hasSkills = self.member("skills", of: value).map { self.tape[$0].kind != .null } ?? false
                try self.refuse(hasSkills ? .skills : .container, at: "container", unlessNull: kind)
            } else if member.isNamed("fallbacks") {
                if !self.options.fallbacks { try self.refuse(.fallbacks, at: "fallbacks", unlessNull: kind) }
                return .fallbacks
            }
        case 10:
            if member.isNamed("max_tokens") {
                if kind == .number, CanonicalNumber(self.raw(value)).isZero {
                    self.place.parameter = "max_tokens"
                    try self.refuse(.prewarm)
                }
                return .number
            } else if member.isNamed("compaction") {
                try self.refuse(.compaction, at: "compaction", unlessNull: kind)
            }
        case 11:
            if member.isNamed("temperature") { return .number }
            if member.isNamed("tool_choice") { return .settings }
            if member.isNamed("mcp_servers") { try self.refuse(.mcpServers, at: "mcp_servers", unlessNull: kind) }
            if member.isNamed("diagnostics") { return try self.diagnostics(value) }
        case 12: if member.isNamed("service_tier") { return nil }
        case 13:
            if member.isNamed("cache_control") { return nil }
            if member.isNamed("output_config") { return .outputConfig }
            if member.isNamed("output_format") { return .format }
        case 14: if member.isNamed("billing_policy") { return .settings }
        case 18:
            if member.isNamed("context_management") {
                self.place.parameter = "context_management.edits"
                return .contextManagement
            }
        case 21:
            if member.isNamed("fallback_credit_token") {
                try self.refuse(.fallbackCreditToken, at: "fallback_credit_token", unlessNull: kind)
            }
        default: break
        }
        return .free
    }

    private mutating func refuse(
        _ code: BypassReason.Code, at parameter: StaticString, unlessNull kind: JSONKind
    ) throws(BypassReason) {
        guard kind != .null else { return }
        self.place.parameter = parameter
        try self.refuse(code)
    }

    /// `diagnostics` asks for a comparison with an earlier message; without one it asks for nothing.
    private mutating func diagnostics(_ value: Int) throws(BypassReason) -> Shape? {
        // Null, or an empty object.
        let isEmpty = self.tape[value].kind == .object && Int(self.tape[value].next) == value + 1
        if self.tape[value].kind == .null || isEmpty { return nil }
        guard let id = self.member("previous_message_id", of: value) else { return .free }
        if self.tape[id].kind != .null {
            self.place.parameter = "diagnostics.previous_message_id"
            try self.refuse(.diagnostics)
        }
        // Whatever else it may come to hold is keyed.
        return Int(self.tape[value].next) == id + 1 && id == value + 2 ? nil : .free
    }

    /// The index of the value of an object's member; nil where there is none, or it is no object.
    private mutating func member(_ name: StaticString, of object: Int) -> Int? {
        guard self.tape[object].kind == .object else { return nil }
        var index = object + 1
        while index < Int(self.tape[object].next) {
            if self.isString(index, name) { return index + 1 }
            index = Int(self.tape[index + 1].next)
        }
        return nil
    }

    /// The parameters inside `thinking`, `tool_choice`, `output_config`, `context_management`, `fallbacks` and the
    /// like. Names are used for one thing only across all of them.
    private static func settingsMember(_ member: JSONMember) -> Shape {
        switch member.length {
        case 4: member.isNamed("keep") ? .settings : .free
        case 5: member.isNamed("value") || member.isNamed("total") ? .number : member.isNamed("edits") ? .edits : .free
        case 6: member.isNamed("format") ? .format : .free
        case 7: member.isNamed("trigger") ? .settings : .free
        case 8: member.isNamed("thinking") ? .settings : .free
        case 9: member.isNamed("remaining") ? .number : .free
        case 10: member.isNamed("max_tokens") ? .number : .free
        case 11: member.isNamed("task_budget") ? .settings : .free
        case 13:
            member.isNamed("budget_tokens")
                ? .number
                : member.isNamed("block_binding") ? .settings : member.isNamed("output_config") ? .outputConfig : .free
        case 14: member.isNamed("clear_at_least") ? .settings : .free
        default: .free
        }
    }

    // MARK: Blocks

    private mutating func blockKind(_ type: Int?) -> BlockKind {
        guard let type, self.tape[type].kind == .string else { return .other }
        if self.isString(type, "text") { return .text }
        if self.isString(type, "tool_use") { return .toolUse }
        if self.isString(type, "tool_result") { return .toolResult }
        if self.isString(type, "thinking") || self.isString(type, "redacted_thinking")
            || self.isString(type, "fallback") || self.isString(type, "mcp_tool_listing")
        {
            return .unmarkable
        }
        if self.isString(type, "server_tool_use") || self.isString(type, "mcp_tool_use") { return .toolUse }
        if self.isString(type, "search_result") { return .searchResult }
        if self.isString(type, "browser_state") { return .browserState }
        if self.isString(type, "tool_addition") || self.isString(type, "tool_removal") { return .toolChange }
        if self.isString(type, "compaction") { return .compaction }
        if self.isString(type, "web_search_tool_result") || self.isString(type, "web_fetch_tool_result")
            || self.isString(type, "code_execution_tool_result")
            || self.isString(type, "bash_code_execution_tool_result")
            || self.isString(type, "text_editor_code_execution_tool_result")
            || self.isString(type, "tool_search_tool_result") || self.isString(type, "advisor_tool_result")
            || self.isString(type, "mcp_tool_result")
        {
            return .serverToolResult
        }
        return .other
    }

    @inline(__always)
    private mutating func blockMember(
        _ member: JSONMember, _ role: Role, isMarked: Bool
    ) throws(BypassReason) -> Shape? {
        guard case .block(let kind) = role else { return .free }
        switch member.length {
        case 4:
            // The two members of nearly every block.
            if kind == .toolChange, member.isNamed("tool") { return .toolChange }
            if kind == .browserState, member.isNamed("tabs") { return .part }
        case 6:
            if member.isNamed("source") { return .source }
            if member.isNamed("caller") { return .part }
        case 7:
            if member.isNamed("content") {
                switch kind {
                case .toolResult: return .markedBlocks
                case .searchResult: return .blocks
                case .serverToolResult: return .part
                default: return .free
                }
            }
            if member.isNamed("file_id") { try self.checkUpload() }
        case 9: if member.isNamed("citations") { return .part }
        case 12: if kind == .compaction, member.isNamed("tool_changes") { return .blocks }
        case 13:
            if isMarked, kind != .unmarkable, member.isNamed("cache_control") { return nil }
            if kind == .browserState, member.isNamed("state_changes") { return .part }
        case 15: if member.isNamed("transformations") { return .part }
        default: break
        }
        return .free
    }

    /// A block that is itself an uploaded file, for a container.
    private mutating func checkUpload() throws(BypassReason) {
        if !self.options.fileSources { try self.refuse(.fileSource, ".file_id") }
    }

    private mutating func checkSource(_ members: Range<Int>) throws(BypassReason) {
        let type = self.value(of: "type", in: members)
        if !self.options.urlSources,
            type.map({ self.isString($0, "url") }) ?? false
                || self.value(of: "url", in: members) != nil
        {
            try self.refuse(.urlSource, ".source")
        }
        if !self.options.fileSources,
            type.map({ self.isString($0, "file") }) ?? false
                || self.value(of: "file_id", in: members) != nil
        {
            try self.refuse(.fileSource, ".source")
        }
    }

    /// The names that hold what the caller wrote, wherever in the API's own objects they stand.
    private static func isFreeForm(_ member: JSONMember) -> Bool {
        member.isNamed("input") || member.isNamed("input_schema") || member.isNamed("schema")
            || member.isNamed("input_examples")
    }

    // MARK: Tools

    private mutating func isToolset(_ type: Int?) throws(BypassReason) -> Bool {
        guard let type, self.tape[type].kind != .null else { return false }
        let isToolset =
            self.isString(type, "computer_toolset_20260801") || self.isString(type, "browser_toolset_20260801")
        if !isToolset, !self.isClientTool(type) { try self.refuse(.serverTool, ".type") }
        return isToolset
    }

    /// Whether a tool's type is one of those that run at the client, or only look through the request's own tools. Any
    /// other may run on the server, now or in the future.
    private mutating func isClientTool(_ type: Int) -> Bool {
        self.isString(type, "custom")
            || self.isString(type, "bash_20250124") || self.isString(type, "bash_20241022")
            || self.isString(type, "text_editor_20250728") || self.isString(type, "text_editor_20250429")
            || self.isString(type, "text_editor_20250124") || self.isString(type, "text_editor_20241022")
            || self.isString(type, "memory_20250818")
            || self.isString(type, "computer_20251124") || self.isString(type, "computer_20250124")
            || self.isString(type, "computer_20241022")
            || self.isString(type, "tool_search_tool_bm25_20251119") || self.isString(type, "tool_search_tool_bm25")
            || self.isString(type, "tool_search_tool_regex_20251119") || self.isString(type, "tool_search_tool_regex")
    }

    private mutating func toolMember(_ member: JSONMember, _ role: Role, isMarked: Bool) -> Shape? {
        switch member.length {
        case 7: if case .tool(isToolset: true) = role, member.isNamed("configs") { return .part }
        case 13: if isMarked, member.isNamed("cache_control") { return nil }
        case 14: if member.isNamed("max_characters") || member.isNamed("display_number") { return .number }
        case 16: if member.isNamed("display_width_px") { return .number }
        case 17: if member.isNamed("display_height_px") { return .number }
        default: break
        }
        return .free
    }
}
