public import RefrainCore
import RefrainKeys

extension CachedClaude.Messages {
    /// How many input tokens a request has, as the API counts them: an estimate, free of charge. Not cached.
    ///
    /// Parameters that have no part in a prompt, and that the endpoint refuses, are left out.
    public func countTokens(_ request: MessagesRequest) async throws -> Int {
        try await self.countTokens(json: JSONSplice.removing(Self.notCounted, from: request.encoded()))
    }

    /// How many input tokens a request has, as the API counts them: an estimate, free of charge. Not cached.
    ///
    /// - Parameter body: The body of a `count_tokens` call, which is sent as it is: a message's body without
    ///   `max_tokens` and other parameters of the answer.
    public func countTokens(json body: [UInt8]) async throws -> Int {
        let response = try await self.client.transport.collect(
            self.client.endpoint.request(Endpoint.Path.countTokens, body), upTo: self.client.maximumResponseBytes
        )
        guard response.status == 200 else { throw ClaudeError(response, now: self.client.time.now()) }
        let count: Int?
        do throws(JSONError) { count = try JSONDocument(response.body).root["input_tokens"]?.int } catch { count = nil }
        guard let count else { throw WireError(.unexpectedShape, "the answer has no number of input tokens") }
        return count
    }

    /// The members of a message's body that the `count_tokens` endpoint does not take.
    private static let notCounted: Set<String> = [
        "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "metadata", "service_tier",
        "inference_geo", "container", "diagnostics",
    ]
}
