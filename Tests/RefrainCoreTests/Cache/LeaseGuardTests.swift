import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

/// A store that refuses to keep anything.
private struct RefusingStore: ResponseStore {
    let inner = MemoryStore(.init(bytes: 1 << 20))
    let error: StoreError

    func get(_ key: RequestKey) async throws(StoreError) -> Envelope? { self.inner.get(key) }
    func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError) { throw self.error }
    func remove(_ key: RequestKey) async throws(StoreError) { self.inner.remove(key) }
    func generation() async throws(StoreError) -> GenerationStamp { self.inner.generation() }
    func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp { self.inner.purge(purge) }
    func statistics() async throws(StoreError) -> StoreStatistics { self.inner.statistics() }
    func shutdown() async { self.inner.shutdown() }
}

/// A store that never says that a lease has ended, never takes one back, and is deaf to cancellation.
private struct SilentLeases: LeasingStore {
    var answer = LeaseAnswer(holder: .other, entry: nil)
    let inner = MemoryStore(.init(bytes: 1 << 20))
    let leaseDuration = Duration.seconds(10)

    func lease(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer { self.answer }
    func renew(_ lease: UpstreamLease) async throws(StoreError) -> Bool { true }
    func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError) {
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }
    func waitForVerdict(on key: RequestKey, atMost limit: Duration) async {
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }

    func get(_ key: RequestKey) async throws(StoreError) -> Envelope? { self.inner.get(key) }
    func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError) { try self.inner.set(key, envelope) }
    func remove(_ key: RequestKey) async throws(StoreError) { self.inner.remove(key) }
    func generation() async throws(StoreError) -> GenerationStamp { self.inner.generation() }
    func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp { self.inner.purge(purge) }
    func statistics() async throws(StoreError) -> StoreStatistics { self.inner.statistics() }
    func shutdown() async { self.inner.shutdown() }
}

@Suite(.timeLimit(.minutes(1))) struct LeaseGuardTests {
    @Test func aWaitThatHangsEndsAtItsLimit() async {
        let clock = ManualClock()
        let tier = GuardedTier(
            ResponseCache.SecondTier(SilentLeases(), generations: GenerationTracker(), tier: .redis),
            counters: CacheCounters(), time: clock.time)
        async let end: Void = tier.waitForVerdict(on: CacheFixture.key, atMost: .seconds(1))
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(1))
        await end
    }

    /// Whoever asks for a lease may get the entry with it, that another process has just stored: a lease to give back.
    @Test func aHitDoesNotWaitUntilALeaseIsGivenBack() async throws {
        let clock = ManualClock()
        let memory = MemoryStore(.init(bytes: 1 << 20), time: clock.time)
        let entry = Envelope(
            key: CacheFixture.key, form: .message, created: clock.now, freshUntil: .distantFuture,
            staleUntil: .distantFuture, generation: memory.generation(), labels: [], details: .init(), headers: [],
            body: CacheFixture.message)
        let lease = UpstreamLease(key: CacheFixture.key, token: "token")
        let store = SilentLeases(answer: LeaseAnswer(holder: .asker(lease), entry: entry))
        let cache = ResponseCache(
            memory: memory, second: .init(store, generations: memory.generations, tier: .redis), time: clock.time)
        let upstream = ScriptedUpstream(message: SampleMessage.json("not to be asked for"))
        let answer = try await cache.respond(to: CacheRequest(key: CacheFixture.key), upstream: upstream.call)
        #expect(answer.body == CacheFixture.message)
        guard case .hit(.redis, _) = answer.cache else { throw StoreError(.corrupt, "\(answer.cache)") }
        // It is being given back meanwhile, for as long as a write may take.
        await clock.waitForSleepers(1)
        #expect(cache.statistics.tierFailures == 0)
        clock.advance(by: .seconds(1))
        await until { cache.table.withLock { $0.isIdle } }
        #expect(cache.statistics.tierFailures == 1)
    }

    /// Where an answer cannot be kept, whoever waits for it is told not to: they would wait for one another.
    @Test(
        arguments: [
            (.refused, .unstorable), (.tooLarge, .unstorable), (.unavailable, .failed), (.timeout, .failed),
        ] as [(StoreError.Code, LeaseVerdict)])
    func whatIsNotKeptIsNotCalledStored(code: StoreError.Code, verdict: LeaseVerdict) async {
        let counters = CacheCounters()
        let tier = GuardedTier(
            ResponseCache.SecondTier(
                RefusingStore(error: StoreError(code, "")), generations: GenerationTracker(), tier: .redis),
            counters: counters, time: ManualClock().time)
        let said = await tier.set(sampleEnvelope(CacheFixture.key))
        #expect(said == verdict)
        #expect(counters.tierFailures.count == (code == .tooLarge ? 0 : 1))
    }
}
