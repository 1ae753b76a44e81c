import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

@Suite(.timeLimit(.minutes(2))) struct StaleTests {
    struct Broken: Error {}

    let fixture = CacheFixture()
    var cache: ResponseCache { self.fixture.cache }

    static let revalidate = CachePolicy(ttl: .seconds(10), staleWhileRevalidate: .seconds(20))
    static let rescue = CachePolicy(ttl: .seconds(10), staleIfError: .seconds(20))

    // MARK: While revalidating

    @Test func oneNewAnswerIsFetchedBehindAStaleOne() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            .message(SampleMessage.json("answer \(number)"), after: number == 1 ? [.wait(gate)] : [])
        }
        _ = try await self.fixture.respond(upstream, Self.revalidate)
        self.fixture.clock.advance(by: .seconds(15))
        for _ in 0..<10 {
            let stale = try await self.fixture.respond(upstream, Self.revalidate)
            #expect(stale.cache == .stale(age: .seconds(15), .revalidating))
            #expect(stale.body == SampleMessage.json("answer 0"))
            let stream = try await self.fixture.stream(upstream, Self.revalidate)
            #expect(stream.cache == .stale(age: .seconds(15), .revalidating))
            #expect(self.cache.lookup(CacheFixture.key, policy: Self.revalidate) == nil)
        }
        await upstream.waitForCalls(2)
        // Whoever takes nothing stale joins the fetch.
        async let joined = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(1)
        gate.open()
        #expect(try await joined.cache == .joined)
        await self.fixture.waitUntilIdle()
        let fresh = try await self.fixture.respond(upstream, Self.revalidate)
        #expect(fresh.cache == .hit(.memory, age: .zero) && fresh.body == SampleMessage.json("answer 1"))
        #expect(upstream.callCount == 2)
        #expect(self.cache.statistics.revalidations == 1 && self.cache.statistics.stale == 20)
    }

    @Test func afterItsTimeNothingStaleIsGiven() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        _ = try await self.fixture.respond(upstream, Self.revalidate)
        self.fixture.clock.advance(by: .seconds(30))
        guard case .miss = try await self.fixture.respond(upstream, Self.revalidate).cache else {
            Issue.record("it is a miss")
            return
        }
    }

    @Test func aFailedRevalidationKeepsWhatThereIs() async throws {
        let upstream = ScriptedUpstream { number, _ in number == 0 ? .message(CacheFixture.message) : .error(529) }
        _ = try await self.fixture.respond(upstream, Self.revalidate)
        self.fixture.clock.advance(by: .seconds(15))
        for count in 2...4 {
            #expect(try await self.fixture.respond(upstream, Self.revalidate).cache.reason == .revalidating)
            await upstream.waitForCalls(count)
            await self.fixture.waitUntilIdle()
        }
    }

    @Test func aRevalidationThatHangsIsGivenUp() async throws {
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .message(CacheFixture.message) : .message([], after: [.hang])
        }
        let policy = CachePolicy(ttl: .seconds(10), staleWhileRevalidate: .hours(1))
        _ = try await self.fixture.respond(upstream, policy)
        self.fixture.clock.advance(by: .seconds(15))
        _ = try await self.fixture.respond(upstream, policy)
        await upstream.waitForCalls(2)
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .minutes(10))
        await upstream.waitForCancellations(1)
        await self.fixture.waitUntilIdle()
    }

    @Test func onlyIfCachedAndRefreshTakeNothingStale() async throws {
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        _ = try await self.fixture.respond(upstream, Self.revalidate)
        self.fixture.clock.advance(by: .seconds(15))
        var policy = Self.revalidate
        policy.mode = .onlyIfCached
        await #expect(throws: CacheError.self) { _ = try await self.fixture.respond(upstream, policy) }
        policy.mode = .readOnly
        #expect(try await self.fixture.respond(upstream, policy).cache == .miss(.expired))
        policy.mode = .refresh
        #expect(try await self.fixture.respond(upstream, policy).cache == .miss(.refresh))
        #expect(upstream.callCount == 3)
    }

    // MARK: In place of an error

    @Test(arguments: [408, 429, 500, 502, 503, 504, 529]) func standsInForWhatPasses(_ status: Int) async throws {
        let upstream = ScriptedUpstream { number, _ in number == 0 ? .message(CacheFixture.message) : .error(status) }
        _ = try await self.fixture.respond(upstream, Self.rescue)
        self.fixture.clock.advance(by: .seconds(29))
        let plain = try await self.fixture.respond(upstream, Self.rescue)
        #expect(plain.cache == .stale(age: .seconds(29), .upstreamFailed))
        #expect(plain.body == CacheFixture.message)
        let stream = try await self.fixture.stream(upstream, Self.rescue)
        #expect(stream.cache == .stale(age: .seconds(29), .upstreamFailed))
        #expect(names(try await stream.collected()).last == "message_stop")
        await #expect(throws: UpstreamResponseError.self) { _ = try await self.fixture.respond(upstream) }
        self.fixture.clock.advance(by: .seconds(1))
        await #expect(throws: UpstreamResponseError.self) { _ = try await self.fixture.respond(upstream, Self.rescue) }
    }

    @Test(arguments: [400, 401, 402, 403, 404, 413]) func standsInForNothingElse(_ status: Int) async throws {
        let upstream = ScriptedUpstream { number, _ in number == 0 ? .message(CacheFixture.message) : .error(status) }
        _ = try await self.fixture.respond(upstream, Self.rescue)
        self.fixture.clock.advance(by: .seconds(15))
        await #expect(throws: UpstreamResponseError.self) { _ = try await self.fixture.respond(upstream, Self.rescue) }
    }

    @Test func standsInForABrokenConnection() async throws {
        let upstream = ScriptedUpstream { number, _ in
            switch number {
            case 0: .message(CacheFixture.message)
            case 1: .message([], after: [.fail(Broken())])
            default: .stream(steps: [.bytes(Array("event: ping\n\n".utf8)), .fail(Broken())])
            }
        }
        _ = try await self.fixture.respond(upstream, Self.rescue)
        self.fixture.clock.advance(by: .seconds(15))
        for _ in 0..<2 {
            #expect(try await self.fixture.respond(upstream, Self.rescue).cache.reason == .upstreamFailed)
        }
        var refresh = Self.rescue
        refresh.mode = .refresh
        await #expect(throws: (any Error).self) { _ = try await self.fixture.respond(upstream, refresh) }
    }

    @Test func aPurgeBeatsBoth() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .message(CacheFixture.message) : .error(529, after: [.wait(gate)])
        }
        let policy = CachePolicy(ttl: .seconds(10), staleIfError: .seconds(20), tags: ["t"])
        _ = try await self.fixture.respond(upstream, policy)
        self.fixture.clock.advance(by: .seconds(15))
        let asking = Task { try await self.fixture.respond(upstream, policy) }
        await upstream.waitForCalls(2)
        try await self.cache.purge(.label(.tag("t")))
        gate.open()
        await #expect(throws: UpstreamResponseError.self) { _ = try await asking.value }
        var revalidate = policy
        revalidate.staleWhileRevalidate = .seconds(20)
        await #expect(throws: UpstreamResponseError.self) { _ = try await self.fixture.respond(upstream, revalidate) }
    }
}
