import Logging
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

/// A second tier that does what a test tells it to.
final class FakeTier: ResponseStore {
    enum Behaviour: Sendable { case works, fails, refuses, hangs, waits(Gate) }

    private struct State {
        var behaviour = Behaviour.works
        var gets = 0
        var sets = 0
        var purges = 0
    }

    let inner: MemoryStore
    private let state = Locked(State())

    init(_ inner: MemoryStore) { self.inner = inner }

    var behaviour: Behaviour {
        get { self.state.withLock { $0.behaviour } }
        set { self.state.withLock { $0.behaviour = newValue } }
    }
    var gets: Int { self.state.withLock { $0.gets } }
    var sets: Int { self.state.withLock { $0.sets } }

    private func act() async throws(StoreError) {
        switch self.behaviour {
        case .works: return
        case .fails: throw StoreError(.unavailable, "scripted")
        case .refuses: throw StoreError(.refused, "scripted")
        case .hangs:
            // Deaf to cancellation, as a blocking driver is.
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        case .waits(let gate):
            do {
                try await gate.wait()
            } catch {
                throw StoreError(.unavailable, "cancelled")
            }
        }
    }

    func get(_ key: RequestKey) async throws(StoreError) -> Envelope? {
        self.state.withLock { $0.gets += 1 }
        try await self.act()
        return self.inner.get(key)
    }

    func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError) {
        try await self.act()
        try self.inner.set(key, envelope)
        self.state.withLock { $0.sets += 1 }
    }

    func remove(_ key: RequestKey) async throws(StoreError) { self.inner.remove(key) }
    func generation() async throws(StoreError) -> GenerationStamp { self.inner.generation() }

    func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp {
        try await self.act()
        return self.inner.purge(purge)
    }

    func statistics() async throws(StoreError) -> StoreStatistics { self.inner.statistics() }
    func shutdown() async { self.inner.shutdown() }
}

/// A tier that gives its lease when it is told to, cancelled or not.
final class LateLeases: LeasingStore {
    private struct State {
        var asked: UpstreamLease?
        var ended: UpstreamLease?
        var asker: CheckedContinuation<Void, Never>?
    }

    let leaseDuration = Duration.seconds(10)
    private let inner: FakeTier
    private let state = Locked(State())

    init(_ inner: FakeTier) { self.inner = inner }

    var asked: UpstreamLease? { self.state.withLock { $0.asked } }
    var ended: UpstreamLease? { self.state.withLock { $0.ended } }

    func answer() { self.state.withLock { $0.asker.take() }?.resume() }

    func lease(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer {
        let lease = UpstreamLease(key: key, token: "token")
        await withCheckedContinuation { asker in
            self.state.withLock { state in
                state.asker = asker
                state.asked = lease
            }
        }
        return LeaseAnswer(holder: .asker(lease), entry: nil)
    }

    func renew(_ lease: UpstreamLease) async throws(StoreError) -> Bool { true }

    func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError) {
        self.state.withLock { $0.ended = lease }
    }

    func waitForVerdict(on key: RequestKey, atMost limit: Duration) async {}

    func get(_ key: RequestKey) async throws(StoreError) -> Envelope? { try await self.inner.get(key) }
    func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError) {
        try await self.inner.set(key, envelope)
    }
    func remove(_ key: RequestKey) async throws(StoreError) { try await self.inner.remove(key) }
    func generation() async throws(StoreError) -> GenerationStamp { try await self.inner.generation() }
    func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp { try await self.inner.purge(purge) }
    func statistics() async throws(StoreError) -> StoreStatistics { try await self.inner.statistics() }
    func shutdown() async { await self.inner.shutdown() }
}

