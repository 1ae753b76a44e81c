/// Prices in US dollars for a million tokens of each kind.
public struct TokenPrices: Hashable, Sendable {
    /// Input neither read from nor written to the prompt cache.
    public var input: Double
    /// Output, thinking included.
    public var output: Double
    /// Input read from the prompt cache.
    public var cacheRead: Double
    /// Input written to the prompt cache for five minutes.
    public var cacheWrite5m: Double
    /// Input written to the prompt cache for an hour.
    public var cacheWrite1h: Double

    /// Creates prices.
    public init(input: Double, output: Double, cacheRead: Double, cacheWrite5m: Double, cacheWrite1h: Double) {
        self.input = input
        self.output = output
        self.cacheRead = cacheRead
        self.cacheWrite5m = cacheWrite5m
        self.cacheWrite1h = cacheWrite1h
    }

    /// Creates prices whose cache prices are the API's usual multiples of the input price: a write for five minutes
    /// costs 1.25 times, one for an hour 2 times, a read `readFactor` times as much.
    public init(input: Double, output: Double, readFactor: Double = 0.1) {
        self.init(
            input: input, output: output, cacheRead: input * readFactor, cacheWrite5m: input * 1.25,
            cacheWrite1h: input * 2)
    }

    /// What `usage` costs, in dollars.
    func cost(of usage: Usage) -> Double {
        (Double(usage.inputTokens) * self.input + Double(usage.outputTokens) * self.output
            + Double(usage.cacheReadTokens) * self.cacheRead + Double(usage.cacheWrite5mTokens) * self.cacheWrite5m
            + Double(usage.cacheWrite1hTokens) * self.cacheWrite1h) / 1_000_000
    }
}

/// What a model costs.
public struct ModelPrice: Hashable, Sendable {
    /// Other prices for a long prompt: they hold for all of its tokens.
    public struct LongContext: Hashable, Sendable {
        /// A prompt with more tokens than this, cache reads and writes included, is long.
        public var threshold: Int
        /// The prices then.
        public var prices: TokenPrices

        /// Creates the tier.
        public init(threshold: Int, prices: TokenPrices) {
            self.threshold = threshold
            self.prices = prices
        }
    }

    /// The prices of a plain request.
    public var standard: TokenPrices
    /// The prices of a long prompt; nil where they are the same.
    public var longContext: LongContext?
    /// The prices of fast mode; nil where the model has none, or they are not known.
    public var fast: TokenPrices?
    /// By what a message batch multiplies every price.
    public var batchFactor: Double

    /// Creates a price.
    public init(
        _ standard: TokenPrices, longContext: LongContext? = nil, fast: TokenPrices? = nil, batchFactor: Double = 0.5
    ) {
        self.standard = standard
        self.longContext = longContext
        self.fast = fast
        self.batchFactor = batchFactor
    }

    /// The prices that hold for a prompt of `inputTokens` under `terms`; nil where they are not known.
    public func prices(inputTokens: Int, terms: BillingTerms = BillingTerms()) -> TokenPrices? {
        var prices = self.standard
        if let longContext, inputTokens > longContext.threshold { prices = longContext.prices }
        if terms.isFast {
            guard let fast, !terms.isBatch else { return nil }
            prices = fast
        }
        let factor = (terms.isBatch ? self.batchFactor : 1) * (terms.isUSOnly ? 1.1 : 1)
        guard factor != 1 else { return prices }
        return TokenPrices(
            input: prices.input * factor, output: prices.output * factor, cacheRead: prices.cacheRead * factor,
            cacheWrite5m: prices.cacheWrite5m * factor, cacheWrite1h: prices.cacheWrite1h * factor)
    }
}

/// What is known of a model.
public struct ModelFacts: Hashable, Sendable {
    /// What it costs; nil where that is not known.
    public var price: ModelPrice?
    /// The shortest prefix that the API's prompt cache keeps, in tokens; nil where that is not known.
    public var minimumCacheableTokens: Int?
    /// Whether the facts come from third parties and not from the vendor's own pages.
    public var isThirdParty: Bool

    /// Creates facts.
    public init(price: ModelPrice? = nil, minimumCacheableTokens: Int? = nil, isThirdParty: Bool = false) {
        self.price = price
        self.minimumCacheableTokens = minimumCacheableTokens
        self.isThirdParty = isThirdParty
    }
}
