package import RefrainKeys

extension Usage {
    /// Reads the `usage` object of a message. Nil where `json` is no JSON object.
    ///
    /// Writes to the prompt cache that the object does not divide by lifetime count as five-minute writes: the
    /// division comes only at the start of a stream, while the total may grow until its end.
    public init?(json: [UInt8]) {
        guard let document = try? JSONDocument(json), document.root.kind == .object else { return nil }
        self.init(document.root)
    }

    /// Reads a `usage` object; anything else has no tokens.
    package init(_ usage: JSONCursor) {
        func count(_ name: String, of object: JSONCursor?) -> Int { max(0, object?[name]?.int ?? 0) }
        let written = usage["cache_creation"]
        let forAnHour = count("ephemeral_1h_input_tokens", of: written)
        let forFiveMinutes = count("ephemeral_5m_input_tokens", of: written)
        let (rest, _) = count("cache_creation_input_tokens", of: usage).subtractingReportingOverflow(forAnHour)
        self.init(
            inputTokens: count("input_tokens", of: usage),
            outputTokens: count("output_tokens", of: usage),
            cacheReadTokens: count("cache_read_input_tokens", of: usage),
            cacheWrite5mTokens: max(forFiveMinutes, rest),
            cacheWrite1hTokens: forAnHour
        )
    }

    /// All tokens of the prompt: plain, read from the cache and written to it. At most `Int.max`.
    public var totalInputTokens: Int {
        self.inputTokens.addingAtMost(self.cacheReadTokens).addingAtMost(self.cacheWrite5mTokens)
            .addingAtMost(self.cacheWrite1hTokens)
    }

    /// The tokens of two calls together. A response may claim any number of them.
    package static func + (left: Usage, right: Usage) -> Usage {
        Usage(
            inputTokens: left.inputTokens.addingAtMost(right.inputTokens),
            outputTokens: left.outputTokens.addingAtMost(right.outputTokens),
            cacheReadTokens: left.cacheReadTokens.addingAtMost(right.cacheReadTokens),
            cacheWrite5mTokens: left.cacheWrite5mTokens.addingAtMost(right.cacheWrite5mTokens),
            cacheWrite1hTokens: left.cacheWrite1hTokens.addingAtMost(right.cacheWrite1hTokens))
    }

    /// The same tokens with those written to the prompt cache counted as read from it.
    var readingWhatItWrote: Usage {
        var usage = self
        usage.cacheReadTokens = self.cacheReadTokens.addingAtMost(self.cacheWrite5mTokens)
            .addingAtMost(self.cacheWrite1hTokens)
        usage.cacheWrite5mTokens = 0
        usage.cacheWrite1hTokens = 0
        return usage
    }
}

extension Int {
    /// The sum, or `Int.max` where it is larger: a response may claim any number of tokens.
    package func addingAtMost(_ other: Int) -> Int {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
