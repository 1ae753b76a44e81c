public import RefrainCore
import RefrainKeys

extension CachedClaude.Messages {
    /// Asks for a message that arrives while it is written.
    ///
    /// Nothing is sent before the stream is read or opened.
    ///
    /// - Parameters:
    ///   - request: The request. Its `stream` does not matter.
    ///   - policy: How it uses the cache; nil for the client's way.
    ///   - promptCaching: Who marks it for the API's prompt cache; nil for the client's way.
    /// - Returns: The events, typed. An `error` event is thrown as a ``ClaudeError``.
    public func stream(
        _ request: MessagesRequest, policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) -> MessageStream {
        let client = self.client
        return MessageStream {
            var request = request
            request.stream = true
            return try await client.open(
                request.encoded(), policy ?? client.policy, promptCaching ?? client.promptCaching, relaysErrors: false
            ) { StreamEvent($0) }
        }
    }

    /// Asks for a message that arrives while it is written. Nothing is sent before the stream is read or opened.
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
    public func stream(
        model: ClaudeModel, maxTokens: Int, system: SystemPrompt? = nil, messages: [InputMessage],
        tools: [Tool]? = nil, toolChoice: ToolChoice? = nil, thinking: ThinkingConfiguration? = nil,
        outputConfiguration: OutputConfiguration? = nil, stopSequences: [String]? = nil, extra: JSONObject = [:],
        policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) -> MessageStream {
        self.stream(
            MessagesRequest(
                model: model, maxTokens: maxTokens, system: system, messages: messages, tools: tools,
                toolChoice: toolChoice, thinking: thinking, outputConfiguration: outputConfiguration,
                stopSequences: stopSequences, extra: extra
            ), policy: policy, promptCaching: promptCaching
        )
    }

    /// Asks with a request that is JSON already for a message that arrives while it is written.
    ///
    /// Nothing is sent before the stream is read or opened. All that the body holds goes to the API as it is; only its
    /// `stream` is set to true where it says otherwise, and marks for the prompt cache are placed.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - policy: How it uses the cache; nil for the client's way.
    ///   - promptCaching: Who marks it for the API's prompt cache; nil for the client's way.
    /// - Returns: The events with their exact bytes, pings and padding included. An `error` event is an element, and
    ///   thrown as a ``ClaudeError`` when the next one is asked for.
    public func stream(
        json body: [UInt8], policy: CachePolicy? = nil, promptCaching: PromptCaching? = nil
    ) -> EventStream {
        let client = self.client
        return EventStream {
            try await client.open(
                body, policy ?? client.policy, promptCaching ?? client.promptCaching, relaysErrors: true
            ) { $0 }
        }
    }
}

extension CachedClaude {
    /// Makes a streaming call and returns when its answer begins.
    func open<Element: Sendable>(
        _ body: [UInt8], _ policy: CachePolicy, _ promptCaching: PromptCaching, relaysErrors: Bool,
        _ make: @escaping @Sendable (ServerSentEvent) -> Element
    ) async throws -> OpenClaudeStream<Element> {
        let start = self.time.monotonicNanoseconds()
        var body = body
        var outcome = self.deriver(for: policy).derive(body)
        if case .key(let keyed) = outcome, keyed.isStreaming {
            // As it is to be sent.
        } else {
            body = JSONSplice.setting(stream: true, in: body)
            if self.keysStreaming { outcome = self.deriver(for: policy).derive(body) }
        }
        let call: OutgoingCall
        let stream: CachedStream
        do {
            switch outcome {
            case .bypass(let reason):
                call = OutgoingCall(self, body, nil)
                stream = try await self.cache.stream(bypassing: CacheReason(reason), bodyBytes: body.count) {
                    try await call.send($0)
                }
            case .key(let keyed):
                call = OutgoingCall(self, body, promptCaching)
                stream = try await self.cache.stream(self.request(keyed, body, policy)) { try await call.send($0) }
            }
        } catch {
            throw self.translated(error, outcome.key)
        }
        self.log(stream.cache, outcome.key)
        return OpenClaudeStream(
            headers: stream.headers, cache: stream.cache, key: outcome.key,
            promptCaching: stream.cache.isSaved ? nil : call.plan,
            elapsed: self.elapsed(since: start), start: start, stream: stream, make: make, relaysErrors: relaysErrors,
            models: self.models, time: self.time
        )
    }
}
