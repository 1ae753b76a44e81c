import RefrainKeys

extension ModelTable {
    /// Reads a table from JSON:
    ///
    /// ```json
    /// {
    ///   "date": "2026-10-08",
    ///   "web_search": 0.01,
    ///   "models": {
    ///     "claude-haiku-5-5": {
    ///       "input": 0.1, "output": 0.5, "cache_read": 0.01, "cache_write_5m": 0.125, "cache_write_1h": 0.2,
    ///       "batch_factor": 0.5, "minimum_cacheable_tokens": 512,
    ///       "long_context": {"above": 100000, "input": 0.5, "output": 2.5},
    ///       "fast": {"input": 1, "output": 5}
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// Prices are in US dollars for a million tokens. Cache prices that are left out are the usual multiples of the
    /// input price (0.1, 1.25 and 2). A model without `input` and `output` has no known price.
    ///
    /// - Throws: ``WireError`` where the JSON has another shape, or a price is negative.
    public init(json: [UInt8]) throws(WireError) {
        let root = try JSONDocument.read(json).root
        guard let date = root["date"]?.string, let models = root["models"], models.kind == .object else {
            throw WireError(.unexpectedShape, "a table of models has a date and models")
        }
        self.init(date: date, models: [:])
        if let price = try Self.number("web_search", of: root) { self.webSearchPrice = price }
        for (name, facts) in models.members {
            self.models[name.string ?? ""] = try ModelFacts(facts)
        }
    }

    /// This table with the models of `other` in the place of its own of the same id, and with the date of `other`.
    public func overridden(by other: ModelTable) -> ModelTable {
        ModelTable(
            date: other.date, models: self.models.merging(other.models) { $1 }, webSearchPrice: other.webSearchPrice)
    }

    /// The number that `object` has under `name`; nil where it has none.
    fileprivate static func number(_ name: String, of object: JSONCursor) throws(WireError) -> Double? {
        guard let value = object[name] else { return nil }
        guard let number = value.double, number.isFinite, number >= 0 else {
            throw WireError(.unexpectedShape, "\(name) is no number from 0 up")
        }
        return number
    }
}

extension ModelFacts {
    fileprivate init(_ facts: JSONCursor) throws(WireError) {
        guard facts.kind == .object else { throw WireError(.unexpectedShape, "a model is not an object") }
        self.init(minimumCacheableTokens: facts["minimum_cacheable_tokens"]?.int)
        guard let standard = try TokenPrices(facts) else { return }
        var price = ModelPrice(standard)
        if let factor = try ModelTable.number("batch_factor", of: facts) { price.batchFactor = factor }
        if let long = facts["long_context"] {
            guard let threshold = long["above"]?.int, let prices = try TokenPrices(long) else {
                throw WireError(.unexpectedShape, "long_context has above, input and output")
            }
            price.longContext = ModelPrice.LongContext(threshold: threshold, prices: prices)
        }
        if let fast = facts["fast"] {
            guard let prices = try TokenPrices(fast) else {
                throw WireError(.unexpectedShape, "fast has input and output")
            }
            price.fast = prices
        }
        self.price = price
    }
}

extension TokenPrices {
    /// Reads prices; nil where input or output have none.
    fileprivate init?(_ prices: JSONCursor) throws(WireError) {
        guard let input = try ModelTable.number("input", of: prices),
            let output = try ModelTable.number("output", of: prices)
        else { return nil }
        self.init(input: input, output: output)
        if let price = try ModelTable.number("cache_read", of: prices) { self.cacheRead = price }
        if let price = try ModelTable.number("cache_write_5m", of: prices) { self.cacheWrite5m = price }
        if let price = try ModelTable.number("cache_write_1h", of: prices) { self.cacheWrite1h = price }
    }
}
