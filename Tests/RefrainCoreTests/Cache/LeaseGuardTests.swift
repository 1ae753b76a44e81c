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

/// A store that never says that a lease has ended, and is deaf to cancellation.
private struct SilentLeases: LeasingStore {
    let inner = MemoryStore(.init(bytes: 1 << 20))
    let leaseDuration = Duration.seconds(10)

    func lease(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer { LeaseAnswer(holder: .other, entry: nil) }
    func renew(_ lease: UpstreamLease) async throws(StoreError) -> Bool { true }
    func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError) {}
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
