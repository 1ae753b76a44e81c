import RefrainCore
import RefrainKeys

extension MessagesCall {
    /// Types of tools that Anthropic defines and the caller runs; any other but `custom` runs at Anthropic.
    private static let clientTools = ["bash_", "text_editor_", "memory_", "computer_", "browser_"]
    private static let serverTools = [
        "web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset",
    ]

    /// Reads `tools` and `tool_choice`.
    mutating func readTools() throws(APIFailure) {
        if let value = Self.present(self.root, "tools") {
            guard value.kind == .array else { throw .invalid("tools", "Input should be a valid list") }
            for (index, tool) in value.elements.enumerated() { try self.readTool(tool, at: "tools.\(index)") }
            self.prompt.moveWebSearchBelowTools()
            var seen: Set<String> = []
            for tool in self.tools where !seen.insert(tool.name).inserted {
                throw .invalid("tools", "Tool names must be unique.")
            }
        }
        guard let choice = Self.present(self.root, "tool_choice") else { return }
        guard !self.tools.isEmpty || Self.present(self.root, "mcp_servers") != nil else {
            throw .invalid("tool_choice", "tool_choice may only be specified while providing tools.")
        }
        switch choice["type"]?.string {
        case "auto": self.toolChoice = .auto
        case "none": self.toolChoice = ToolChoice.none
        case "any": self.toolChoice = .any
        case "tool":
            guard let name = choice["name"]?.string else { throw .invalid("tool_choice.tool.name", "Field required") }
            guard self.tools.contains(where: { $0.name == name }) else {
                throw .invalid("Tool '\(name)' not found in provided tools")
            }
            self.toolChoice = .tool(name)
        case let other:
            throw .invalid(
                "tool_choice",
                "Input tag '\(other ?? "")' found using 'type' does not match any of the expected tags: 'any', 'auto', "
                    + "'none', 'tool'")
        }
        self.allowsParallelTools = try Self.flag(choice, "disable_parallel_tool_use") != true
        switch self.toolChoice {
        case .any, .tool:
            if self.model.rules.contains(.rejectsForcedTools) {
                throw .invalid("tool_choice", "forcing tool use is not supported for this model.")
            }
        default: break
        }
    }

    private mutating func readTool(_ tool: JSONCursor, at path: String) throws(APIFailure) {
        guard tool.kind == .object else { throw .invalid(path, "Input should be a valid dictionary") }
        let type = Self.present(tool, "type")?.string ?? "custom"
        let isDeferred = try Self.flag(tool, "defer_loading", at: "\(path).\(type).defer_loading") ?? false
        let mark = try Self.mark(tool, at: path)
        if isDeferred, mark != nil {
            throw .invalid(path, "cache_control cannot be set for tools with defer_loading=true")
        }
        if type == "custom" {
            guard let name = tool["name"] else { throw .invalid("\(path).custom.name", "Field required") }
            let text = name.string ?? ""
            guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy(Self.isNameByte) else {
                throw .invalid("\(path).custom.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
            }
            guard let schema = tool["input_schema"] else {
                throw .invalid("\(path).custom.input_schema", "Field required")
            }
            guard schema.kind == .object else {
                throw .invalid("\(path).custom.input_schema", "Input should be a valid dictionary")
            }
            guard let kind = schema["type"] else {
                throw .invalid("\(path).custom.input_schema.type", "Field required")
            }
            guard kind.hasContent("object") else {
                throw .invalid("\(path).custom.input_schema.type", "Input should be 'object'")
            }
            self.tools.append(Tool(name: text, schema: schema, isClientSide: true))
        } else if Self.clientTools.contains(where: { type.hasPrefix($0) }) {
            self.tools.append(Tool(name: tool["name"]?.string ?? type, schema: nil, isClientSide: true))
        } else if Self.serverTools.contains(where: { type.hasPrefix($0) }) {
            self.tools.append(
                Tool(
                    name: tool["name"]?.string ?? tool["mcp_server_name"]?.string ?? type, schema: nil,
                    isClientSide: false))
        } else {
            throw .invalid(
                path, "Input tag '\(type)' found using 'type' does not match any of the expected tags: 'custom', …")
        }
        // A deferred tool is not part of the prompt until a search finds it.
        if !isDeferred { self.prompt.appendTool(tool, type: type, path: path, mark: mark) }
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
