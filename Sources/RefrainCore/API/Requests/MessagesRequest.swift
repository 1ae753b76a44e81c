import RefrainKeys

/// A request to the Messages API (`POST /v1/messages`).
///
/// Every stable parameter has a property; any other, of a beta or of tomorrow, goes into ``extra``. What is nil is not
/// sent. The bytes of a request are always the same, so its cache key is too, and equal to that of the same request
/// written by another program.
public struct MessagesRequest: Hashable, Sendable {
    /// The model.
    public var model: ClaudeModel
    /// The most tokens that the answer may have. 0 fills the prompt cache and answers nothing; such a request is not
    /// cached.
    public var maxTokens: Int
    /// The system prompt.
    public var system: SystemPrompt?
    /// The conversation.
    public var messages: [InputMessage]
    /// The tools that the model may call, in the order in which it reads them.
    public var tools: [Tool]?
    /// Whether and which tools the model must call.
    public var toolChoice: ToolChoice?
    /// Whether and how the model thinks.
    public var thinking: ThinkingConfiguration?
    /// How much effort the model makes, and in what form it answers.
    public var outputConfiguration: OutputConfiguration?
    /// Texts that end the answer.
    public var stopSequences: [String]?
    /// The sampling temperature; current models and API versions refuse it.
    public var temperature: JSONNumber?
    /// Nucleus sampling; current models and API versions refuse it.
    public var topP: JSONNumber?
    /// Sampling from the most likely tokens only; current models and API versions refuse it.
    public var topK: Int?
    /// A mark that the API's prompt cache places by itself. No part of the cache key.
    public var cacheControl: CacheControl?
    /// The `user_id` of the request's metadata. No part of the cache key.
    public var userID: String?
    /// `auto` or `standard_only`. No part of the cache key.
    public var serviceTier: String?
    /// `standard` or `fast`. No part of the cache key unless configured so.
    public var speed: String?
    /// Where inference may run: `us` or `global`.
    public var inferenceGeo: String?
    /// The container of server tools, an id or an object. Such a request is not cached.
    public var container: JSONValue?
    /// The request for diagnostics of the prompt cache.
    public var diagnostics: JSONValue?
    /// Whether the answer is streamed. No part of the cache key.
    public var stream: Bool?
    /// Parameters that have no property here, sent after the others in their order. One that has a property is sent
    /// from here, and the property is not.
    public var extra: JSONObject

    /// Creates a request.
    public init(
        model: ClaudeModel, maxTokens: Int, system: SystemPrompt? = nil, messages: [InputMessage],
        tools: [Tool]? = nil, toolChoice: ToolChoice? = nil, thinking: ThinkingConfiguration? = nil,
        outputConfiguration: OutputConfiguration? = nil, stopSequences: [String]? = nil,
        temperature: JSONNumber? = nil, topP: JSONNumber? = nil, topK: Int? = nil, cacheControl: CacheControl? = nil,
        userID: String? = nil, serviceTier: String? = nil, speed: String? = nil, inferenceGeo: String? = nil,
        container: JSONValue? = nil, diagnostics: JSONValue? = nil, stream: Bool? = nil, extra: JSONObject = [:]
    ) {
        self.model = model
        self.maxTokens = maxTokens
        self.system = system
        self.messages = messages
        self.tools = tools
        self.toolChoice = toolChoice
        self.thinking = thinking
        self.outputConfiguration = outputConfiguration
        self.stopSequences = stopSequences
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.cacheControl = cacheControl
        self.userID = userID
        self.serviceTier = serviceTier
        self.speed = speed
        self.inferenceGeo = inferenceGeo
        self.container = container
        self.diagnostics = diagnostics
        self.stream = stream
        self.extra = extra
    }

    /// The request as JSON: always the same bytes for the same request. Linear.
    public func encoded() -> [UInt8] {
        var writer = JSONObjectWriter()
        func isOwn(_ name: String) -> Bool { self.extra.isEmpty || self.extra[name] == nil }
        if isOwn("model") { writer.member("model", self.model.rawValue) }
        if isOwn("max_tokens") { writer.member("max_tokens", self.maxTokens) }
        if isOwn("cache_control") { writer.member("cache_control", self.cacheControl?.json) }
        if isOwn("tools") { writer.member("tools", self.tools?.map(\.json)) }
        if isOwn("tool_choice") { writer.member("tool_choice", self.toolChoice?.json) }
        if isOwn("system") { writer.member("system", self.system?.json) }
        if isOwn("messages") { writer.member("messages", self.messages.map(\.json)) }
        if isOwn("thinking") { writer.member("thinking", self.thinking?.json) }
        if isOwn("output_config") { writer.member("output_config", self.outputConfiguration?.json) }
        if isOwn("stop_sequences") {
            writer.member("stop_sequences", self.stopSequences.map { .array($0.map(JSONValue.string)) } as JSONValue?)
        }
        if isOwn("temperature") { writer.member("temperature", self.temperature) }
        if isOwn("top_p") { writer.member("top_p", self.topP) }
        if isOwn("top_k") { writer.member("top_k", self.topK) }
        if isOwn("metadata") {
            writer.member("metadata", self.userID.map { .object(["user_id": .string($0)]) } as JSONValue?)
        }
        if isOwn("service_tier") { writer.member("service_tier", self.serviceTier) }
        if isOwn("speed") { writer.member("speed", self.speed) }
        if isOwn("inference_geo") { writer.member("inference_geo", self.inferenceGeo) }
        if isOwn("container") { writer.member("container", self.container) }
        if isOwn("diagnostics") { writer.member("diagnostics", self.diagnostics) }
        if isOwn("stream") { writer.member("stream", self.stream) }
        writer.members(self.extra)
        return writer.finished().bytes
    }
}
