public import RefrainKeys

/// A response cache around any async function that returns a Messages API response.
///
/// It answers from memory, joins callers of one key to one upstream call, stores what may be stored, and tells where
/// each answer came from. A hit is synchronous inside: ``lookup(_:policy:toolUseIDs:)``. Everything else is
/// ``respond(to:upstream:)`` and ``stream(_:upstream:)``, and ``memoize(_:policy:produce:)`` for bytes of any kind.
///
/// ```swift
/// let cache = ResponseCache(memory: MemoryStore())
/// let answer = try await cache.respond(to: CacheRequest(key: key)) { call in try await fetch(body, call) }
/// ```
public final class ResponseCache: Sendable {
    /// Bounds and intervals.
    public struct Limits: Hashable, Sendable {
        /// The most bytes that calls under way may hold: request bodies, shared streams, writes to a second tier. Above
        /// seven eighths of it calls are neither shared nor stored; above all of it they are refused with
        /// ``CacheError/Code/overloaded``. 512 MB by default.
        public var inFlightBytes: Int
        /// How many bytes behind a shared stream a reader may fall before it is cut off. 8 MB by default.
        public var followerLagBytes: Int
        /// How long a call goes on after its last caller has left it: see ``OnAbandon/finish``. 10 min by default.
        public var abandonment: Duration
        /// How often a stream that waits for another caller's whole answer is sent a `ping` event. 5 s by default.
        public var pingInterval: Duration

        /// Creates limits.
        public init(
            inFlightBytes: Int = 512_000_000, followerLagBytes: Int = 8_000_000, abandonment: Duration = .minutes(10),
            pingInterval: Duration = .seconds(5)
        ) {
            self.inFlightBytes = inFlightBytes
            self.followerLagBytes = followerLagBytes
            self.abandonment = abandonment
            self.pingInterval = pingInterval
        }
    }

    /// The memory tier.
    public let memory: MemoryStore
    /// The bounds and intervals.
    public let limits: Limits
    let second: GuardedTier?
    let models: ModelTable
    let time: TimeSource
    let counters: CacheCounters
    let table = Locked(FlightTable())
    let budget: Locked<InFlightBudget>

    /// Creates a cache.
    ///
    /// - Parameters:
    ///   - memory: The memory tier.
    ///   - second: A slower tier behind it; nil for none.
    ///   - limits: Bounds and intervals.
    ///   - models: The prices that entries' costs are reckoned with.
    ///   - time: The clocks.
    public init(
        memory: MemoryStore, second: SecondTier? = nil, limits: Limits = Limits(), models: ModelTable = .standard,
        time: TimeSource = .system
    ) {
        let counters = CacheCounters()
        self.counters = counters
        self.memory = memory
        self.limits = limits
        self.second = second.map { GuardedTier($0, counters: counters, time: time) }
        self.models = models
        self.time = time
        self.budget = Locked(InFlightBudget(limit: limits.inFlightBytes))
    }

    /// The fresh message under `key` in memory, if `policy` allows it to be given. Counts as a hit.
    ///
    /// Nil decides nothing: ``respond(to:upstream:)`` looks again, and finds what is stale, in another form or tier.
    ///
    /// - Parameters:
    ///   - key: The request's key.
    ///   - policy: The caller's policy. It is not validated here.
    ///   - toolUseIDs: The ids of the `tool_use` blocks in the request's messages; called only where the stored answer
    ///     has tool calls. Where they have one in common the answer is not given: the API would refuse the next turn.
    /// - Complexity: One clock read and one look-up: no task, no actor, no allocation.
    public func lookup(
        _ key: RequestKey, policy: CachePolicy, toolUseIDs: () -> [String] = { [] }
    ) -> CacheHit? {
        guard policy.mode.answersFromStore, policy.ttl > .zero else { return nil }
        let now = self.time.now()
        guard let envelope = self.memory.lookup(key, now: now), envelope.form == .message,
            Freshness.of(envelope, by: policy, at: now) == .fresh,
            !Self.repeatsToolUse(envelope, toolUseIDs)
        else { return nil }
        self.counters.memoryHits.add()
        return CacheHit(envelope: envelope, age: Freshness.age(of: envelope, at: now))
    }

    /// Whether the entry holds a tool call whose id already stands in the request.
    static func repeatsToolUse(_ envelope: Envelope, _ toolUseIDs: () -> [String]) -> Bool {
        guard !envelope.details.toolUseIDs.isEmpty else { return false }
        let present = toolUseIDs()
        return envelope.details.toolUseIDs.contains { present.contains($0) }
    }

    /// Makes the entries that `purge` names unreadable for every request that begins after the call.
    ///
    /// Calls under way that it names take no new caller from then on; their answers reach the callers they have and are
    /// not stored. In memory this has happened by the time the second tier is asked, so an error says only that the
    /// second tier has not acknowledged the purge: repeat it.
    ///
    /// - Returns: The memory tier's new generation.
    @discardableResult
    public func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp {
        let stamp = self.memory.purge(purge)
        let joinable = self.table.withLock { $0.joinable }
        for flight in joinable where flight.isNamed(by: purge) {
            self.table.withLock { $0.remove(flight) }
            flight.close(.purged)
        }
        try await self.second?.purge(purge)
        return stamp
    }

    /// What may be read under a key, and where it is: for people who look, not for requests. Counts as nothing.
    public func find(_ key: RequestKey) async -> (envelope: Envelope, tier: CacheTier)? {
        if let envelope = self.memory.lookup(key, now: self.time.now()) { return (envelope, .memory) }
        guard let second = self.second, let envelope = await second.get(key, until: second.readDeadline()),
            self.memory.generations.admits(envelope, at: self.time.now())
        else { return nil }
        return (envelope, second.tier)
    }

    /// Takes a share of the in-flight budget for bytes that somebody is still sending; nil where it is used up.
    package func reserve(_ bytes: Int) -> BudgetLease? {
        let lease = BudgetLease(self.budget, bytes: bytes, for: .passing)
        if lease == nil { self.counters.overloaded.add() }
        return lease
    }

    /// How the second tier is; nil where there is none.
    public var secondTier: TierHealth? {
        self.second.map {
            TierHealth(
                tier: $0.tier, isLeftAlone: $0.isLeftAlone,
                isHeard: self.memory.generations.isHealthy(at: self.time.now()))
        }
    }

    /// How a second tier is.
    public struct TierHealth: Hashable, Sendable {
        /// What it is called in answers.
        public var tier: CacheTier
        /// Whether its circuit breaker is open, so that a request that comes now does without it.
        public var isLeftAlone: Bool
        /// Whether it was heard of lately, so that what others purge is known.
        public var isHeard: Bool
    }

    /// What the cache has done since it was made, and what it holds now.
    public var statistics: CacheStatistics {
        var statistics = self.counters.snapshot()
        statistics.flights = self.table.withLock { $0.joinable.count }
        statistics.inFlightBytes = self.budget.withLock { $0.used }
        statistics.readsOnGrace = self.memory.generations.readsOnGrace
        statistics.breakerOpenings = self.second?.openings ?? 0
        statistics.memory = self.memory.statistics()
        return statistics
    }

    /// Takes no more requests, stops the calls that nobody waits for, waits for the others, and lets go of the tiers.
    ///
    /// Requests after it fail with ``CacheError/Code/closed``. To wait for nothing, cancel the callers first.
    public func shutdown() async {
        let flying = self.table.withLock { $0.close() }
        for flight in flying { flight.close(.shutDown) }
        for flight in flying { await flight.waitUntilLanded() }
        self.memory.shutdown()
        await self.second?.shutdown()
    }
}
