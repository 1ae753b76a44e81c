import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

/// What callers get when upstream fails, and that nothing of it is kept.
@Suite(.timeLimit(.minutes(2))) struct FailureTests {
    struct Broken: Error, Equatable {}

    let fixture = CacheFixture()
    var cache: ResponseCache { self.fixture.cache }

    static func error(_ body: () async throws -> Void) async -> (any Error)? {
        do {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Before the answer begins

    @Test(arguments: [400, 401, 402, 403, 404, 408, 409, 413, 429, 500, 503, 504, 529, 204, 302])
    func aStatusReachesTheCallerAsItCame(_ status: Int) async throws {
        let headers = [HTTPHeader("retry-after", "7"), HTTPHeader("x-should-retry", "true")]
        let upstream = ScriptedUpstream(.error(status, type: "some_error", message: "héllo", headers: headers))
        let expected = UpstreamResponseError(
            status: status, headers: [HTTPHeader("content-type", "application/json")] + headers,
            body: Array(#"{"type":"error","error":{"type":"some_error","message":"héllo"}}"#.utf8))
        for policy in [CachePolicy(), CachePolicy(mode: .bypass), CachePolicy(mode: .refresh)] {
            let plain = await Self.error { _ = try await self.fixture.respond(upstream, policy) }
            #expect(plain as? UpstreamResponseError == expected)
            let streamed = await Self.error { _ = try await self.fixture.stream(upstream, policy) }
            #expect(streamed as? UpstreamResponseError == expected)
        }
        #expect(!expected.description.contains("héllo"), "a body may quote the request")
        #expect(self.cache.statistics.memory.entries == 0)
        #expect(self.cache.statistics.refused == [.status: 4])
    }

    @Test(arguments: [413, 500, 529]) func followersGetTheLeadersError(_ status: Int) async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(
            .error(status, headers: [HTTPHeader("retry-after", "3")], after: [.wait(gate)]))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let error =
                        number % 2 == 0
                        ? await Self.error { _ = try await self.fixture.respond(upstream, credential: "\(number)") }
                        : await Self.error { _ = try await self.fixture.stream(upstream, credential: "\(number)") }
                    #expect((error as? UpstreamResponseError)?.status == status)
                    #expect((error as? UpstreamResponseError)?.headers.last == HTTPHeader("retry-after", "3"))
                }
            }
            await self.fixture.waitForCallers(50)
            gate.open()
        }
        #expect(upstream.callCount == 1, "no herd")
    }

    @Test(arguments: [400, 401, 402, 403, 404, 429]) func anErrorOfOneCredentialIsNotAnothers(_ status: Int)
        async throws
    {
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .error(status, after: [.wait(gate)]) : .message(CacheFixture.message)
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await Self.error { _ = try await self.fixture.respond(upstream, credential: "a") }
                #expect((error as? UpstreamResponseError)?.status == status)
            }
            await self.fixture.waitForCallers(1)
            for number in 1..<40 {
                let credential = number % 2 == 0 ? "a" : "b"
                group.addTask {
                    do {
                        let answer = try await self.fixture.respond(upstream, credential: credential)
                        #expect(credential == "b" && answer.body == CacheFixture.message)
                    } catch {
                        #expect(credential == "a" && (error as? UpstreamResponseError)?.status == status)
                    }
                }
            }
            await self.fixture.waitForCallers(40)
            gate.open()
        }
        #expect(upstream.callCount == 2)
        #expect(self.cache.statistics.promotions == 1)
        #expect(self.cache.statistics.stored == 1)
    }

    @Test func aThrownErrorReachesItsCallerAndOneOtherIsPromoted() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream { number, _ in
            number == 0
                ? .message([], after: [.wait(gate), .fail(Broken())]) : .message(CacheFixture.message)
        }
        let leader = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(1)
        async let stream = self.fixture.stream(upstream)
        await self.fixture.waitForCallers(2)
        async let plain = self.fixture.respond(upstream)
        await self.fixture.waitForCallers(3)
        gate.open()
        await #expect(throws: Broken.self) { _ = try await leader.value }
        #expect(names(try await stream.collected()).last == "message_stop")
        #expect(try await plain.body == CacheFixture.message)
        #expect(upstream.calls.map(\.isStreaming) == [false, true], "the second call is the stream's own")
    }

    @Test func whereUpstreamCannotBeReachedTwoCallsAreEnough() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message([], after: [.wait(gate), .fail(Broken())]))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    let error = await Self.error { _ = try await self.fixture.respond(upstream) }
                    #expect(error is Broken)
                }
            }
            await self.fixture.waitForCallers(100)
            gate.open()
        }
        #expect(upstream.callCount == 2)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.inFlightBytes == 0)
    }

    @Test func aCancellationOfTheCallItselfIsNoCancellationOfItsCallers() async throws {
        let upstream = ScriptedUpstream(.message([], after: [.fail(CancellationError())]))
        let error = await Self.error { _ = try await self.fixture.respond(upstream) }
        #expect((error as? CacheError)?.code == .abandoned)
    }

    @Test func theErrorOfAFunctionThatThrowsAResponseIsThatResponse() async throws {
        let thrown = UpstreamResponseError(status: 429, headers: [], body: [1])
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .message([], after: [.fail(thrown)]) : .message(CacheFixture.message)
        }
        let error = await Self.error { _ = try await self.fixture.respond(upstream) }
        #expect(error as? UpstreamResponseError == thrown)
    }

    // MARK: Cut short

    /// At every event: the stream ends, or breaks, before it is whole.
    @Test(arguments: [true, false]) func aStreamThatIsCutShortIsNeverWhole(_ breaks: Bool) async throws {
        let events = try CoalescingTests.events(3)
        for count in 0..<events.count {
            for chunked in [true, false] {
                let fixture = CacheFixture()
                let gate = Gate()
                let bytes = Array(events.prefix(count).joined())
                // Unchunked, the cut is in the middle of an event.
                let part = chunked ? bytes : bytes + events[count].dropLast(3)
                var steps: [ScriptedUpstream.Step] = [.wait(gate), .bytes(part)]
                if breaks { steps.append(.fail(Broken())) }
                let upstream = ScriptedUpstream(.stream(steps: steps))
                async let streamed = fixture.stream(upstream)
                await fixture.waitForCallers(1)
                let plain = Task { try await fixture.respond(upstream) }
                await fixture.waitForCallers(2)
                gate.open()
                let read = try await streamed.collected()
                let isLastOpen = !chunked && count == events.count - 1 && !breaks
                if !isLastOpen {
                    #expect(names(read).last == "error", "\(count)")
                    #expect(!names(read).contains("message_stop"))
                    let error = await Self.error { _ = try await plain.value }
                    #expect((error as? CacheError)?.code == .incomplete, "\(count): \(error as Any)")
                }
                _ = await plain.result
                await fixture.waitUntilIdle()
                #expect(fixture.cache.statistics.stored == 0 || isLastOpen)
                // Alone, too.
                if chunked {
                    let alone = try await fixture.stream(
                        ScriptedUpstream(.stream(steps: Array(steps.dropFirst()))), CachePolicy(mode: .bypass))
                    #expect(names(try await alone.collected()).last == "error")
                }
            }
        }
    }

    @Test func aBreakAfterTheEndIsNone() async throws {
        let events = try CoalescingTests.events(3)
        let steps = events.map { ScriptedUpstream.Step.bytes($0) } + [.fail(Broken())]
        let read = try await self.fixture.stream(ScriptedUpstream(.stream(steps: steps))).collected()
        #expect(read == events)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.stored == 1)
    }

    @Test func anErrorEventReachesStreamsAsItCameAndOthersAsAnError() async throws {
        let gate = Gate()
        let error = Array(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"} }\n\n"
                .utf8)
        let events = Array(try CoalescingTests.events(3)[..<4]) + [error]
        let upstream = ScriptedUpstream(.stream(events, after: [.wait(gate)]))
        async let streamed = self.fixture.stream(upstream)
        await self.fixture.waitForCallers(1)
        let plain = Task { try await self.fixture.respond(upstream) }
        await self.fixture.waitForCallers(2)
        gate.open()
        #expect(try await streamed.collected() == events)
        let caught = await Self.error { _ = try await plain.value } as? UpstreamResponseError
        #expect(caught?.status == 529)
        #expect(caught.map { String(decoding: $0.body, as: UTF8.self).contains("Overloaded") } == true)
        #expect(self.cache.statistics.memory.entries == 0)
    }

    @Test func aPlainBodyThatIsCutShortIsAnError() async throws {
        let half = Array(CacheFixture.message.prefix(40))
        var script = ScriptedUpstream.Script.message(half)
        script.body.append(.fail(Broken()))
        for policy in [CachePolicy(), CachePolicy(mode: .bypass)] {
            await #expect(throws: Broken.self) {
                _ = try await self.fixture.respond(ScriptedUpstream(script), policy)
            }
        }
        #expect(self.cache.statistics.memory.entries == 0)
    }

    @Test func anErrorIsNotRememberedByTheNext() async throws {
        let upstream = ScriptedUpstream { number, _ in
            number == 0 ? .error(400, type: "invalid_request_error") : .message(CacheFixture.message)
        }
        _ = await Self.error { _ = try await self.fixture.respond(upstream) }
        #expect(try await self.fixture.respond(upstream).cache == .miss(.absent))
    }

    // MARK: Whole, and not stored

    static let unstorable: [(name: String, body: [UInt8], reason: CacheReason)] = [
        ("error", Array(#"{"type":"error","error":{"type":"api_error","message":"x"}}"#.utf8), .errorBody),
        ("empty body", [], .notAMessage),
        ("no JSON", Array("<html>".utf8), .notAMessage),
        ("half a JSON", Array(CacheFixture.message.dropLast(5)), .notAMessage),
        ("another object", Array("{}".utf8), .notAMessage),
        ("empty", SampleMessage.json(""), .emptyContent),
        ("max_tokens", SampleMessage.json("x", stopReason: "max_tokens"), .maxTokens),
        ("refusal", SampleMessage.json("x", stopReason: "refusal"), .refusal),
        ("pause_turn", SampleMessage.json("x", stopReason: "pause_turn"), .pauseTurn),
        ("compaction", SampleMessage.json("x", stopReason: "compaction"), .compaction),
        (
            "context window", SampleMessage.json("x", stopReason: "model_context_window_exceeded"),
            .contextWindowExceeded
        ),
        ("unknown", SampleMessage.json("x", stopReason: "brand_new"), .unknownStopReason),
        ("null", SampleMessage.json("x", stopReason: nil), .noStopReason),
        (
            "server tool",
            SampleMessage.json(
                content: #"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
                stopReason: "end_turn", model: "m", id: "i"), .serverTools
        ),
        ("model name", SampleMessage.json("x", model: String(repeating: "m", count: 200)), .labelTooLong),
    ]

    @Test(arguments: Self.unstorable.indices) func isGivenAndNotKept(_ index: Int) async throws {
        let (name, body, reason) = Self.unstorable[index]
        let upstream = ScriptedUpstream(.message(body))
        for count in 1...2 {
            let answer = try await self.fixture.respond(upstream)
            #expect(answer.body == body && answer.cache == .miss(.absent), "\(name)")
            #expect(self.cache.statistics.refused == [reason: count], "\(name)")
        }
        #expect(self.cache.statistics.memory.entries == 0)
        // A stream that shares such a call is never told that a message came where none did.
        let events = try await self.fixture.stream(upstream).collected()
        if [.errorBody, .notAMessage].contains(reason) { #expect(names(events) == ["error"], "\(name)") }
    }

    @Test(arguments: ["max_tokens", "refusal", "pause_turn", "brand_new"])
    func streamsOfUnstorableMessagesAreGivenAndNotKept(_ stopReason: String) async throws {
        let events = try MessageReplayer.events(for: SampleMessage.json("x", stopReason: stopReason))
        let upstream = ScriptedUpstream(.stream(events))
        #expect(try await self.fixture.stream(upstream).collected() == events)
        await self.fixture.waitUntilIdle()
        #expect(self.cache.statistics.memory.entries == 0)
        #expect(self.cache.statistics.refused.count == 1)
    }

    @Test func aStreamWithoutAStopReasonIsGivenAsItCame() async throws {
        var events = try CoalescingTests.events(2)
        let at = names(events).firstIndex(of: "message_delta") ?? 0
        events[at] =
            ServerSentEvent(
                name: "message_delta",
                data: Array(#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{}}"#.utf8)
            ).raw
        let upstream = ScriptedUpstream(.stream(events))
        #expect(try await self.fixture.stream(upstream).collected() == events)
        await #expect(throws: CacheError.self) { _ = try await self.fixture.respond(upstream) }
        #expect(self.cache.statistics.memory.entries == 0)
    }

    @Test func maxTokensIsStoredWhereThePolicySaysSo() async throws {
        let policy = CachePolicy(storable: [.endTurn, .maxTokens])
        let upstream = ScriptedUpstream(.message(SampleMessage.json("x", stopReason: "max_tokens")))
        _ = try await self.fixture.respond(upstream, policy)
        #expect(try await self.fixture.respond(upstream, policy).cache.isSaved)
    }
}
