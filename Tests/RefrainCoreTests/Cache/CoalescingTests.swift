import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

/// One upstream call for all who ask the same at once.
@Suite(.timeLimit(.minutes(3))) struct CoalescingTests {
    let fixture = CacheFixture()
    var cache: ResponseCache { self.fixture.cache }

    /// The events of a message of many small pieces.
    static func events(_ count: Int = 40) throws -> [[UInt8]] {
        let whole = try MessageReplayer.events(for: SampleMessage.json("word "))
        let deltas = (0..<count).map { number in
            ServerSentEvent(
                name: "content_block_delta",
                data: Array(
                    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(number) "}}"#.utf8
                )
            ).raw
        }
        let at = names(whole).firstIndex(of: "content_block_stop") ?? 0
        return Array(whole[..<at]) + deltas + Array(whole[at...])
    }

    @Test func aThousandPlainCallersMakeOneCall() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        let statuses = try await withThrowingTaskGroup(of: CachedResponse.self) { group in
            for _ in 0..<1_000 { group.addTask { try await self.fixture.respond(upstream) } }
            await self.fixture.waitForCallers(1_000)
            gate.open()
            return try await group.reduce(into: [CacheStatus: Int]()) { counts, answer in
                #expect(answer.body == CacheFixture.message)
                counts[answer.cache, default: 0] += 1
            }
        }
        #expect(statuses == [.miss(.absent): 1, .joined: 999])
        #expect(upstream.callCount == 1)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.inFlightBytes == 0)
    }

    @Test func aThousandStreamsMakeOneCallAndEachGetsEveryEvent() async throws {
        let gate = Gate()
        let events = try Self.events()
        let upstream = ScriptedUpstream(.stream(events, after: [.wait(gate)]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1_000 {
                group.addTask {
                    let read = try await self.fixture.stream(upstream).collected()
                    #expect(read == events)
                }
            }
            await self.fixture.waitForCallers(1_000)
            gate.open()
            try await group.waitForAll()
        }
        #expect(upstream.callCount == 1)
        #expect(self.cache.statistics.joined == 999)
    }

    @Test(arguments: [true, false]) func plainAndStreamingCallersShareAFlight(_ leaderStreams: Bool) async throws {
        let gate = Gate()
        let events = try MessageReplayer.events(for: CacheFixture.message)
        let upstream = ScriptedUpstream { _, call in
            call.isStreaming
                ? .stream(events, after: [.wait(gate)]) : .message(CacheFixture.message, after: [.wait(gate)])
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    if (number % 2 == 0) == leaderStreams {
                        let read = try await self.fixture.stream(upstream).collected()
                        #expect(read == events)
                    } else {
                        let answer = try await self.fixture.respond(upstream)
                        #expect(answer.body == CacheFixture.message)
                        #expect(
                            answer.headers.filter { $0.name == "content-type" }.map(\.value) == ["application/json"])
                    }
                }
                if number == 0 { await upstream.waitForCalls(1) }
            }
            await self.fixture.waitForCallers(200)
            gate.open()
            try await group.waitForAll()
        }
        #expect(upstream.calls == [UpstreamCall(isStreaming: leaderStreams)])
    }

    @Test func aLateStreamGetsEveryEventFromTheFirstAndLive() async throws {
        let events = try Self.events()
        let gates = events.map { _ in Gate() }
        let upstream = ScriptedUpstream(
            .stream(steps: zip(events, gates).flatMap { [.wait($1), .bytes($0)] }))
        let opening = Task { try await self.fixture.stream(upstream) }
        for gate in gates[..<10] { gate.open() }
        var first = try await opening.value.makeAsyncIterator()
        for event in events[..<10] { #expect(try await first.next() == event) }
        let stream = try await self.fixture.stream(upstream)
        #expect(stream.cache == .joined)
        var late = stream.makeAsyncIterator()
        for event in events[..<10] { #expect(try await late.next() == event) }
        // Live: each event reaches both before the next one is sent.
        for (event, gate) in zip(events, gates).dropFirst(10) {
            gate.open()
            #expect(try await first.next() == event)
            #expect(try await late.next() == event)
        }
        #expect(try await first.next() == nil)
        #expect(try await late.next() == nil)
        #expect(upstream.callCount == 1)
    }

    @Test func aSlowReaderHoldsNobodyUpAndIsCutOff() async throws {
        let fixture = CacheFixture(limits: .init(followerLagBytes: 1_000))
        let events = try Self.events(100)
        let gate = Gate()
        let upstream = ScriptedUpstream(.stream(events, after: [.wait(gate)]))
        async let slowStream = fixture.stream(upstream)
        await fixture.waitForCallers(1)
        async let quickStream = fixture.stream(upstream)
        async let plain = fixture.respond(upstream)
        await fixture.waitForCallers(3)
        gate.open()
        let slow = try await slowStream
        #expect(try await plain.cache == .joined)
        // The quick one is as far behind as the slow one until it reads; both were cut off by then.
        _ = try await quickStream.collected()
        let read = try await slow.collected()
        #expect(names(read) == ["error"])
        #expect(String(decoding: read.joined(), as: UTF8.self).contains("too slowly"))
        await fixture.waitUntilIdle()
        #expect(fixture.cache.statistics.stored == 1)
    }

    @Test func aReaderThatKeepsUpIsNotDisturbedByASlowOne() async throws {
        let fixture = CacheFixture(limits: .init(followerLagBytes: 1_000))
        let events = try Self.events(100)
        let gates = events.map { _ in Gate() }
        let upstream = ScriptedUpstream(.stream(steps: zip(events, gates).flatMap { [.wait($1), .bytes($0)] }))
        async let slowStream = fixture.stream(upstream)
        await fixture.waitForCallers(1)
        async let quickStream = fixture.stream(upstream)
        await fixture.waitForCallers(2)
        gates[0].open()
        let slow = try await slowStream
        var quick = try await quickStream.makeAsyncIterator()
        for (event, gate) in zip(events, gates) {
            gate.open()
            #expect(try await quick.next() == event)
        }
        #expect(try await quick.next() == nil)
        #expect(names(try await slow.collected()) == ["error"])
    }

    // MARK: Leaving

    @Test func aCancelledFollowerDisturbsNobody() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        async let leader = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(1)
        let follower = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(2)
        follower.cancel()
        await #expect(throws: CancellationError.self) { _ = try await follower.value }
        gate.open()
        #expect(try await leader.cache == .miss(.absent))
        #expect(upstream.cancelledCount == 0)
    }

    @Test func aCancelledLeaderDoesNotEndTheFlight() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        let leader = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(1)
        async let follower = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(2)
        leader.cancel()
        await #expect(throws: CancellationError.self) { _ = try await leader.value }
        gate.open()
        #expect(try await follower.cache == .joined)
        #expect(upstream.callCount == 1 && upstream.cancelledCount == 0)
    }

    @Test func cancelledStreamsEndWithACancellation() async throws {
        let upstream = ScriptedUpstream(.stream(steps: [.bytes(try Self.events()[0]), .hang]))
        let reading = Task {
            var iterator = try await self.fixture.stream(upstream, CachePolicy(onAbandon: .cancel)).makeAsyncIterator()
            _ = try await iterator.next()
            _ = try await iterator.next()
        }
        await upstream.waitForCalls(1)
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        await upstream.waitForCancellations(1)
        await self.fixture.waitUntilIdle()
    }

    @Test func anAbandonedCallFinishesAndIsStored() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        let caller = Task { try await self.fixture.respond(upstream) }
        await upstream.waitForCalls(1)
        caller.cancel()
        await #expect(throws: CancellationError.self) { _ = try await caller.value }
        // It waits for somebody to come back; somebody does, and joins.
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .minutes(9))
        async let back = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(1)
        self.fixture.clock.advance(by: .minutes(9))
        gate.open()
        #expect(try await back.cache == .joined)
        #expect(upstream.callCount == 1)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.stored == 1)
    }

    @Test func anAbandonedCallIsGivenUpAfterItsTime() async throws {
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.hang]))
        let caller = Task { try await self.fixture.respond(upstream) }
        await upstream.waitForCalls(1)
        caller.cancel()
        _ = await caller.result
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .minutes(10) - .nanoseconds(1))
        #expect(upstream.cancelledCount == 0)
        self.fixture.clock.advance(by: .nanoseconds(1))
        await upstream.waitForCancellations(1)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.flights == 0)
        #expect(self.fixture.clock.sleeperCount == 0)
    }

    @Test func comingBackAndLeavingAgainStartsTheTimeAnew() async throws {
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.hang]))
        for round in 0..<3 {
            let caller = Task { try await self.fixture.respond(upstream) }
            await self.fixture.waitForCallers(1)
            await upstream.waitForCalls(1)
            caller.cancel()
            _ = await caller.result
            await self.fixture.clock.waitForSleepers(1)
            self.fixture.clock.advance(by: .minutes(9))
            #expect(upstream.cancelledCount == 0, "round \(round)")
        }
        // The watch has seen the older times end one by one, and sleeps for what is left of the last.
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .minutes(9))
        await upstream.waitForCancellations(1)
        #expect(upstream.callCount == 1)
        await self.fixture.waitUntilIdle()
    }

    @Test func theLastToLeaveCancelsWhereItsPolicySaysSo() async throws {
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.hang]))
        let policy = CachePolicy(onAbandon: .cancel)
        let callers = (0..<3).map { _ in Task { try await self.fixture.respond(upstream, policy) } }
        await self.fixture.waitForCallers(3)
        for caller in callers {
            #expect(upstream.cancelledCount == 0)
            caller.cancel()
            _ = await caller.result
        }
        await upstream.waitForCancellations(1)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.inFlightBytes == 0)
    }

    @Test func anAbandonedCallThatStoresNothingIsCancelledAtOnce() async throws {
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.hang]))
        let caller = Task { try await self.fixture.respond(upstream, CachePolicy(ttl: .zero)) }
        await upstream.waitForCalls(1)
        caller.cancel()
        await upstream.waitForCancellations(1)
    }

    @Test func lettingGoOfAStreamIsLeaving() async throws {
        let upstream = ScriptedUpstream(.stream(steps: [.bytes(try Self.events()[0]), .hang]))
        do {
            let stream = try await self.fixture.stream(upstream, CachePolicy(onAbandon: .cancel))
            #expect(stream.cache == .miss(.absent))
        }
        await upstream.waitForCancellations(1)
        await self.fixture.waitUntilIdle()
    }

    /// Callers that come, go and are cancelled at any moment: whoever stays gets everything, and nothing is left over.
    @Test(arguments: 0..<8) func randomCancellations(_ seed: Int) async throws {
        let events = try Self.events(20)
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<20 {
            let key = RequestKey(memoizing: "\(random.next())", in: "random")
            let upstream = ScriptedUpstream { _, call in
                call.isStreaming ? .stream(events) : .message(CacheFixture.message)
            }
            let plan = (0..<30).map { _ in
                (
                    streams: Bool.random(using: &random), isCancelled: Bool.random(using: &random),
                    delay: Int.random(in: 0..<40, using: &random),
                    policy: CachePolicy(onAbandon: Bool.random(using: &random) ? .finish : .cancel)
                )
            }
            await withTaskGroup(of: Void.self) { group in
                for caller in plan {
                    group.addTask {
                        let task = Task {
                            let request = self.fixture.request(caller.policy, key: key)
                            if caller.streams {
                                let read = try await self.cache.stream(request, upstream: upstream.call).collected()
                                #expect(names(read).first == "message_start" && names(read).last == "message_stop")
                            } else {
                                let answer = try await self.cache.respond(to: request, upstream: upstream.call)
                                #expect(answer.body.last == UInt8(ascii: "}"))
                            }
                        }
                        for _ in 0..<caller.delay { await Task.yield() }
                        if caller.isCancelled { task.cancel() }
                        switch await task.result {
                        case .success: break
                        case .failure(let error):
                            #expect(error is CancellationError && caller.isCancelled, "\(error)")
                        }
                    }
                }
            }
        }
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.inFlightBytes == 0 && self.cache.statistics.flights == 0)
        #expect(self.fixture.clock.sleeperCount == 0)
    }

    // MARK: Streams that wait for a whole answer

    @Test func aStreamThatWaitsForAMessageIsKeptAlive() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(CacheFixture.message, after: [.wait(gate)]))
        async let leader = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(1)
        async let opening = self.fixture.stream(upstream)
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .seconds(5))
        let stream = try await opening
        #expect(stream.cache == .joined && stream.status == 200)
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next().map { names([$0]) } == ["ping"])
        let reading = Task { [iterator] in
            var iterator = iterator
            return try await iterator.next()
        }
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .seconds(5))
        #expect(try await reading.value.map { names([$0]) } == ["ping"])
        gate.open()
        _ = try await leader
        let rest = try await stream.collected()
        #expect(rest == (try MessageReplayer.events(for: CacheFixture.message)))
        await self.fixture.waitUntilIdle()
        #expect(self.fixture.clock.sleeperCount == 0)
    }

    @Test func aFailureAfterTheFirstPingIsAnErrorEvent() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.error(529, type: "overloaded_error", message: "busy", after: [.wait(gate)]))
        let leader = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(1)
        async let opening = self.fixture.stream(upstream)
        await self.fixture.clock.waitForSleepers(1)
        self.fixture.clock.advance(by: .seconds(5))
        let stream = try await opening
        gate.open()
        let read = try await stream.collected()
        #expect(names(read) == ["ping", "error"])
        #expect(String(decoding: read[1], as: UTF8.self).contains(#""overloaded_error","message":"busy""#))
        _ = await leader.result
    }

    @Test func aFailureBeforeTheFirstPingIsAnError() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.error(529, type: "overloaded_error", after: [.wait(gate)]))
        let leader = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(1)
        let opening = Task { try await self.fixture.stream(upstream) }
        await self.fixture.waitForCallers(2)
        gate.open()
        await #expect(throws: UpstreamResponseError.self) { _ = try await opening.value }
        _ = await leader.result
    }

    // MARK: Streams that no message can be made of

    @Test func anUnknownDeltaAnswersStreamsOnly() async throws {
        var events = try Self.events(2)
        events[3] =
            ServerSentEvent(
                name: "content_block_delta",
                data: Array(#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":1}}"#.utf8)
            ).raw
        let gate = Gate()
        let script = events
        let upstream = ScriptedUpstream { _, call in
            call.isStreaming ? .stream(script, after: [.wait(gate)]) : .message(CacheFixture.message)
        }
        async let leader = self.fixture.stream(upstream)
        await self.fixture.waitForCallers(1)
        async let plain1 = self.fixture.respond(upstream)
        async let plain2 = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(3)
        gate.open()
        #expect(try await leader.collected() == events)
        #expect(try await plain1.body == CacheFixture.message)
        #expect(try await plain2.body == CacheFixture.message)
        #expect(upstream.calls.filter(\.isStreaming).count == 1)
        #expect(upstream.calls.filter { !$0.isStreaming }.count <= 2)
        await self.fixture.waitUntilIdle()
        // What was stored last is the message, and it answers both.
        #expect(try await self.fixture.respond(upstream).cache.isSaved)
        #expect(try await self.fixture.stream(upstream).cache.isSaved)
    }

    @Test func eventsAreKeptForStreamsAndPlainCallersAsk() async throws {
        var events = try Self.events(2)
        events[3] =
            ServerSentEvent(
                name: "content_block_delta",
                data: Array(#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":1}}"#.utf8)
            ).raw
        let script = events
        let upstream = ScriptedUpstream { _, call in
            call.isStreaming ? .stream(script) : .message(CacheFixture.message)
        }
        _ = try await self.fixture.stream(upstream).collected()
        await self.fixture.waitUntilIdle()
        let again = try await self.fixture.stream(upstream)
        #expect(again.cache.isSaved)
        #expect(try await again.collected() == events)
        #expect(self.cache.lookup(CacheFixture.key, policy: CachePolicy()) == nil)
        #expect(try await self.fixture.respond(upstream).cache == .miss(.eventsOnly))
    }
}
