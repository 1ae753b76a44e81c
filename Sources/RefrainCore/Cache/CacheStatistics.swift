import RefrainKeys
import Synchronization

/// What a cache has done since it was made, and what it holds now.
public struct CacheStatistics: Hashable, Sendable {
    /// Answers from memory.
    public var memoryHits = 0
    /// Answers from the second tier.
    public var secondTierHits = 0
    /// Stale answers, while revalidating or in place of an error.
    public var stale = 0
    /// Answers from a call that another request had under way.
    public var joined = 0
    /// Requests that called upstream for want of an entry.
    public var misses = 0
    /// Requests that the cache stepped aside for.
    public var bypassed = 0
    /// Of ``bypassed``, the observed requests that a cache would have answered from a store.
    public var observedHits = 0
    /// Of ``bypassed``, the observed requests that a cache would have joined to a call under way.
    public var observedJoins = 0
    /// Requests refused because the in-flight budget was used up.
    public var overloaded = 0
    /// Calls made to upstream.
    public var upstreamCalls = 0
    /// Calls to upstream that brought no whole answer.
    public var upstreamFailures = 0
    /// Of ``upstreamCalls``, those that renewed a stale entry behind a caller's back.
    public var revalidations = 0
    /// Of ``upstreamCalls``, those on behalf of a caller that was promoted after another's call failed.
    public var promotions = 0
    /// Answers stored.
    public var stored = 0
    /// Answers not stored, by reason.
    public var refused: [CacheReason: Int] = [:]
    /// Calls of the second tier that failed or took too long.
    public var tierFailures = 0
    /// Calls of the second tier that were not made, because its breaker was open.
    public var tierSkips = 0
    /// Calls made to upstream on behalf of every process that shares the second tier.
    public var leases = 0
    /// Requests that waited for another process's call.
    public var leaseWaits = 0
    /// Reads from memory while the second tier could not be asked for purges.
    public var readsOnGrace = 0
    /// How often the second tier's breaker has opened.
    public var breakerOpenings = 0
    /// Calls under way that callers can join.
    public var flights = 0
    /// Bytes that calls under way hold.
    public var inFlightBytes = 0
    /// What the memory tier holds and has done.
    public var memory = StoreStatistics()

    /// Creates statistics of nothing.
    public init() {}
}

/// A count that any thread raises.
final class Counter: Sendable {
    private let value = Atomic<Int>(0)

    func add() { self.value.add(1, ordering: .relaxed) }
    var count: Int { self.value.load(ordering: .relaxed) }
}

/// What a cache counts.
final class CacheCounters: Sendable {
    let memoryHits = Counter()
    let secondTierHits = Counter()
    let stale = Counter()
    let joined = Counter()
    let misses = Counter()
    let bypassed = Counter()
    let observedHits = Counter()
    let observedJoins = Counter()
    let overloaded = Counter()
    let upstreamCalls = Counter()
    let upstreamFailures = Counter()
    let revalidations = Counter()
    let promotions = Counter()
    let stored = Counter()
    let tierFailures = Counter()
    let tierSkips = Counter()
    let leases = Counter()
    let leaseWaits = Counter()
    private let refused = Locked<[CacheReason: Int]>([:])

    /// An answer was not stored.
    func refused(_ reason: CacheReason) { self.refused.withLock { $0[reason, default: 0] += 1 } }

    /// A caller was answered.
    func answered(_ status: CacheStatus) {
        switch status {
        case .hit(.memory, _): self.memoryHits.add()
        case .hit: self.secondTierHits.add()
        case .stale: self.stale.add()
        case .joined: self.joined.add()
        case .miss: self.misses.add()
        case .bypassed(let reason):
            self.bypassed.add()
            if reason == .observedHit { self.observedHits.add() }
            if reason == .observedJoin { self.observedJoins.add() }
        }
    }

    /// The counts so far.
    func snapshot() -> CacheStatistics {
        var statistics = CacheStatistics()
        statistics.memoryHits = self.memoryHits.count
        statistics.secondTierHits = self.secondTierHits.count
        statistics.stale = self.stale.count
        statistics.joined = self.joined.count
        statistics.misses = self.misses.count
        statistics.bypassed = self.bypassed.count
        statistics.observedHits = self.observedHits.count
        statistics.observedJoins = self.observedJoins.count
        statistics.overloaded = self.overloaded.count
        statistics.upstreamCalls = self.upstreamCalls.count
        statistics.upstreamFailures = self.upstreamFailures.count
        statistics.revalidations = self.revalidations.count
        statistics.promotions = self.promotions.count
        statistics.stored = self.stored.count
        statistics.refused = self.refused.withLock { $0 }
        statistics.tierFailures = self.tierFailures.count
        statistics.tierSkips = self.tierSkips.count
        statistics.leases = self.leases.count
        statistics.leaseWaits = self.leaseWaits.count
        return statistics
    }
}
