public import Logging
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
        /// How long a request may spend on reading and on asking for a lease before that counts as a miss and a failure.
        /// 50 ms by default. Waiting for another process's call is not counted.
        public var readBudget: Duration
        /// How long a write or a purge may take before it counts as a failure. 1 s by default. No caller waits for a
        /// write.
        public var writeBudget: Duration
        /// How many failures in a row open the circuit breaker. 3 by default.
        public var failureThreshold: Int
        /// How long the breaker stays open before one call is let through to find out. 5 s by default.
        public var openFor: Duration
        /// How long a request waits for the call of another process before it calls by itself, where the store is a
        /// ``LeasingStore``. 2 min by default; zero asks for no lease at all.
        public var patience: Duration
        /// Where it is told, once for each change, that the tier is left alone or asked again. Silent by default.
        public var logger: Logger

        /// Describes a tier.
        public init(
            _ store: any ResponseStore, generations: GenerationTracker, tier: CacheTier,
            readBudget: Duration = .milliseconds(50),
            writeBudget: Duration = .seconds(1), failureThreshold: Int = 3, openFor: Duration = .seconds(5),
            patience: Duration = .minutes(2),
            logger: Logger = Logger(label: "refrain.tier", factory: { _ in SwiftLogNoOpLogHandler() })
        ) {
            self.store = store
            self.generations = generations
            self.tier = tier
            self.readBudget = readBudget
            self.writeBudget = writeBudget
            self.failureThreshold = failureThreshold
            self.openFor = openFor
            self.patience = patience
            self.logger = logger
        }
    }
}

/// Asks the second tier within its budget and behind its breaker. A tier that fails, hangs or is slow is a miss.
final class GuardedTier: Sendable {
    private let configuration: ResponseCache.SecondTier
    /// The store, where it has leases.
    private let leasing: (any LeasingStore)?
    private let breaker: Locked<CircuitBreaker>
    private let counters: CacheCounters
    private let time: TimeSource

    init(_ configuration: ResponseCache.SecondTier, counters: CacheCounters, time: TimeSource) {
        self.configuration = configuration
        self.leasing = configuration.patience > .zero ? configuration.store as? any LeasingStore : nil
        self.breaker = Locked(
            CircuitBreaker(threshold: configuration.failureThreshold, openFor: configuration.openFor))
        self.counters = counters
        self.time = time
    }

    /// What it is called in answers.
    var tier: CacheTier { self.configuration.tier }
    /// Whether a request that comes now would do without it.
    var isLeftAlone: Bool {
        let now = self.time.monotonicNanoseconds()
        return self.breaker.withLock { $0.refuses(at: now) }
    }
    /// How often its breaker has opened.
    var openings: Int { self.breaker.withLock { $0.openings } }

    /// How long a request waits for another process.
    var patience: Duration { self.configuration.patience }
    /// Whether it says who calls upstream.
    var hasLeases: Bool { self.leasing != nil }

    /// When what a request may spend on reading is used up, should it begin now.
    func readDeadline() -> UInt64 {
        let milliseconds = UInt64(max(0, min(self.configuration.readBudget.wholeMilliseconds, 86_400_000)))
        return self.time.monotonicNanoseconds() &+ milliseconds * 1_000_000
    }

    /// The entry under `key`; nil too where the tier cannot say in time, or has another key's.
    func get(_ key: RequestKey, until deadline: UInt64) async -> Envelope? {
        let store = self.configuration.store
        do {
            let envelope = try await self.ask(within: self.left(until: deadline)) { () throws(StoreError) in
                try await store.get(key)
            }
            return self.checked(envelope, key)
        } catch {
            return nil
        }
    }

    /// Who calls upstream for `key`, and its entry; nil where the tier cannot say in time.
    func lease(_ key: RequestKey, until deadline: UInt64) async -> LeaseAnswer? {
        guard let leasing = self.leasing else { return nil }
        let left = self.left(until: deadline)
        guard left > .zero else { return nil }
        do {
            var answer = try await self.ask(
                within: left,
                tooLate: { answer in
                    // Nobody is left to hold it, and others would wait for it.
                    if case .value(let answer) = answer, case .asker(let lease) = answer.holder {
                        await self.end(lease, .failed)
                    }
                }
            ) { () throws(StoreError) in try await leasing.lease(key) }
            answer.entry = self.checked(answer.entry, key)
            return answer
        } catch {
            return nil
        }
    }

    private func checked(_ envelope: Envelope?, _ key: RequestKey) -> Envelope? {
        guard let envelope else { return nil }
        guard envelope.key == key else {
            self.counters.tierFailures.add()
            return nil
        }
        return envelope
    }

    private func left(until deadline: UInt64) -> Duration {
        let now = self.time.monotonicNanoseconds()
        return deadline > now ? .nanoseconds(Int64(clamping: deadline - now)) : .zero
    }

    /// Waits for the end of another process's call.
    func waitForVerdict(on key: RequestKey, atMost limit: Duration) async {
        guard let leasing = self.leasing else { return }
        // The store's own limit does not hold where it hangs.
        _ = await self.race(within: limit) {
            await leasing.waitForVerdict(on: key, atMost: limit)
            return Answer<Void>.value(())
        }
    }

