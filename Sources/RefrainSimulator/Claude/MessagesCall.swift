import RefrainCore
import RefrainKeys

/// A request to the Messages API that has passed the API's own checks.
struct MessagesCall {
    /// The API's two versions.
    enum Version: String {
        case june2023 = "2023-06-01"
        case october2026 = "2026-10-21"
    }

    /// What a call wants.
    enum Purpose {
        case message, tokenCount
    }

    /// `tool_choice`.
    enum ToolChoice: Equatable {
        case auto, any, none
        case tool(String)
    }

    /// `thinking`, where it is on.
    enum Thinking: Equatable {
        case adaptive
        case enabled(budget: Int)
    }

    /// A tool that the model may call.
    struct Tool {
        var name: String
        /// Its schema; nil for tools that Anthropic defines.
        var schema: JSONCursor?
        /// Whether the caller runs it.
        var isClientSide: Bool
    }

    let document: JSONDocument
    let version: Version
    let purpose: Purpose
    let acceptsUnknownParameters: Bool
    var model: SimulatedModel
    var maxTokens = 0
    var isStreaming = false
    var prompt = PromptBlocks()
    var tools: [Tool] = []
    var toolChoice: ToolChoice?
    var allowsParallelTools = true
    var thinking: Thinking?
    var omitsThinking = false
    var isFast = false
    var effort: String?
    var outputSchema: JSONCursor?
    var stopSequences: [String] = []
    var serviceTier = "standard"

    var root: JSONCursor { self.document.root }

    /// Reads and checks a request.
    ///
    /// - Throws: the error that the API answers with.
    init(
        _ document: JSONDocument, version: Version, purpose: Purpose, acceptsUnknownParameters: Bool
    ) throws(APIFailure) {
        self.document = document
        guard document.root.kind == .object else {
            throw .invalid("The request body is not valid: Input should be a valid dictionary")
        }
        self.version = version
        self.purpose = purpose
        self.acceptsUnknownParameters = acceptsUnknownParameters
        let root = document.root
        try Self.checkNames(root, version, purpose, acceptsUnknownParameters)

        guard let name = root["model"] else { throw .invalid("model", "Field required") }
        guard let requested = name.string else { throw .invalid("model", "Input should be a valid string") }
        if purpose == .message {
            self.maxTokens = try Self.required(root, "max_tokens")
            guard self.maxTokens >= 0 else {
                throw .invalid("max_tokens", "Input should be greater than or equal to 0")
            }
        }
        self.isStreaming = try Self.flag(root, "stream") ?? false
        guard let messages = root["messages"] else { throw .invalid("messages", "Field required") }
        guard messages.kind == .array else { throw .invalid("messages", "Input should be a valid list") }
        // The model is looked up after the shape was checked, and before what depends on it.
        guard let model = SimulatedModel.named(requested) else { throw APIFailure(status: 404, "model: \(requested)") }
        self.model = model
        if self.maxTokens > model.maximumOutput {
            throw .invalid(
                "max_tokens",
                "\(self.maxTokens) > \(model.maximumOutput), which is the maximum allowed number of output tokens for "
                    + requested)
        }
        try self.readSampling()
        try self.readTools()
        try self.readThinking()
        try self.readOutput()
        try self.readSystem()
        try self.readMessages(messages)
        try self.checkMarks()
        try self.checkPreWarm()
        self.prompt.finish(self)
        guard self.prompt.tokens <= model.maximumInput else {
            throw .invalid("prompt is too long: \(self.prompt.tokens) tokens > \(model.maximumInput) maximum")
        }
    }

    // MARK: Names

    private static let names: Set<String> = [
        "model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
        "stop_sequences", "stream", "cache_control", "metadata", "service_tier", "speed", "inference_geo", "container",
        "diagnostics", "context_management", "compaction", "thread", "fallbacks", "fallback_credit_token",
        "mcp_servers",
        "billing_policy", "output_format",
    ]
    private static let samplingNames: Set<String> = ["temperature", "top_p", "top_k"]

    private static func checkNames(
        _ root: JSONCursor, _ version: Version, _ purpose: Purpose, _ acceptsUnknown: Bool
    ) throws(APIFailure) {
        for (name, _) in root.members {
            let name = name.string ?? ""
            let isSampling = Self.samplingNames.contains(name)
            let isExtra =
                isSampling && version == .october2026
                || purpose == .tokenCount && ["max_tokens", "stream"].contains(name)
                || !isSampling && !acceptsUnknown && !Self.names.contains(name)
            if isExtra { throw .invalid(name, "Extra inputs are not permitted") }
        }
    }

    // MARK: Values

    /// The member called `name` unless it is absent or null.
    static func present(_ object: JSONCursor, _ name: String) -> JSONCursor? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    private static func required(_ object: JSONCursor, _ name: String) throws(APIFailure) -> Int {
        guard let value = object[name] else { throw .invalid(name, "Field required") }
        guard let number = value.int else { throw .invalid(name, "Input should be a valid integer") }
        return number
    }

    static func flag(_ object: JSONCursor, _ name: String, at path: String? = nil) throws(APIFailure) -> Bool? {
        guard let value = Self.present(object, name) else { return nil }
        guard let flag = value.bool else { throw .invalid(path ?? name, "Input should be a valid boolean") }
        return flag
    }

