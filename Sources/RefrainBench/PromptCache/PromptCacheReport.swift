/// What the server's prompt cache makes of a trace, by who places the marks.
package struct PromptCacheReport: Sendable {
    /// The trace's name.
    package var trace: String
    /// What kind of traffic it is: reports of different kinds are not to be averaged.
    package var kind: TrafficKind
    /// What a reader must know of the trace; empty where there is nothing.
    package var note: String
    /// How the service was simulated.
    package var mode: PromptCacheBench.Mode
    /// The requests simulated.
    package var requests: Int
    /// Their input tokens.
    package var inputTokens: Double
    /// Requests without a prompt, which are left out.
    package var withoutPrompt: Int
    /// Requests whose model has no known price: they are in no sum of dollars.
    package var unpriced: Int
    /// The strategies and bounds, with all requests sent.
    package var rows: [Row]
    /// What the response cache takes away; nil where that was not asked for.
    package var afterResponseCache: AfterResponseCache?

    /// The same with the requests left out that the response cache answers.
    package struct AfterResponseCache: Sendable {
        /// How long answers were kept; nil for ever.
        package var lifetime: Duration?
        /// The requests that it answers.
        package var saved: Int
        /// Their input tokens.
        package var savedInputTokens: Double
        /// The strategies and bounds, with the other requests sent.
        package var rows: [Row]
    }

    /// What came of one strategy or bound. Tokens are fractional where they are estimated from characters.
    package struct Row: Sendable {
        /// Who places the marks.
        package var strategy: PromptCacheBench.Strategy
        /// Input tokens neither read nor written.
        package var plain = 0.0
        /// Input tokens read from the prompt cache.
        package var read = 0.0
        /// Input tokens written for five minutes.
        package var written5m = 0.0
        /// Input tokens written for an hour.
        package var written1h = 0.0
        /// The whole bill in US dollars, output included.
        package var dollars = 0.0
        /// What the input costs, in plain input tokens.
        package var weightedInput = 0.0

        /// All input tokens.
        package var input: Double { self.plain + self.read + self.written5m + self.written1h }
        /// The share of the input that is read, from 0 to 1.
        package var readShare: Double { self.input == 0 ? 0 : self.read / self.input }
        /// What the input costs, relative to the same input without a prompt cache.
        package var inputCost: Double { self.input == 0 ? 1 : self.weightedInput / self.input }
    }
}