    /// Renews a lease again and again, until it is lost or the task is cancelled. Gives it up once it is not wanted any
    /// more: nobody is to wait for a call whose answer will not be stored.
    func keep(_ lease: UpstreamLease, while isWanted: @Sendable () -> Bool) async {
        guard let leasing = self.leasing else { return }
        while true {
            do {
                try await self.time.sleep(leasing.leaseDuration / 3)
            } catch {
                return
            }
            guard isWanted() else { return await self.end(lease, .failed) }
            do {
                let isKept = try await self.ask(within: self.configuration.writeBudget) { () throws(StoreError) in
                    try await leasing.renew(lease)
                }
                guard isKept else { return }
            } catch {
                // Counted where it was asked. It may still be renewed in time at the next try.
                if Task.isCancelled { return }
            }
        }
    }

    /// Gives a lease up, also in a cancelled task, and whatever the breaker says: others wait for it, and nobody here.
    /// Where that fails, the lease ends by itself.
    func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async {
        guard let leasing = self.leasing else { return }
        do {
            try await self.ask(
                within: self.configuration.writeBudget, heedsCancellation: false, heedsBreaker: false
            ) { () throws(StoreError) in
                try await leasing.end(lease, verdict)
            }
        } catch {
            // Counted where it was asked.
        }
    }

    /// Keeps an entry, and says what others who wait for it are to be told. A failure is counted where it was asked: a value
    /// that is not kept is a miss later on, and nothing worse.
    func set(_ envelope: Envelope) async -> LeaseVerdict {
        let store = self.configuration.store
        do {
            try await self.ask(within: self.configuration.writeBudget) { () throws(StoreError) in
                try await store.set(envelope.key, envelope)
            }
            return .stored
        } catch {
            // What is refused once is so the next time too: nobody is to wait for it, least of all one after the other.
            return error.code == .refused || error.code == .tooLarge ? .unstorable : .failed
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
        within budget: Duration, heedsCancellation: Bool = true, heedsBreaker: Bool = true,
        tooLate: @escaping @Sendable (Answer<Value>) async -> Void = { _ in },
        _ operation: @escaping @Sendable () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let now = self.time.monotonicNanoseconds()
        guard !heedsBreaker || self.breaker.withLock({ $0.admits(at: now) }) else {
            self.counters.tierSkips.add()
            throw StoreError(.unavailable, "the circuit breaker is open")
        }
        let answer = await self.race(within: budget, heedsCancellation: heedsCancellation, tooLate: tooLate) {
            do throws(StoreError) {
                return Answer.value(try await operation())
            } catch {
                return .failure(error)
            }
        }
        switch answer {
        case .value(let value):
            self.tell(self.breaker.withLock { $0.succeeded() }, after: nil)
            return value
        case .failure(let error) where error.code == .refused || error.code == .tooLarge:
            // It was reached, and it answered: whoever reads is not to suffer for a write that is not permitted.
            if error.code == .refused { self.counters.tierFailures.add() }
            self.tell(self.breaker.withLock { $0.succeeded() }, after: nil)
            throw error
        case .failure(let error):
            self.failed(error)
            throw error
        case .late:
            let error = StoreError(.timeout, "the tier did not answer in time")
            self.failed(error)
            throw error
        case .cancelled:
            throw StoreError(.closed, "cancelled")
        }
    }

    private func failed(_ error: StoreError) {
        self.counters.tierFailures.add()
        let now = self.time.monotonicNanoseconds()
        self.tell(self.breaker.withLock { $0.failed(at: now) }, after: error)
    }

    private func tell(_ change: CircuitBreaker.Change?, after error: StoreError?) {
        switch change {
        case nil: break
        case .opened:
            self.configuration.logger.warning(
                "second tier is left alone",
                metadata: ["tier": "\(self.tier)", "error": "\(error?.code.description ?? "")"])
        case .closed:
            self.configuration.logger.notice("second tier is asked again", metadata: ["tier": "\(self.tier)"])
        }
    }

    private func race<Value: Sendable>(
        within budget: Duration, heedsCancellation: Bool = true,
        tooLate: @escaping @Sendable (Answer<Value>) async -> Void = { _ in },
        _ operation: @escaping @Sendable () async -> Answer<Value>
    ) async -> Answer<Value> {
        let first = FirstAnswer<Answer<Value>>()
        let tasks = Self.race(first, against: budget, time: self.time, tooLate: tooLate, operation)
        func answer() async -> Answer<Value> {
            let answer = await first.value()
            for task in tasks { task.cancel() }
            return answer
        }
        guard heedsCancellation else { return await answer() }
        return await withTaskCancellationHandler {
            await answer()
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

    /// Gives an answer. Ignored after the first: false then.
    @discardableResult
    func resolve(_ value: Value) -> Bool {
        let (isFirst, waiting) = self.state.withLock { state -> (Bool, CheckedContinuation<Value, Never>?) in
            guard state.value == nil else { return (false, nil) }
            state.value = value
            return (true, state.waiting.take())
        }
        waiting?.resume(returning: value)
        return isFirst
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
