import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

@Suite(.timeLimit(.minutes(2))) struct BudgetTests {
    @Test func memoizedBytesDependOnVersionAndSample() async throws {
        let fixture = CacheFixture()
        let policies = [
            CachePolicy(), CachePolicy(version: "1"), CachePolicy(version: "2"), CachePolicy(sample: 1),
            CachePolicy(version: "1", sample: 1),
        ]
        for (index, policy) in policies.enumerated() {
            let bytes = try await fixture.cache.memoize(CacheFixture.key, policy: policy) { [UInt8(index)] }
            #expect(bytes == [UInt8(index)])
        }
        for (index, policy) in policies.enumerated() {
            let bytes = try await fixture.cache.memoize(CacheFixture.key, policy: policy) { [0xFF] }
            #expect(bytes == [UInt8(index)], "each is kept under its own key")
        }
    }

    @Test func overTheBudgetNothingJoinsOrIsStoredAndThenCallsAreRefused() async throws {
        let fixture = CacheFixture(limits: .init(inFlightBytes: 8_000))
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        let respond = { @Sendable (bytes: Int) in
            try await fixture.cache.respond(to: fixture.request(bodyBytes: bytes), upstream: upstream.call)
        }
        async let leader = respond(6_500)
        await upstream.waitForCalls(1)
        // Seven eighths are used up: it passes alone, though a flight is under way.
        async let alone = respond(900)
        await upstream.waitForCalls(2)
        await #expect(throws: CacheError(.overloaded, "too many bytes are in flight")) { _ = try await respond(700) }
        await #expect(throws: CacheError.self) {
            _ = try await fixture.cache.stream(fixture.request(bodyBytes: 700), upstream: upstream.call)
        }
        gate.open()
        #expect(try await leader.cache == .miss(.absent))
        #expect(try await alone.cache == .bypassed(.overBudget))
        await fixture.waitUntilIdle()
        #expect(fixture.cache.statistics.inFlightBytes == 0 && fixture.cache.statistics.overloaded == 2)
        #expect(CacheError.Code.overloaded.status == 503)
        #expect(
            CacheError(.overloaded, "x").body.encoded()
                == Array(#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#.utf8))
    }

    @Test func aStreamThatOutgrowsTheBudgetGoesOnForItsReadersAndIsNotStored() async throws {
        let events = try CoalescingTests.events(200)
        let fixture = CacheFixture(limits: .init(inFlightBytes: events.joined().count / 2))
        let upstream = ScriptedUpstream(.stream(events))
        #expect(try await fixture.stream(upstream).collected() == events)
        await fixture.waitUntilIdle()
        #expect(fixture.cache.statistics.refused == [.overBudget: 1])
        #expect(fixture.cache.statistics.memory.entries == 0 && fixture.cache.statistics.inFlightBytes == 0)
    }

    @Test func aBodyThatOutgrowsTheBudgetIsGivenAndNotStored() async throws {
        let fixture = CacheFixture(limits: .init(inFlightBytes: 100))
        let answer = try await fixture.respond(ScriptedUpstream(.message(CacheFixture.message)))
        #expect(answer.body == CacheFixture.message)
        #expect(fixture.cache.statistics.refused == [.overBudget: 1])
    }

    @Test func anEntryThatIsTooLargeForMemoryIsGivenAndCounted() async throws {
        let fixture = CacheFixture(memory: .init(bytes: 4_096, maximumEntryShare: 0.1))
        let upstream = ScriptedUpstream(.message(SampleMessage.json(String(repeating: "x", count: 2_000))))
        for _ in 0..<2 { #expect(try await fixture.respond(upstream).cache == .miss(.absent)) }
        #expect(fixture.cache.statistics.refused == [.tooLarge: 2])
    }
}

@Suite(.timeLimit(.minutes(2))) struct MemoizeTests {
    struct Broken: Error {}

    let fixture = CacheFixture()
    var cache: ResponseCache { self.fixture.cache }
    let key = RequestKey(memoizing: "expensive", in: "tests")

    @Test func keysAreOfBothStringsAndTheirBorder() {
        let keys: Set = [
            RequestKey(memoizing: "a", in: "bc"), RequestKey(memoizing: "ab", in: "c"),
            RequestKey(memoizing: "abc", in: ""),
            RequestKey(memoizing: "c", in: "ab"),
        ]
        #expect(keys.count == 4)
        #expect(RequestKey(memoizing: "a", in: "b") == RequestKey(memoizing: "a", in: "b"))
    }

    @Test func bytesAreProducedOnceForAThousandCallers() async throws {
        let calls = Locked(0)
        let gate = Gate()
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<1_000 {
                group.addTask {
                    try await self.cache.memoize(self.key) {
                        calls.withLock { $0 += 1 }
                        try await gate.wait()
                        return [1, 2, 3]
                    }
                }
            }
            await self.fixture.waitForCallers(1_000, key: self.key)
            gate.open()
            for try await bytes in group { #expect(bytes == [1, 2, 3]) }
        }
        #expect(calls.withLock { $0 } == 1)
        self.fixture.clock.advance(by: .days(6))
        #expect(try await self.cache.memoize(self.key) { [] } == [1, 2, 3])
        self.fixture.clock.advance(by: .days(1))
        #expect(try await self.cache.memoize(self.key) { [] } == [])
        #expect(try await self.cache.memoize(self.key) { [4] } == [], "no bytes are bytes")
    }

    @Test func purgesReachThem() async throws {
        let policy = CachePolicy(tags: ["t"])
        _ = try await self.cache.memoize(self.key, policy: policy) { [1] }
        try await self.cache.purge(.label(.tag("t")))
        #expect(try await self.cache.memoize(self.key, policy: policy) { [2] } == [2])
    }

    @Test func aFailureIsNotKept() async throws {
        await #expect(throws: Broken.self) { _ = try await self.cache.memoize(self.key) { throw Broken() } }
        #expect(try await self.cache.memoize(self.key) { [1] } == [1])
    }

    @Test func bytesAndMessagesUnderOneKeyAreNotMixedUp() async throws {
        _ = try await self.cache.memoize(CacheFixture.key) { [1] }
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        #expect(try await self.fixture.respond(upstream).body == CacheFixture.message)
        #expect(try await self.cache.memoize(CacheFixture.key) { [2] } == [2])
        #expect(names(try await self.fixture.stream(upstream).collected()).last == "message_stop")
    }
}