@Suite(.timeLimit(.minutes(2))) struct SecondTierTests {
    let clock = ManualClock()
    let generations = GenerationTracker()
    let tier: FakeTier

    init() {
        self.tier = FakeTier(MemoryStore(.init(bytes: 16 << 20), generations: self.generations, time: self.clock.time))
    }

    /// An instance with its own memory and the shared tier.
    func instance() -> ResponseCache {
        ResponseCache(
            memory: MemoryStore(.init(bytes: 16 << 20), generations: self.generations, time: self.clock.time),
            second: .init(self.tier, generations: self.generations, tier: .redis), time: self.clock.time)
    }

    func respond(_ cache: ResponseCache, _ upstream: ScriptedUpstream, _ policy: CachePolicy = CachePolicy())
        async throws
        -> CachedResponse
    {
        try await cache.respond(
            to: CacheRequest(key: CacheFixture.key, policy: policy), upstream: upstream.call)
    }

    @Test func anotherInstancesAnswerIsAHitAndFillsMemory() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let (one, two) = (self.instance(), self.instance())
        _ = try await self.respond(one, upstream)
        await until { self.tier.sets == 1 }
        self.clock.advance(by: .seconds(3))
        let shared = try await self.respond(two, upstream)
        #expect(shared.cache == .hit(.redis, age: .seconds(3)) && shared.body == CacheFixture.message)
        #expect(try await self.respond(two, upstream).cache == .hit(.memory, age: .seconds(3)))
        #expect(upstream.callCount == 1)
        #expect(two.statistics.secondTierHits == 1 && two.statistics.memoryHits == 1)
        let three = self.instance()
        #expect(
            try await self.respond(three, upstream, CachePolicy(mode: .onlyIfCached)).cache
                == .hit(.redis, age: .seconds(3)))
        let four = self.instance()
        let stream = try await four.stream(CacheRequest(key: CacheFixture.key), upstream: upstream.call)
        #expect(stream.cache == .hit(.redis, age: .seconds(3)))
        #expect(names(try await stream.collected()).last == "message_stop")
    }

    @Test func whatIsTooOldForACallMayStandInForItsError() async throws {
        let upstream = ScriptedUpstream { number, _ in number == 0 ? .message(CacheFixture.message) : .error(529) }
        let policy = CachePolicy(ttl: .seconds(10), staleIfError: .seconds(20))
        _ = try await self.respond(self.instance(), upstream, policy)
        await until { self.tier.sets == 1 }
        self.clock.advance(by: .seconds(15))
        let stale = try await self.respond(self.instance(), upstream, policy)
        #expect(stale.cache == .stale(age: .seconds(15), .upstreamFailed))
    }

    @Test func callersThatWaitShareOneRead() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        _ = try await self.respond(self.instance(), upstream)
        await until { self.tier.sets == 1 }
        let gate = Gate()
        self.tier.behaviour = .waits(gate)
        let cache = self.instance()
        try await withThrowingTaskGroup(of: CacheStatus.self) { group in
            for _ in 0..<50 { group.addTask { try await self.respond(cache, upstream).cache } }
            await until { cache.table.withLock { $0.flight(for: CacheFixture.key) }?.callerCount == 50 }
            gate.open()
            for try await status in group { #expect(status == .hit(.redis, age: .zero)) }
        }
        #expect(self.tier.gets == 2 && upstream.callCount == 1)
    }

    @Test func aTierThatFailsIsAMissAndSoonLeftAlone() async throws {
        self.tier.behaviour = .fails
        let cache = self.instance()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        for number in 0..<5 {
            let request = CacheRequest(key: RequestKey(memoizing: "\(number)", in: "tier"))
            #expect(try await cache.respond(to: request, upstream: upstream.call).cache == .miss(.absent))
            await until { cache.table.withLock { $0.isIdle } }
        }
        #expect(self.tier.gets == 2, "get, set, get: three failures open the breaker")
        let statistics = cache.statistics
        #expect(statistics.tierFailures == 3 && statistics.breakerOpenings == 1 && statistics.tierSkips == 7)
        // It heals.
        self.tier.behaviour = .works
        self.clock.advance(by: .seconds(5))
        _ = try await cache.respond(
            to: CacheRequest(key: RequestKey(memoizing: "healed", in: "tier")), upstream: upstream.call)
        await until { self.tier.sets == 1 }
        #expect(self.tier.gets == 3)
    }

    /// What is too large for memory counts as stored where the tier has taken it.
    @Test(arguments: [true, false])
    func whatMemoryCannotHoldTheTierMay(works: Bool) async throws {
        self.tier.behaviour = works ? .works : .fails
        let cache = ResponseCache(
            memory: MemoryStore(
                .init(bytes: 4_096, maximumEntryShare: 0.1), generations: self.generations, time: self.clock.time),
            second: .init(self.tier, generations: self.generations, tier: .redis), time: self.clock.time)
        let upstream = ScriptedUpstream(message: SampleMessage.json(String(repeating: "x", count: 2_000)))
        _ = try await self.respond(cache, upstream)
        await until { cache.table.withLock { $0.isIdle } }
        #expect(cache.statistics.stored == (works ? 1 : 0))
        #expect(cache.statistics.refused == (works ? [:] : [.tooLarge: 1]))
        #expect(try await self.respond(cache, upstream).cache == (works ? .hit(.redis, age: .zero) : .miss(.absent)))
    }

    @Test func aTierThatRefusesIsAskedOn() async throws {
        self.tier.behaviour = .refuses
        let cache = self.instance()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        for number in 0..<10 {
            let request = CacheRequest(key: RequestKey(memoizing: "\(number)", in: "refused"))
            _ = try await cache.respond(to: request, upstream: upstream.call)
            await until { cache.table.withLock { $0.isIdle } }
        }
        #expect(self.tier.gets == 10 && cache.statistics.breakerOpenings == 0 && cache.statistics.tierFailures == 20)
    }

    @Test func eachChangeOfTheBreakerIsToldOnce() async throws {
        let lines = Locked<[String]>([])
        let cache = ResponseCache(
            memory: MemoryStore(.init(bytes: 1 << 20), generations: self.generations, time: self.clock.time),
            second: .init(
                self.tier, generations: self.generations, tier: .redis,
                logger: Logger(label: "test", factory: { _ in LineRecorder(lines: lines) })), time: self.clock.time)
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        func ask(_ numbers: Range<Int>) async throws {
            for number in numbers {
                let request = CacheRequest(key: RequestKey(memoizing: "\(number)", in: "told"))
                _ = try await cache.respond(to: request, upstream: upstream.call)
                await until { cache.table.withLock { $0.isIdle } }
            }
        }
        self.tier.behaviour = .fails
        try await ask(0..<20)
        self.clock.advance(by: .seconds(5))
        // A probe that fails is no news.
        try await ask(20..<30)
        self.tier.behaviour = .works
        self.clock.advance(by: .seconds(5))
        try await ask(30..<40)
        #expect(lines.withLock { $0 } == ["second tier is left alone", "second tier is asked again"])
    }

    @Test func aTierThatHangsCostsItsBudgetAndNoMore() async throws {
        self.tier.behaviour = .hangs
        let cache = self.instance()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        async let answer = self.respond(cache, upstream)
        await self.clock.waitForSleepers(1)
        #expect(upstream.callCount == 0)
        self.clock.advance(by: .milliseconds(50))
        #expect(try await answer.cache == .miss(.absent))
        // Its callers have their answer while the write still hangs.
        await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        await until { cache.table.withLock { $0.isIdle } }
        #expect(cache.statistics.tierFailures == 2)
        #expect(cache.statistics.inFlightBytes == 0)
    }

    @Test func aSlowAnswerThatComesTooLateIsDropped() async throws {
        let upstream = ScriptedUpstream { number, _ in .message(SampleMessage.json("answer \(number)")) }
        _ = try await self.respond(self.instance(), upstream)
        await until { self.tier.sets == 1 }
        let gate = Gate()
        self.tier.behaviour = .waits(gate)
        let cache = self.instance()
        async let answer = self.respond(cache, upstream)
        await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(50))
        #expect(try await answer.body == SampleMessage.json("answer 1"))
        gate.open()
        await until { self.tier.sets == 2 }
        #expect(try await self.respond(cache, upstream).body == SampleMessage.json("answer 1"))
    }

    @Test func aLeaseThatComesTooLateIsGivenBack() async throws {
        let tier = LateLeases(self.tier)
        let cache = ResponseCache(
            memory: MemoryStore(.init(bytes: 16 << 20), generations: self.generations, time: self.clock.time),
            second: .init(tier, generations: self.generations, tier: .redis), time: self.clock.time)
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        async let answer = self.respond(cache, upstream)
        await until { tier.asked != nil }
        await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(50))
        #expect(try await answer.cache == .miss(.absent))
        #expect(cache.statistics.leases == 0)
        tier.answer()
        await until { tier.ended != nil }
        #expect(tier.ended == tier.asked)
    }

    @Test func aCallerThatLeavesDuringTheReadLeavesNothingBehind() async throws {
        self.tier.behaviour = .hangs
        let cache = self.instance()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let caller = Task { try await self.respond(cache, upstream, CachePolicy(onAbandon: .cancel)) }
        await self.clock.waitForSleepers(1)
        caller.cancel()
        await #expect(throws: CancellationError.self) { _ = try await caller.value }
        await until { cache.table.withLock { $0.isIdle } && self.clock.sleeperCount == 0 }
        #expect(cache.statistics.tierFailures == 0, "it did not fail")
    }

    @Test func entriesOfAnotherGenerationOrKeyAreMisses() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        // A tier whose own record does not know of the purge.
        let foreign = MemoryStore(.init(bytes: 1 << 20), time: self.clock.time)
        let cache = ResponseCache(
            memory: MemoryStore(.init(bytes: 1 << 20), generations: self.generations, time: self.clock.time),
            second: .init(foreign, generations: foreign.generations, tier: .disk), time: self.clock.time)
        try foreign.set(
            CacheFixture.key,
            Envelope(
                key: CacheFixture.key, form: .message, created: self.clock.now, freshUntil: .distantFuture,
                staleUntil: .distantFuture, generation: foreign.generation(), labels: [], details: .init(), headers: [],
                body: SampleMessage.json("foreign")))
        #expect(try await self.respond(cache, upstream).cache == .miss(.absent))
    }

    @Test func aSlowReadDoesNotUndoARefresh() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let cache = self.instance()
        try self.tier.inner.set(
            CacheFixture.key,
            Envelope(
                key: CacheFixture.key, form: .message, created: self.clock.now, freshUntil: .distantFuture,
                staleUntil: .distantFuture, generation: self.tier.inner.generation(), labels: [], details: .init(),
                headers: [], body: SampleMessage.json("old")))
        self.clock.advance(by: .seconds(1))
        let gate = Gate()
        self.tier.behaviour = .waits(gate)
        let slow = Task { try await self.respond(cache, upstream) }
        await until { self.tier.gets == 1 }
        self.tier.behaviour = .works
        let fresh = try await self.respond(cache, upstream, CachePolicy(mode: .refresh))
        #expect(fresh.body == CacheFixture.message)
        gate.open()
        _ = try await slow.value
        #expect(cache.lookup(CacheFixture.key, policy: CachePolicy())?.envelope.body == CacheFixture.message)
    }

    @Test func aPurgeThatIsNotAcknowledgedSaysSo() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let cache = self.instance()
        _ = try await self.respond(cache, upstream)
        await until { self.tier.sets == 1 }
        self.tier.behaviour = .fails
        await #expect(throws: StoreError.self) { try await cache.purge(.all) }
        #expect(cache.lookup(CacheFixture.key, policy: CachePolicy()) == nil, "memory has obeyed")
        self.tier.behaviour = .hangs
        let purging = Task {
            _ = try await cache.purge(.all)
        }
        await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: StoreError.self) { try await purging.value }
        self.tier.behaviour = .works
        try await cache.purge(.all)
    }

    @Test func whatMayNotBeStoredReachesNoTier() async throws {
        let upstream = ScriptedUpstream(message: SampleMessage.json("x", stopReason: "refusal"))
        let cache = self.instance()
        _ = try await self.respond(cache, upstream)
        await until { cache.table.withLock { $0.isIdle } }
        #expect(self.tier.sets == 0 && self.tier.inner.statistics().entries == 0)
    }
}

/// Keeps the messages that are logged.
private struct LineRecorder: LogHandler {
    let lines: Locked<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(lines: Locked<[String]>) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) { self.lines.withLock { $0.append("\(event.message)") } }
}