    // MARK: Parameters

    private func readSampling() throws(APIFailure) {
        var values: [String: Double] = [:]
        for name in ["temperature", "top_p", "top_k"] {
            guard let value = Self.present(self.root, name) else { continue }
            guard let number = value.double else { throw .invalid(name, "Input should be a valid number") }
            guard number >= 0 else { throw .invalid(name, "Input should be greater than or equal to 0") }
            guard name == "top_k" || number <= 1 else {
                throw .invalid(name, "Input should be less than or equal to 1")
            }
            values[name] = number
        }
        guard self.model.rules.contains(.rejectsSampling) else { return }
        if let temperature = values["temperature"], temperature != 1 {
            throw .invalid("`temperature` may only be set to 1 for this model.")
        }
        if values["top_k"] != nil { throw .invalid("`top_k` is not supported for this model.") }
        if let share = values["top_p"], !(0.99...1).contains(share) {
            throw .invalid("`top_p` may only be set to 0.99 for this model.")
        }
    }

    private mutating func readThinking() throws(APIFailure) {
        self.omitsThinking = self.model.rules.contains(.omitsThinking)
        guard let thinking = Self.present(self.root, "thinking") else { return }
        switch thinking["type"]?.string {
        case "enabled":
            guard let value = thinking["budget_tokens"] else {
                throw .invalid("thinking.enabled.budget_tokens", "Field required")
            }
            guard let budget = value.int else {
                throw .invalid("thinking.enabled.budget_tokens", "Input should be a valid integer")
            }
            guard budget >= 1_024 else {
                throw .invalid("thinking.enabled.budget_tokens", "Input should be greater than or equal to 1024")
            }
            guard self.purpose == .tokenCount || budget < self.maxTokens || self.maxTokens == 0 else {
                throw .invalid(
                    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
                        + "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
                        + "#max-tokens-and-context-window-size")
            }
            switch self.toolChoice {
            case .any, .tool: throw .invalid("Thinking may not be enabled when tool_choice forces tool use.")
            default: break
            }
            self.thinking = .enabled(budget: budget)
        case "adaptive": self.thinking = .adaptive
        case "between_tools": self.thinking = .adaptive
        case "disabled":
            if self.model.rules.contains(.alwaysThinks) {
                throw .invalid("thinking.type", "\"disabled\" is not supported for this model.")
            }
        case let other:
            throw .invalid(
                "thinking",
                "Input tag '\(other ?? "")' found using 'type' does not match any of the expected tags: 'adaptive', "
                    + "'between_tools', 'disabled', 'enabled'")
        }
        if let display = Self.present(thinking, "display") { self.omitsThinking = display.hasContent("omitted") }
        if self.thinking != nil, let temperature = Self.present(self.root, "temperature")?.double, temperature != 1 {
            throw .invalid("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
        }
    }

    private mutating func readOutput() throws(APIFailure) {
        if let value = Self.present(self.root, "output_config") {
            guard value.kind == .object else { throw .invalid("output_config", "Input should be a valid dictionary") }
            if let effort = Self.present(value, "effort") {
                let level = effort.string ?? ""
                var supported = ["high", "low", "max", "medium"]
                guard self.model.rules.contains(.hasEffort) else {
                    throw .invalid("This model does not support the effort parameter.")
                }
                if self.model.rules.contains(.hasExtraHighEffort) { supported.append("xhigh") }
                guard supported.contains(level) else {
                    throw .invalid(
                        "This model does not support effort level '\(level)'. Supported levels: "
                            + supported.joined(separator: ", ") + ".")
                }
                self.effort = level
            }
            self.outputSchema = Self.present(value, "format")?["schema"]
        }
        if let format = Self.present(self.root, "output_format") { self.outputSchema = format["schema"] }
        if let value = Self.present(self.root, "stop_sequences") {
            guard value.kind == .array else { throw .invalid("stop_sequences", "Input should be a valid list") }
            for (index, element) in value.elements.enumerated() {
                guard let text = element.string else {
                    throw .invalid("stop_sequences.\(index)", "Input should be a valid string")
                }
                guard text.contains(where: { !$0.isWhitespace }) else {
                    throw .invalid("stop_sequences", "each stop sequence must contain non-whitespace")
                }
                self.stopSequences.append(text)
            }
        }
        self.isFast = Self.present(self.root, "speed")?.hasContent("fast") ?? false
        if let tier = Self.present(self.root, "service_tier"), !tier.hasContent("auto"),
            !tier.hasContent("standard_only")
        {
            throw .invalid("service_tier", "Input should be 'auto' or 'standard_only'")
        }
    }

    /// `max_tokens: 0` only warms the prompt cache, and does not go together with what shapes an answer.
    private func checkPreWarm() throws(APIFailure) {
        guard self.purpose == .message, self.maxTokens == 0 else { return }
        var reason: String?
        if self.isStreaming { reason = "`stream` is true" }
        if case .enabled = self.thinking { reason = "thinking is enabled" }
        if self.outputSchema != nil { reason = "`output_config.format` is set" }
        switch self.toolChoice {
        case .any, .tool: reason = "`tool_choice` forces tool use"
        default: break
        }
        if let reason { throw .invalid("max_tokens", "0 is not allowed when \(reason).") }
    }
}
