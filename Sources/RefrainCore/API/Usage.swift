/// The tokens that a response reports. A count that the response does not report is 0.
public struct Usage: Hashable, Sendable {
    /// Input tokens neither read from nor written to the prompt cache.
    public var inputTokens: Int
    /// Output tokens, thinking included.
    public var outputTokens: Int
    /// Input tokens read from the prompt cache.
    public var cacheReadTokens: Int
    /// Input tokens written to the prompt cache for five minutes.
    public var cacheWrite5mTokens: Int
    /// Input tokens written to the prompt cache for an hour.
    public var cacheWrite1hTokens: Int

    /// Creates a usage.
    public init(
        inputTokens: Int = 0, outputTokens: Int = 0, cacheReadTokens: Int = 0, cacheWrite5mTokens: Int = 0,
        cacheWrite1hTokens: Int = 0
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWrite5mTokens = cacheWrite5mTokens
        self.cacheWrite1hTokens = cacheWrite1hTokens
    }
}
