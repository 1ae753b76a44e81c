/// Where an answer came from.
public enum CacheStatus: Hashable, Sendable {
    /// From a store.
    case hit(CacheTier, age: Duration)
    /// From an upstream call that this request made.
    case miss(CacheReason)
    /// From an upstream call that another request had under way.
    case joined
    /// From a store, past its freshness: see ``CachePolicy/staleWhileRevalidate`` and ``CachePolicy/staleIfError``.
    case stale(age: Duration, CacheReason)
    /// From upstream, with the cache stepping aside.
    case bypassed(CacheReason)

    /// The value of the `x-refrain-cache` header.
    public var headerValue: String {
        switch self {
        case .hit(let tier, _): tier.headerValue
        case .miss: "MISS"
        case .joined: "JOINED"
        case .stale: "STALE"
        case .bypassed: "BYPASS"
        }
    }

    /// Why, for every status but a hit and a join: the value of the `x-refrain-reason` header.
    public var reason: CacheReason? {
        switch self {
        case .hit, .joined: nil
        case .miss(let reason), .stale(_, let reason), .bypassed(let reason): reason
        }
    }

    /// How long ago the answer was complete, for answers from a store: the value of the `age` header, in seconds.
    public var age: Duration? {
        switch self {
        case .hit(_, let age), .stale(let age, _): age
        case .miss, .joined, .bypassed: nil
        }
    }

    /// Whether the answer cost no upstream call of this request's own.
    public var isSaved: Bool {
        switch self {
        case .hit, .stale, .joined: true
        case .miss, .bypassed: false
        }
    }
}

/// A tier that answers come from. Open: other packages name their own.
public struct CacheTier: Hashable, Sendable, CustomStringConvertible {
    /// The tier's name in lower case.
    public let description: String
    /// The value of the `x-refrain-cache` header for a hit in the tier.
    public let headerValue: String

    /// Names a tier. Its header value is `HIT-` and the name in upper case.
    public init(_ name: String) {
        self.description = name
        self.headerValue = "HIT-" + name.uppercased()
    }

    /// The process's own memory.
    public static let memory = CacheTier("memory")
    /// A shared Redis.
    public static let redis = CacheTier("redis")
    /// A local disk.
    public static let disk = CacheTier("disk")
}

/// Why an answer was not, or not freshly, taken from a store; or why one was not stored. Open: a reason is its short,
/// stable name, fit for a header and a metric label, and never holds request content.
public struct CacheReason: Hashable, Sendable, CustomStringConvertible {
    /// The short, stable name.
    public let description: String

    /// Names a reason.
    public init(_ name: String) { self.description = name }
}

// Why upstream was asked.
extension CacheReason {
    /// Nothing is stored under the key.
    public static let absent = CacheReason("absent")
    /// What is stored is older than the caller takes.
    public static let expired = CacheReason("expired")
    /// The caller asked for a new answer.
    public static let refresh = CacheReason("refresh")
    /// The caller's ttl is zero.
    public static let ttlZero = CacheReason("ttl-zero")
    /// What is stored can only be replayed as events, and the caller wants a message.
    public static let eventsOnly = CacheReason("events-only")
    /// The caller asked for the cache to be left out.
    public static let mode = CacheReason("mode")
    /// The stored answer holds a tool call whose id already stands in the request: the API would refuse the next turn.
    public static let toolUseRepeated = CacheReason("tool-use-repeated")
    /// The in-flight budget is used up, so the call is made without being shared or stored.
    public static let overBudget = CacheReason("over-budget")
    /// Observed only: a cache would have answered from a store.
    public static let observedHit = CacheReason("observed-hit")
    /// Observed only: a cache would have joined a call under way.
    public static let observedJoin = CacheReason("observed-join")
    /// Observed only: a cache would have called upstream.
    public static let observedMiss = CacheReason("observed-miss")
}

// Why a stale answer was given.
extension CacheReason {
    /// A new answer is being fetched.
    public static let revalidating = CacheReason("revalidating")
    /// Upstream failed in a way that is likely to pass.
    public static let upstreamFailed = CacheReason("upstream-failed")
}
