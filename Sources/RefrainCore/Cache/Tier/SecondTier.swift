import RefrainKeys

extension ResponseCache {
    /// A slower tier behind memory, and how much of a caller's time it may take.
    public struct SecondTier: Sendable {
        /// Where its entries are.
        public var store: any ResponseStore
        /// The namespace's purges, as the tier knows them. The memory tier in front of it must have the same tracker:
        /// another one is of another epoch, to which every entry of the tier is unreadable. `CachedClaude` sees to
        /// that; whoever makes a ``ResponseCache`` passes it to its ``MemoryStore`` too.
        public var generations: GenerationTracker
        /// What it is called in answers.
        public var tier: CacheTier
        /// How long a read may take before it counts as a miss and a failure. 50 ms by default.
        public var readBudget: Duration
        /// How long a write or a purge may take before it counts as a failure. 1 s by default. No caller waits for a
        /// write.
        public var writeBudget: Duration
        /// How many failures in a row open the circuit breaker. 3 by default.
        public var failureThreshold: Int
        /// How long the breaker stays open before one call is let through to find out. 5 s by default.
        public var openFor: Duration

        /// Describes a tier.
        public init(
            _ store: any ResponseStore, generations: GenerationTracker, tier: CacheTier,
            readBudget: Duration = .milliseconds(50),
            writeBudget: Duration = .seconds(1), failureThreshold: Int = 3, openFor: Duration = .seconds(5)
        ) {
            self.store = store
            self.generations = generations
            self.tier = tier
            self.readBudget = readBudget
            self.writeBudget = writeBudget
            self.failureThreshold = failureThreshold
            self.openFor = openFor
        }
    }
}

/// Asks the second tier within its budget and behind its breaker. A tier that fails, hangs or is slow is a miss.
final class GuardedTier: Sendable {
    private let configuration: ResponseCache.SecondTier
    private let breaker: Locked<CircuitBreaker>
    private let counters: CacheCounters
    private let time: TimeSource

    init(_ configuration: ResponseCache.SecondTier, counters: CacheCounters, time: TimeSource) {
        self.configuration = configuration
        self.breaker = Locked(
            CircuitBreaker(threshold: configuration.failureThreshold, openFor: configuration.openFor))
        self.counters = counters
        self.time = time
    }

    /// What it is called in answers.
    var tier: CacheTier { self.configuration.tier }
    /// How often its breaker has opened.
    var openings: Int { self.breaker.withLock { $0.openings } }

    /// The entry under `key`; nil too where the tier cannot say in time, or has another key's.
    func get(_ key: RequestKey) async -> Envelope? {
        let store = self.configuration.store
        do {
            let envelope = try await self.ask(within: self.configuration.readBudget) { () throws(StoreError) in
                try await store.get(key)
            }
            guard let envelope else { return nil }
            guard envelope.key == key else {
                self.counters.tierFailures.add()
                return nil
            }
            return envelope
        } catch {
            return nil
        }
    }

    /// Keeps an entry. A failure is counted.
    func set(_ envelope: Envelope) async {
        let store = self.configuration.store
        do {
            try await self.ask(within: self.configuration.writeBudget) { () throws(StoreError) in
                try await store.set(envelope.key, envelope)
            }
        } catch {
            // Counted where it was asked: a value that is not kept is a miss later on, and nothing worse.
        }
    }

    /// Purges the tier. Asked whatever the breaker says, and a failure is the caller's: a purge must not get lost.
    func purge(_ purge: Purge) async throws(StoreError) {
        let store = self.configuration.store
        let answer = await self.race(within: self.configuration.writeBudget) {
            do throws(StoreError) {
                try await store.purge(purge)
                return Answer<Void>.value(())
            } catch {
                return .failure(error)
            }
        }
        switch answer {
        case .value: return
        case .failure(let error): throw error
        case .late: throw StoreError(.timeout, "the tier did not acknowledge the purge in time")
        case .cancelled: throw StoreError(.closed, "cancelled before the tier acknowledged the purge")
        }
    }

    /// Shuts the tier's store down, waiting no longer than a write may take.
    func shutdown() async {
        let store = self.configuration.store
        _ = await self.race(within: self.configuration.writeBudget) {
            await store.shutdown()
            return Answer<Void>.value(())
        }
    }

    /// What came of asking a tier.
    enum Answer<Value: Sendable>: Sendable {
        case value(Value)
        case failure(StoreError)
        /// The budget ran out first.
        case late
        /// The asking task was cancelled first.
        case cancelled
    }

    private func ask<Value: Sendable>(
        within budget: Duration, _ operation: @escaping @Sendable () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let now = self.time.monotonicNanoseconds()
        guard self.breaker.withLock({ $0.admits(at: now) }) else {
            self.counters.tierSkips.add()
            throw StoreError(.unavailable, "the circuit breaker is open")
        }
        let answer = await self.race(within: budget) {
            do throws(StoreError) {
                return Answer.value(try await operation())
            } catch {
                return .failure(error)
            }
        }
        switch answer {
        case .value(let value):
            self.breaker.withLock { $0.succeeded() }
            return value
        case .failure(let error):
            self.failed()
            throw error
        case .late:
            self.failed()
            throw StoreError(.timeout, "the tier did not answer in time")
        case .cancelled:
            throw StoreError(.closed, "cancelled")
        }
    }

    private func failed() {
        self.counters.tierFailures.add()
        let now = self.time.monotonicNanoseconds()
        self.breaker.withLock { $0.failed(at: now) }
    }

    private func race<Value: Sendable>(
        within budget: Duration, _ operation: @escaping @Sendable () async -> Answer<Value>
    ) async -> Answer<Value> {
        let first = FirstAnswer<Answer<Value>>()
        let tasks = Self.race(first, against: budget, time: self.time, operation)
        return await withTaskCancellationHandler {
            let answer = await first.value()
            for task in tasks { task.cancel() }
            return answer
        } onCancel: {
            first.resolve(.cancelled)
            for task in tasks { task.cancel() }
        }
    }
}

/// The first of several answers, for one task that waits for it.
final class FirstAnswer<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiting: CheckedContinuation<Value, Never>?
    }
    private let state = Locked(State())

    /// Gives an answer. Ignored after the first.
    func resolve(_ value: Value) {
        let waiting = self.state.withLock { state -> CheckedContinuation<Value, Never>? in
            guard state.value == nil else { return nil }
            state.value = value
            return state.waiting.take()
        }
        waiting?.resume(returning: value)
    }

    /// Waits for the first answer. To be called once.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let value = self.state.withLock { state in
                if state.value == nil { state.waiting = continuation }
                return state.value
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
