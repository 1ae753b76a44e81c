import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

@Suite(.timeLimit(.minutes(2))) struct ResponseCacheTests {
    let fixture = CacheFixture()
    let upstream = ScriptedUpstream(message: CacheFixture.message)
    var cache: ResponseCache { self.fixture.cache }

    // MARK: Hits

    @Test func aRepeatIsAHitWithTheSameBytes() async throws {
        let first = try await self.fixture.respond(self.upstream)
        #expect(first.cache == .miss(.absent))
        #expect(first.body == CacheFixture.message)
        #expect(first.headers.contains(HTTPHeader("request-id", "req_scripted")))
        self.fixture.clock.advance(by: .seconds(5))
        let second = try await self.fixture.respond(self.upstream)
        #expect(second.cache == .hit(.memory, age: .seconds(5)))
        #expect(second.body == CacheFixture.message)
        #expect(
            second.headers == [
                HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_scripted"),
            ])
        #expect(second.details?.answeringModel == "claude-sonnet-4-5")
        #expect(second.details?.usage.outputTokens == 4)
        #expect(second.details?.cost != nil)
        #expect(self.upstream.callCount == 1)
        let statistics = self.cache.statistics
        #expect(statistics.misses == 1 && statistics.memoryHits == 1 && statistics.upstreamCalls == 1)
        #expect(statistics.stored == 1 && statistics.flights == 0 && statistics.refused.isEmpty)
    }

    @Test func lookupFindsWhatRespondStored() async throws {
        let policy = CachePolicy()
        #expect(self.cache.lookup(CacheFixture.key, policy: policy) == nil)
        _ = try await self.fixture.respond(self.upstream)
        self.fixture.clock.advance(by: .minutes(1))
        let hit = try #require(self.cache.lookup(CacheFixture.key, policy: policy))
        #expect(hit.envelope.body == CacheFixture.message)
        #expect(hit.status == .hit(.memory, age: .minutes(1)))
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy(mode: .onlyIfCached)) != nil)
        for mode in [CacheMode.refresh, .bypass, .observe] {
            #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy(mode: mode)) == nil)
        }
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy(ttl: .seconds(60))) == nil, "fresh to others")
    }

    @Test func streamsAndMessagesShareEntriesBothWays() async throws {
        let streamed = try await self.fixture.stream(self.upstream)
        #expect(streamed.cache == .miss(.absent))
        let live = try await streamed.collected()
        await self.fixture.waitUntilIdle()
        let plain = try await self.fixture.respond(self.upstream)
        #expect(plain.cache == .hit(.memory, age: .zero))
        #expect(plain.body == CacheFixture.message)
        #expect(plain.headers.first == HTTPHeader("content-type", "application/json"))
        let replayed = try await self.fixture.stream(self.upstream)
        #expect(replayed.cache == .hit(.memory, age: .zero))
        #expect(replayed.headers.first == HTTPHeader("content-type", "text/event-stream; charset=utf-8"))
        #expect(replayed.details != nil)
        #expect(try await replayed.collected() == live)
        #expect(self.upstream.calls == [UpstreamCall(isStreaming: true)])
    }

    @Test func whatAPlainCallStoredIsReplayedToAStream() async throws {
        _ = try await self.fixture.respond(self.upstream)
        let events = try await self.fixture.stream(self.upstream).collected()
        #expect(names(events).first == "message_start" && names(events).last == "message_stop")
        var assembler = MessageAssembler()
        var parser = SSEParser()
        for event in try parser.feed(Array(events.joined())) { assembler.consume(event) }
        #expect(assembler.finish() == .message(CacheFixture.message))
    }

    @Test func changingAReturnedValueDoesNotChangeTheNext() async throws {
        var first = try await self.fixture.respond(self.upstream)
        first.body[0] = 0
        first.headers = []
        var second = try await self.fixture.respond(self.upstream)
        second.body.removeAll()
        #expect(try await self.fixture.respond(self.upstream).body == CacheFixture.message)
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy())?.envelope.body == CacheFixture.message)
    }

    @Test func upstreamBytesReachAStreamExactly() async throws {
        let events = [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}} }\n\n",
            ": a comment\n\n",
            "event: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}          }\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"} }\n\n",
            "event: something_new\ndata: {\"type\":\"something_new\"}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"   }\n\n",
        ].map { Array($0.utf8) }
        let bytes = Array(events.joined())
        for size in [1, 7, 100, bytes.count] {
            let chunks = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            let fixture = CacheFixture()
            let read = try await fixture.stream(ScriptedUpstream(.stream(chunks))).collected()
            #expect(Array(read.joined()) == bytes, "chunks of \(size)")
            await fixture.waitUntilIdle()
            #expect(fixture.cache.statistics.stored == 1)
        }
    }

    // MARK: Time to live

    @Test func aHitDoesNotExtendTheEntry() async throws {
        let policy = CachePolicy(ttl: .seconds(10))
        _ = try await self.fixture.respond(self.upstream, policy)
        for _ in 0..<9 {
            self.fixture.clock.advance(by: .seconds(1))
            #expect(try await self.fixture.respond(self.upstream, policy).cache.isSaved)
        }
        self.fixture.clock.advance(by: .seconds(1))
        let renewed = try await self.fixture.respond(self.upstream, policy)
        #expect(renewed.cache == .miss(.absent) || renewed.cache == .miss(.expired))
        #expect(self.upstream.callCount == 2)
    }

    @Test func theEarlierOfBothTimesCounts() async throws {
        _ = try await self.fixture.respond(self.upstream, CachePolicy(ttl: .seconds(10)))
        self.fixture.clock.advance(by: .seconds(5))
        #expect(try await self.fixture.respond(self.upstream, CachePolicy(ttl: .days(1))).cache.isSaved)
        #expect(try await self.fixture.respond(self.upstream, CachePolicy(ttl: .seconds(5))).cache == .miss(.expired))
        self.fixture.clock.advance(by: .seconds(4))
        #expect(
            try await self.fixture.respond(self.upstream, CachePolicy(ttl: .days(1))).cache
                == .hit(.memory, age: .seconds(4)), "the second answer replaced the first")
    }

    @Test func ttlZeroNeitherReadsNorStores() async throws {
        let none = CachePolicy(ttl: .zero)
        #expect(try await self.fixture.respond(self.upstream, none).cache == .miss(.ttlZero))
        #expect(self.cache.statistics.memory.entries == 0)
        #expect(self.cache.statistics.refused == [.policy: 1])
        _ = try await self.fixture.respond(self.upstream)
        #expect(try await self.fixture.respond(self.upstream, none).cache == .miss(.ttlZero))
        #expect(self.upstream.callCount == 3)
    }

    @Test func anInvalidPolicyIsRefused() async throws {
        await #expect(throws: CachePolicyError.self) {
            _ = try await self.fixture.respond(self.upstream, CachePolicy(ttl: .seconds(-1)))
        }
        await #expect(throws: CachePolicyError.self) {
            _ = try await self.fixture.stream(self.upstream, CachePolicy(tags: [""]))
        }
        #expect(self.upstream.callCount == 0)
    }

    // MARK: Modes

    @Test func bypassLeavesTheCacheOut() async throws {
        _ = try await self.fixture.respond(self.upstream)
        let policy = CachePolicy(mode: .bypass)
        #expect(try await self.fixture.respond(self.upstream, policy).cache == .bypassed(.mode))
        let stream = try await self.fixture.stream(self.upstream, policy)
        #expect(stream.cache == .bypassed(.mode))
        #expect(names(try await stream.collected()).last == "message_stop")
        #expect(self.upstream.callCount == 3)
        #expect(self.cache.statistics.stored == 1 && self.cache.statistics.bypassed == 2)
    }

    @Test func requestsWithoutAKeyPassThrough() async throws {
        let reason = CacheReason("unknown-tool")
        let plain = try await self.cache.respond(bypassing: reason, upstream: self.upstream.call)
        #expect(plain.cache == .bypassed(reason) && plain.body == CacheFixture.message)
        let stream = try await self.cache.stream(bypassing: reason, upstream: self.upstream.call)
        #expect(stream.cache == .bypassed(reason))
        _ = try await stream.collected()
        #expect(self.cache.statistics.memory.entries == 0)
    }

    @Test func refreshAsksAgainAndStores() async throws {
        let upstream = ScriptedUpstream { number, _ in .message(SampleMessage.json("answer \(number)")) }
        _ = try await self.fixture.respond(upstream)
        let refreshed = try await self.fixture.respond(upstream, CachePolicy(mode: .refresh))
        #expect(refreshed.cache == .miss(.refresh))
        let next = try await self.fixture.respond(upstream)
        #expect(next.cache.isSaved && next.body == SampleMessage.json("answer 1"))
    }

    @Test func readOnlyReadsAndDoesNotStore() async throws {
        let policy = CachePolicy(mode: .readOnly)
        #expect(try await self.fixture.respond(self.upstream, policy).cache == .miss(.absent))
        #expect(self.cache.statistics.memory.entries == 0)
        _ = try await self.fixture.respond(self.upstream)
        #expect(try await self.fixture.respond(self.upstream, policy).cache.isSaved)
    }

    @Test func onlyIfCachedNeverCallsUpstream() async throws {
        let policy = CachePolicy(mode: .onlyIfCached)
        await #expect(throws: CacheError.self) { _ = try await self.fixture.respond(self.upstream, policy) }
        await #expect(throws: CacheError.self) { _ = try await self.fixture.stream(self.upstream, policy) }
        #expect(self.upstream.callCount == 0)
        _ = try await self.fixture.respond(self.upstream)
        #expect(try await self.fixture.respond(self.upstream, policy).cache.isSaved)
        #expect(try await self.fixture.stream(self.upstream, policy).cache.isSaved)
        #expect(self.upstream.callCount == 1)
    }

    @Test func observeForwardsEverythingAndTellsWhatWouldHaveBeen() async throws {
        let policy = CachePolicy(ttl: .seconds(10), mode: .observe)
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            .message(SampleMessage.json("answer \(number)"), after: number < 2 ? [.wait(gate)] : [])
        }
        async let first = self.fixture.respond(upstream, policy)
        await upstream.waitForCalls(1)
        async let second = self.fixture.respond(upstream, policy)
        await upstream.waitForCalls(2)
        gate.open()
        let statuses = try await [first.cache, second.cache]
        #expect(statuses == [.bypassed(.observedMiss), .bypassed(.observedJoin)])
        await self.fixture.waitUntilIdle()
        self.fixture.clock.advance(by: .seconds(9))
        let hit = try await self.fixture.respond(upstream, policy)
        #expect(hit.cache == .bypassed(.observedHit))
        #expect(hit.body == SampleMessage.json("answer 2"))
        await self.fixture.waitUntilIdle()
        self.fixture.clock.advance(by: .seconds(1))
        #expect(
            try await self.fixture.respond(upstream, policy).cache == .bypassed(.observedMiss),
            "what a hit would have spared must not have extended the entry")
        #expect(upstream.callCount == 4)
        let statistics = self.cache.statistics
        #expect(statistics.observedHits == 1 && statistics.observedJoins == 1 && statistics.bypassed == 4)
    }

    // MARK: Repeated tool calls

    @Test func aHitThatRepeatsAToolCallOfTheRequestIsBypassed() async throws {
        let upstream = ScriptedUpstream(message: SampleMessage.toolCall(id: "toolu_1"))
        _ = try await self.fixture.respond(upstream)
        let other = self.fixture.request(toolUseIDs: ["toolu_0"])
        #expect(try await self.cache.respond(to: other, upstream: upstream.call).cache.isSaved)
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy(), toolUseIDs: { ["toolu_0"] }) != nil)
        let same = self.fixture.request(toolUseIDs: ["toolu_0", "toolu_1"])
        #expect(
            try await self.cache.respond(to: same, upstream: upstream.call).cache == .bypassed(.toolUseRepeated))
        #expect(
            try await self.cache.stream(same, upstream: upstream.call).cache == .bypassed(.toolUseRepeated))
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy(), toolUseIDs: { ["toolu_1"] }) == nil)
        #expect(upstream.callCount == 3)
    }

    @Test func theIDsAreNotAskedForWithoutNeed() async throws {
        _ = try await self.fixture.respond(self.upstream)
        var request = self.fixture.request()
        request.toolUseIDs = {
            Issue.record("the stored answer has no tool calls")
            return []
        }
        #expect(try await self.cache.respond(to: request, upstream: self.upstream.call).cache.isSaved)
    }

    // MARK: Shutdown

    @Test func shutdownWaitsForCallersAndStopsTheRest() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        async let waiting = self.fixture.respond(upstream)
        await upstream.waitForCalls(1)
        let abandoned = Task {
            try await self.cache.respond(
                to: self.fixture.request(key: RequestKey(memoizing: "2", in: "")), upstream: upstream.call)
        }
        await upstream.waitForCalls(2)
        abandoned.cancel()
        _ = await abandoned.result
        async let down: Void = self.cache.shutdown()
        await upstream.waitForCancellations(1)
        gate.open()
        #expect(try await waiting.body == CacheFixture.message)
        await down
        await #expect(throws: CacheError.self) { _ = try await self.fixture.respond(self.upstream) }
        await #expect(throws: CacheError.self) { _ = try await self.fixture.stream(self.upstream) }
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy()) == nil)
        #expect(self.cache.statistics.inFlightBytes == 0)
    }
}
