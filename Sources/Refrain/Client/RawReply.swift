public import RefrainCore
public import RefrainKeys

/// A whole answer as bytes, where it came from, and what it cost and saved.
public struct RawReply: Sendable {
    /// The HTTP status: 200, since everything else is thrown.
    public let status: Int
    /// The header fields: the API's own for an answer of this call's, the stored ones for an answer from a store.
    public let headers: [HTTPHeader]
    /// The message as JSON, byte for byte as the API sent it.
    public let body: [UInt8]
    /// Where the answer came from.
    public let cache: CacheStatus
    /// The name that the answer is stored under; nil where the request has no key.
    public let key: RequestKey?
    /// Where this call placed marks for the API's prompt cache; nil where it sent nothing.
    public let promptCaching: PromptCachePlan?
    /// How long the call took.
    public let elapsed: Duration
    /// How long the upstream call took that the answer came from; nil where that is not known.
    public let upstreamTime: Duration?
    let models: ModelTable

    /// The value of the first field called `name` (in lower case); nil where there is none.
    public func header(_ name: String) -> String? {
        self.headers.first { $0.name == name }?.value
    }

    /// What the answer cost and saved. Reads the body again: linear in its size.
    public var cost: AnswerCost {
        let summary: MessageSummary?
        do throws(WireError) { summary = try MessageSummary(json: self.body) } catch { summary = nil }
        return AnswerCost(summary, self.cache, elapsed: self.elapsed, upstream: self.upstreamTime, self.models)
    }
}

/// What an answer cost, and what it saved because it was not asked for again.
public struct AnswerCost: Hashable, Sendable {
    /// US dollars paid for this answer: 0 for one from a store or from a call that another caller made; nil where the
    /// model has no known price.
    public var spent: Double?
    /// US dollars that were not paid, at least: the price of the stored usage, its prompt-cache writes priced as reads,
    /// since a repeat might have found them written. 0 for an answer that was paid for; nil where the model has no
    /// known price.
    public var saved: Double?
    /// How much longer the upstream call took than this one; zero for an answer of this call's own, and where it is
    /// not known.
    public var timeSaved: Duration

    /// Creates a cost.
    public init(spent: Double?, saved: Double?, timeSaved: Duration) {
        self.spent = spent
        self.saved = saved
        self.timeSaved = timeSaved
    }

    init(
        _ summary: MessageSummary?, _ cache: CacheStatus, elapsed: Duration, upstream: Duration?, _ models: ModelTable
    ) {
        guard cache.isSaved else {
            self.init(spent: summary.flatMap { models.cost(of: $0) }, saved: 0, timeSaved: .zero)
            return
        }
        let saved = summary.flatMap { models.saving(of: $0.usage, model: $0.model, terms: $0.billing) }
        // Who joined a call waited for most of it: only its age could tell how much was spared.
        let timeSaved = cache.age == nil ? .zero : max(.zero, (upstream ?? .zero) - elapsed)
        self.init(spent: 0, saved: saved, timeSaved: timeSaved)
    }
}
