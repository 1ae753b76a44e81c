import RefrainKeys

extension MessagesRequest {
    /// Reads a request from its JSON. Linear.
    ///
    /// A parameter that is unknown, or whose value has another shape than its property, goes into ``extra`` and is
    /// encoded again as it came. The order of the request's own members is not kept; that of all others is.
    ///
    /// - Throws: ``WireError`` where `json` is no JSON object with `model`, `max_tokens` and `messages` of their usual
    ///   shapes, or a parameter stands twice.
    public init(json: [UInt8]) throws(WireError) {
        let root = try JSONDocument.read(json).root
        guard let model = root["model"]?.string, let maxTokens = root["max_tokens"]?.int,
            let messages = root["messages"], messages.kind == .array
        else { throw WireError(.unexpectedShape, "not a request with model, max_tokens and messages") }
        var input: [InputMessage] = []
        for message in messages.elements { input.append(try InputMessage(message)) }
        self.init(model: ClaudeModel(rawValue: model), maxTokens: maxTokens, messages: input)
        var seen: Set<String> = []
        for (name, value) in root.members {
            let name = name.string ?? ""
            guard seen.insert(name).inserted else {
                throw WireError(.unexpectedShape, "a parameter that stands twice")
            }
            if try !self.take(name, value) { self.extra.append(name, try JSONValue(value)) }
        }
    }

    /// Sets the property of the parameter called `name`. False where there is none, or the value does not fit it.
    private mutating func take(_ name: String, _ value: JSONCursor) throws(WireError) -> Bool {
        switch name {
        case "model", "max_tokens", "messages": return true
        case "system":
            self.system = try SystemPrompt(value)
            return self.system != nil
        case "tools":
            guard value.kind == .array else { return false }
            self.tools = value.elements.map { Tool(RawJSON($0)) }
        case "tool_choice" where value.kind == .object: self.toolChoice = ToolChoice(RawJSON(value))
        case "thinking" where value.kind == .object: self.thinking = ThinkingConfiguration(RawJSON(value))
        case "output_config" where value.kind == .object:
            self.outputConfiguration = OutputConfiguration(RawJSON(value))
        case "stop_sequences":
            guard case .array(let texts) = try JSONValue(value) else { return false }
            let sequences = texts.compactMap(\.string)
            guard sequences.count == texts.count else { return false }
            self.stopSequences = sequences
        case "temperature":
            self.temperature = try JSONValue(value).number
            return self.temperature != nil
        case "top_p":
            self.topP = try JSONValue(value).number
            return self.topP != nil
        case "top_k":
            self.topK = value.int
            return self.topK != nil
        case "cache_control" where value.kind == .object: self.cacheControl = CacheControl(RawJSON(value))
        case "metadata":
            // Only where the user's id is all there is.
            guard case .object(let object) = try JSONValue(value), object.members.count == 1,
                let id = object["user_id"]?.string
            else { return false }
            self.userID = id
        case "service_tier":
            self.serviceTier = try JSONValue(value).string
            return self.serviceTier != nil
        case "speed":
            self.speed = try JSONValue(value).string
            return self.speed != nil
        case "inference_geo":
            self.inferenceGeo = try JSONValue(value).string
            return self.inferenceGeo != nil
        case "container": self.container = try JSONValue(value)
        case "diagnostics": self.diagnostics = try JSONValue(value)
        case "stream":
            self.stream = value.bool
            return self.stream != nil
        default: return false
        }
        return true
    }
}
