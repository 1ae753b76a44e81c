public import RefrainCore
public import RefrainKeys

extension CachedClaude {
    /// The Messages API behind the cache.
    ///
    /// Calls throw ``ClaudeError`` where the API answered with an error, ``TransportError`` where it did not answer,
    /// `CacheError` where the cache may not ask it (`.onlyIfCached`) or cannot, `WireError` where the answer is no
    /// message, and `CancellationError` where the calling task was cancelled.
    public struct Messages: Sendable {
        let client: CachedClaude
    }
}

/// A whole answer, typed.
public struct Reply: Sendable {
    /// The message.
    public let message: Message
    /// The answer as bytes, with all that is known about it.
    public let raw: RawReply

    /// Where the answer came from.
    public var cache: CacheStatus { self.raw.cache }
    /// The name that the answer is stored under; nil where the request has no key.
    public var key: RequestKey? { self.raw.key }
    /// What the answer cost and saved. Reads the message again: linear in its size.
    public var cost: AnswerCost { self.raw.cost }

    init(_ raw: RawReply) throws(WireError) {
        self.message = try Message(json: raw.body)
        self.raw = raw
    }
}

extension CachedClaude.Messages {
    /// Asks for a message.
    ///
    /// - Parameters:
    ///   - request: The request. Its `stream` does not matter.
    ///   - policy: How it uses the cache; nil for the client's way.
    ///   - promptCaching: Who marks it for the API's prompt cache; nil for the client's way.
    public func create(
        _ request: MessagesRequest, policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) async throws -> Reply {
        try await Reply(self.create(json: request.encoded(), policy: policy, promptCaching: promptCaching))
    }

    /// Asks for a message.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - maxTokens: The most tokens to generate.
    ///   - system: The system prompt.
    ///   - messages: The conversation.
    ///   - tools: What the model may call.
    ///   - toolChoice: Whether and what it must call.
    ///   - thinking: Whether and how it thinks.
    ///   - outputConfiguration: Effort and structured output.
    ///   - stopSequences: What ends the answer.
    ///   - extra: Parameters that have no name here.
    ///   - policy: How the request uses the cache; nil for the client's way.
    ///   - promptCaching: Who marks it for the API's prompt cache; nil for the client's way.
    public func create(
        model: ClaudeModel, maxTokens: Int, system: SystemPrompt? = nil, messages: [InputMessage],
        tools: [Tool]? = nil, toolChoice: ToolChoice? = nil, thinking: ThinkingConfiguration? = nil,
        outputConfiguration: OutputConfiguration? = nil, stopSequences: [String]? = nil, extra: JSONObject = [:],
        policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) async throws -> Reply {
        try await self.create(
            MessagesRequest(
                model: model, maxTokens: maxTokens, system: system, messages: messages, tools: tools,
                toolChoice: toolChoice, thinking: thinking, outputConfiguration: outputConfiguration,
                stopSequences: stopSequences, extra: extra
            ), policy: policy, promptCaching: promptCaching
        )
    }

    /// Asks for a message with a request that is JSON already, and returns JSON.
    ///
    /// A hit in memory is answered before anything suspends: no task, no actor, nothing decoded. All that the body
    /// holds goes to the API as it is, parameters that this version does not know included; only its `stream` is set to
    /// false where it says otherwise, and marks for the prompt cache are placed.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - policy: How it uses the cache; nil for the client's way.
    ///   - promptCaching: Who marks it for the API's prompt cache; nil for the client's way.
    public func create(
        json body: [UInt8], policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) async throws -> RawReply {
        let start = self.client.time.monotonicNanoseconds()
        let policy = policy ?? self.client.policy
        switch self.client.deriver(for: policy).derive(body) {
        case .bypass(let reason):
            return try await self.client.pass(body, reason, start: start)
        case .key(let keyed) where keyed.isStreaming && self.client.keysStreaming:
            // The key is that of a stream, which is not what was asked for.
            return try await self.create(
                json: JSONSplice.setting(stream: false, in: body), policy: policy, promptCaching: promptCaching
            )
        case .key(let keyed):
            if let hit = self.client.lookup(keyed, body, policy, start: start) { return hit }
            return try await self.client.fetch(body, keyed, policy, promptCaching, start: start)
        }
    }

    /// The answer that memory holds to a request, if the policy allows it to be given; nil where the API or another
    /// tier would have to be asked. Suspends nowhere.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - policy: How it uses the cache; nil for the client's way.
    public func cached(json body: [UInt8], policy: CachePolicy? = nil) -> RawReply? {
        let start = self.client.time.monotonicNanoseconds()
        let policy = policy ?? self.client.policy
        guard case .key(let keyed) = self.client.deriver(for: policy).derive(body) else { return nil }
        return self.client.lookup(keyed, body, policy, start: start)
    }

    /// The key of a request, or why it has none.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - policy: How it uses the cache; nil for the client's way.
    public func key(json body: [UInt8], policy: CachePolicy? = nil) -> KeyOutcome {
        self.client.deriver(for: policy ?? self.client.policy).derive(body)
    }
}
