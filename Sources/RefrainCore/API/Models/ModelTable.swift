/// Prices and limits of models, as of a date, by exact model id.
///
/// A model that is not in the table has no price: nothing is guessed from its family or a prefix of its id, since
/// members of a family differ. The one exception is a dated id: `claude-haiku-4-5-20251001` is found as itself, and
/// otherwise as `claude-haiku-4-5`.
public struct ModelTable: Hashable, Sendable {
    /// The day that the table describes, as `YYYY-MM-DD`.
    public var date: String
    /// The facts by model id.
    public var models: [String: ModelFacts]
    /// The price of one web search in US dollars.
    public var webSearchPrice: Double

    /// Creates a table.
    public init(date: String, models: [String: ModelFacts], webSearchPrice: Double = 0.01) {
        self.date = date
        self.models = models
        self.webSearchPrice = webSearchPrice
    }

    /// What is known of the model; nil where it is not in the table.
    public subscript(model: String) -> ModelFacts? {
        self.models[model] ?? Self.dateless(model).flatMap { self.models[$0] }
    }

    /// What a response that used `usage` cost, in US dollars, output and input together.
    ///
    /// - Returns: Nil, never 0, where the model or one of the charges has no known price.
    public func cost(of usage: Usage, model: String, terms: BillingTerms = BillingTerms()) -> Double? {
        guard !terms.hasUnknownCharges else { return nil }
        var cost = Double(terms.webSearches) * self.webSearchPrice
        for addition in [BillingTerms.Addition(usage: usage)] + terms.additions {
            guard
                let prices = self[addition.model ?? model]?.price?
                    .prices(inputTokens: addition.usage.totalInputTokens, terms: terms)
            else { return nil }
            cost += prices.cost(of: addition.usage)
        }
        return cost
    }

    /// What the response cost, in US dollars; nil where that is not known.
    public func cost(of response: MessageSummary) -> Double? {
        self.cost(of: response.usage, model: response.model, terms: response.billing)
    }

    /// What a hit saves, in US dollars: a lower bound.
    ///
    /// The call that the hit spares would have found in the prompt cache what the stored call wrote there, at best; so
    /// its cache writes are priced as reads.
    ///
    /// - Returns: Nil, never 0, where the model or one of the charges has no known price.
    public func saving(of usage: Usage, model: String, terms: BillingTerms = BillingTerms()) -> Double? {
        var terms = terms
        for index in terms.additions.indices {
            terms.additions[index].usage = terms.additions[index].usage.readingWhatItWrote
        }
        return self.cost(of: usage.readingWhatItWrote, model: model, terms: terms)
    }

    /// The shortest prefix of the model's that the API's prompt cache keeps; nil where that is not known.
    public func minimumCacheableTokens(of model: String) -> Int? { self[model]?.minimumCacheableTokens }

    /// The id without its `-YYYYMMDD`; nil where it has none.
    private static func dateless(_ model: String) -> String? {
        let date = model.utf8.suffix(9)
        guard date.count == 9, date.first == UInt8(ascii: "-"), date.dropFirst().allSatisfy({ 0x30...0x39 ~= $0 })
        else { return nil }
        return String(model.dropLast(9))
    }
}
