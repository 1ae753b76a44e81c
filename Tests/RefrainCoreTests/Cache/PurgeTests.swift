import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

/// Purges and refreshes, at rest and while a call is under way.
@Suite(.timeLimit(.minutes(2))) struct PurgeTests {
    let fixture = CacheFixture()
    var cache: ResponseCache { self.fixture.cache }

    static let purges: [Purge] = [
        .label(.tag("t")), .label(.version("v")), .label(.model("claude-sonnet-4-5")),
        .label(.model("claude-sonnet-4-5-20250929")), .before(.distantFuture), .all,
        .key(CacheFixture.key),
    ]
    static let others: [Purge] = [
        .label(.tag("other")), .label(.version("t")), .label(.model("t")), .before(Timestamp(milliseconds: 0)),
        .key(RequestKey(memoizing: "another", in: "PurgeTests")),
    ]
    static let policy = CachePolicy(tags: ["s", "t"], version: "v")
    static let message = SampleMessage.json("x", model: "claude-sonnet-4-5-20250929")

    @Test func aPurgeOfTheTagOfAnyCallerReachesTheSharedAnswer() async throws {
        let fixture = CacheFixture()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let gate = Gate()
        let held: Upstream = { call in
            try await gate.wait()
            return try await upstream.call(call)
        }
        let first = Task {
            try await fixture.cache.respond(to: fixture.request(CachePolicy(tags: ["a"])), upstream: held)
        }
        await fixture.waitForCallers(1)
        let second = Task {
            try await fixture.cache.respond(to: fixture.request(CachePolicy(tags: ["b"])), upstream: held)
        }
        await fixture.waitForCallers(2)
        gate.open()
        _ = try await (first.value, second.value)
        #expect(fixture.cache.lookup(CacheFixture.key, policy: CachePolicy()) != nil)
        try await fixture.cache.purge(.label(.tag("b")))
        #expect(fixture.cache.lookup(CacheFixture.key, policy: CachePolicy()) == nil)
    }

    @Test func aPurgeOfAnyModelClosesTheFlight() async throws {
        let fixture = CacheFixture()
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let gate = Gate()
        let held: Upstream = { call in
            try await gate.wait()
            return try await upstream.call(call)
        }
        let early = Task { try await fixture.cache.respond(to: fixture.request(), upstream: held) }
        await fixture.waitForCallers(1)
        // The model that will answer is not known yet.
        try await fixture.cache.purge(.label(.model("claude-sonnet-4-5-20250929")))
        let late = Task { try await fixture.cache.respond(to: fixture.request(), upstream: held) }
        await fixture.waitForCallers(1)
        gate.open()
        #expect(try await early.value.cache == .miss(.absent))
        #expect(try await late.value.cache == .miss(.absent), "it does not join what began before the purge")
    }

    @Test(arguments: Self.purges) func whatIsPurgedIsAMiss(_ purge: Purge) async throws {
        let upstream = ScriptedUpstream(.message(Self.message))
        _ = try await self.fixture.respond(upstream, Self.policy)
        #expect(try await self.fixture.respond(upstream, Self.policy).cache.isSaved)
        try await self.cache.purge(purge)
        #expect(try await self.fixture.respond(upstream, Self.policy).cache == .miss(.absent))
    }

    @Test(arguments: Self.others) func whatIsNotNamedStays(_ purge: Purge) async throws {
        let upstream = ScriptedUpstream(.message(Self.message))
        _ = try await self.fixture.respond(upstream, Self.policy)
        try await self.cache.purge(purge)
        #expect(try await self.fixture.respond(upstream, Self.policy).cache.isSaved)
    }

    @Test(arguments: Self.purges) func anAnswerOnItsWayIsGivenAndDoesNotLand(_ purge: Purge) async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .message(Self.message, after: [.wait(gate)]) : .message(SampleMessage.json("new"))
        }
        async let before = self.fixture.respond(upstream, Self.policy)
        await upstream.waitForCalls(1)
        try await self.cache.purge(purge)
        let isKnownBefore = purge != .label(.model("claude-sonnet-4-5-20250929"))
        if isKnownBefore {
            // It takes no new caller: whoever asks after the purge gets an answer from after it.
            let after = try await self.fixture.respond(upstream, Self.policy)
            #expect(after.cache == .miss(.absent) && after.body == SampleMessage.json("new"))
        }
        gate.open()
        #expect(try await before.body == Self.message)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.refused[.purged] == (purge == .before(.distantFuture) ? 2 : 1))
        let hit = self.cache.lookup(CacheFixture.key, policy: Self.policy)
        #expect(hit?.envelope.body != Self.message)
        if isKnownBefore, purge != .before(.distantFuture) {
            #expect(hit?.envelope.body == SampleMessage.json("new"), "the fill of before does not displace it")
        }
    }

    @Test func aPurgedStreamGoesOnForItsReaders() async throws {
        let events = try CoalescingTests.events()
        let gate = Gate()
        let upstream = ScriptedUpstream(
            .stream(steps: [.bytes(events[0]), .wait(gate)] + events.dropFirst().map { .bytes($0) }))
        let stream = try await self.fixture.stream(upstream, Self.policy)
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next() == events[0])
        try await self.cache.purge(.all)
        gate.open()
        for event in events.dropFirst() { #expect(try await iterator.next() == event) }
        #expect(try await iterator.next() == nil)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.memory.entries == 0)
    }

    @Test func anAbandonedCallThatIsPurgedIsStopped() async throws {
        let upstream = ScriptedUpstream(.message(Self.message, after: [.hang]))
        let caller = Task { try await self.fixture.respond(upstream, Self.policy) }
        await upstream.waitForCalls(1)
        caller.cancel()
        _ = await caller.result
        #expect(upstream.cancelledCount == 0)
        try await self.cache.purge(.label(.tag("t")))
        await upstream.waitForCancellations(1)
    }

    @Test func aRefreshJoinsNothingAndTakesThePlaceOfWhatIsUnderWay() async throws {
        let gates = [Gate(), Gate()]
        let upstream = ScriptedUpstream { number, _ in
            .message(SampleMessage.json("answer \(number)"), after: number < 2 ? [.wait(gates[number])] : [])
        }
        async let older = self.fixture.respond(upstream)
        await upstream.waitForCalls(1)
        async let refresh = self.fixture.respond(upstream, CachePolicy(mode: .refresh))
        await upstream.waitForCalls(2)
        // Later callers join the newer one.
        async let joined = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(2)
        gates[1].open()
        #expect(try await refresh.cache == .miss(.refresh))
        #expect(try await joined.body == SampleMessage.json("answer 1"))
        gates[0].open()
        #expect(try await older.body == SampleMessage.json("answer 0"))
        await self.fixture.waitUntilIdle()
        #expect(
            self.cache.lookup(CacheFixture.key, policy: CachePolicy())?.envelope.body == SampleMessage.json("answer 1"))
        #expect(self.cache.statistics.refused == [.replaced: 1])
        #expect(upstream.callCount == 2)
    }

    @Test func onlyIfCachedDoesNotJoin() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(Self.message, after: [.wait(gate)]))
        async let leader = self.fixture.respond(upstream)
        await upstream.waitForCalls(1)
        await #expect(throws: CacheError.self) {
            _ = try await self.fixture.respond(upstream, CachePolicy(mode: .onlyIfCached))
        }
        gate.open()
        _ = try await leader
    }

    @Test func aReaderOfOnlyLetsAStorerStore() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(Self.message, after: [.wait(gate)]))
        async let reader = self.fixture.respond(upstream, CachePolicy(mode: .readOnly))
        await self.fixture.waitForCallers(1)
        async let storer = self.fixture.respond(upstream, Self.policy)
        await self.fixture.waitForCallers(2)
        gate.open()
        _ = try await (reader, storer)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy())?.envelope.labels.contains(.tag("t")) == true)
    }

    /// Readers and purges in any order: after a purge has returned, nobody is given an answer that upstream was asked
    /// for before it.
    @Test(arguments: 0..<4) func noAnswerOutlivesItsPurge(_ seed: Int) async throws {
        let generation = Locked(0)
        let upstream: Upstream = { _ in
            let number = generation.withLock { $0 }
            await Task.yield()
            return HTTPResponse(
                status: 200, headers: [], body: ByteStream(SampleMessage.json("generation \(number)")))
        }
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(seed * 100 + task))
                    for _ in 0..<200 {
                        if Int.random(in: 0..<20, using: &random) == 0 {
                            generation.withLock { $0 += 1 }
                            do throws(StoreError) {
                                try await self.cache.purge(.label(.tag("t")))
                            } catch {
                                Issue.record("\(error)")
                            }
                        } else {
                            let least = generation.withLock { $0 } - 8
                            do {
                                let answer = try await self.cache.respond(
                                    to: self.fixture.request(Self.policy), upstream: upstream)
                                let text = String(decoding: answer.body, as: UTF8.self)
                                let number = text.split(separator: "generation ").last?.prefix { $0.isNumber }
                                // Each of the eight may be between its new number and its purge.
                                #expect((number.flatMap { Int($0) } ?? -100) >= least)
                            } catch {
                                Issue.record("\(error)")
                            }
                        }
                    }
                }
            }
        }
    }
}
