import RefrainCore
import RefrainKeys
import Testing

@testable import Refrain

struct RetryStateTests {
    private static let now = Timestamp(milliseconds: 784_111_777_000)

    private static func action(
        _ status: Int, _ headers: [HTTPHeader] = [], policy: RetryPolicy = .init(), isReplayable: Bool = true,
        random: Double = 0
    ) -> RetryState.Action {
        var state = RetryState(policy: policy, isReplayable: isReplayable)
        return state.attemptEnded(.response(status: status, headers: headers), random: random, now: Self.now)
    }

    @Test func theStatusesThatAreRetried() {
        let retried = (100...999).filter { Self.action($0) != .finish }
        #expect(retried == [408, 409, 429] + Array(500...999))
    }

    @Test func theServerDecidesWhereItSays() {
        for status in [301, 400, 404, 408, 429, 500] {
            #expect(Self.action(status, [HTTPHeader("x-should-retry", "true")]) == .retry(after: .milliseconds(500)))
            #expect(Self.action(status, [HTTPHeader("x-should-retry", "false")]) == .finish)
        }
        #expect(Self.action(200, [HTTPHeader("x-should-retry", "true")]) == .finish)
        #expect(Self.action(400, [HTTPHeader("x-should-retry", "maybe")]) == .finish)
        #expect(Self.action(500, [HTTPHeader("x-should-retry", "maybe")]) != .finish)
    }

    @Test func transportErrorsAreRetriedUnlessTheyWouldLast() {
        let retried: [TransportError.Code] = [
            .resolve, .connect, .proxy, .tls, .send, .noResponse, .malformedResponse, .truncated, .connectTimeout,
            .firstByteTimeout, .idleTimeout, .deadline,
        ]
        let final: [TransportError.Code] = [
            .invalidRequest, .certificate, .upload, .tooLarge, .cancelled, .closed, .unexpected,
        ]
        for (codes, expected) in [(retried, RetryState.Action.retry(after: .milliseconds(500))), (final, .finish)] {
            for code in codes {
                var state = RetryState(policy: .init(), isReplayable: true)
                let error = TransportError(code, during: .connect, "")
                #expect(state.attemptEnded(.failure(error), random: 0, now: Self.now) == expected, "\(code)")
            }
        }
    }

    @Test func theBackOffDoublesUpToItsBoundWithJitter() {
        for (random, factor) in [(0.0, 1.0), (1.0, 0.75), (0.5, 0.875)] {
            var state = RetryState(policy: .init(maximumRetries: 100), isReplayable: true)
            for seconds in [0.5, 1, 2, 4, 8, 8, 8] {
                #expect(
                    state.attemptEnded(.response(status: 529, headers: []), random: random, now: Self.now)
                        == .retry(after: .seconds(seconds * factor)))
            }
            for _ in 7..<100 {
                #expect(
                    state.attemptEnded(.response(status: 529, headers: []), random: random, now: Self.now)
                        == .retry(after: .seconds(8 * factor)))
            }
            #expect(state.attemptEnded(.response(status: 529, headers: []), random: 0, now: Self.now) == .finish)
        }
    }

    @Test func theNumberOfRetriesIsBounded() {
        for maximum in [-1, 0, 1, 2, 5] {
            var state = RetryState(policy: .init(maximumRetries: maximum), isReplayable: true)
            var retries = 0
            while state.attemptEnded(.response(status: 500, headers: []), random: 0, now: Self.now) != .finish {
                retries += 1
            }
            #expect(retries == max(maximum, 0))
        }
        #expect(Self.action(500, policy: .never) == .finish)
    }

    @Test func aBodyThatIsGoneIsNotSentAgain() {
        #expect(Self.action(500, isReplayable: false) == .finish)
        var state = RetryState(policy: .init(), isReplayable: false)
        let error = TransportError(.connect, during: .connect, "")
        #expect(state.attemptEnded(.failure(error), random: 0, now: Self.now) == .finish)
    }

    @Test func theServersWaitIsHonouredInFull() {
        #expect(Self.action(429, [HTTPHeader("retry-after", "120")], random: 1) == .retry(after: .seconds(120)))
        #expect(Self.action(429, [HTTPHeader("retry-after", "1.5")]) == .retry(after: .milliseconds(1_500)))
        #expect(
            Self.action(429, [HTTPHeader("retry-after", "7"), HTTPHeader("retry-after-ms", "250")])
                == .retry(after: .milliseconds(250)))
        #expect(
            Self.action(503, [HTTPHeader("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")])
                == .retry(after: .seconds(10)))
    }

    @Test func aWaitThatIsTooLongForThePolicyIsNotBegun() {
        let policy = RetryPolicy(longestServerDelay: .seconds(60))
        #expect(Self.action(429, [HTTPHeader("retry-after", "60")], policy: policy) == .retry(after: .seconds(60)))
        #expect(Self.action(429, [HTTPHeader("retry-after", "61")], policy: policy) == .finish)
    }

    @Test(arguments: ["0", "-1", "nan", "soon", "", "Sun, 06 Nov 1994 08:49:36 GMT", "-inf"])
    func aWaitThatIsNoneLeavesTheBackOff(_ value: String) {
        #expect(Self.action(429, [HTTPHeader("retry-after", value)]) == .retry(after: .milliseconds(500)))
    }

    @Test(arguments: ["1e300", "inf", "99999999999999999999"])
    func anAbsurdWaitDoesNotOverflow(_ value: String) {
        #expect(RetryAfter.delay(in: [HTTPHeader("retry-after", value)], now: Self.now) == .seconds(10 * 365 * 86_400))
    }
}

struct HTTPDateTests {
    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 3_939_871_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ("Sat, 01 Mar 2025 00:00:00 GMT", 1_740_787_200),
    ])
    func theThreeForms(_ text: String, _ seconds: Int64) {
        #expect(HTTPDate.parse(text)?.milliseconds == seconds * 1_000)
    }

    @Test(arguments: [
        "", "GMT", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nob 1994 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37:00 GMT", "Sun, 06 Nov 1994 0x:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 PST",
    ])
    func whatIsNone(_ text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }
}

/// Retries over a transport that does as it is told.
struct RetryingTransportTests {
    /// Answers from a list, and counts.
    private final class Script: HTTPTransport {
        enum Step: Sendable {
            case respond(Int, [HTTPHeader] = [], [UInt8] = [])
            case cutShort([UInt8])
            case fail(TransportError.Code)
        }

        private let steps: Locked<[Step]>
        let calls = Locked(0)
        let shutdowns = Locked(0)

        init(_ steps: [Step]) { self.steps = Locked(steps) }

        func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
            self.calls.withLock { $0 += 1 }
            switch self.steps.withLock({ $0.isEmpty ? .fail(.unexpected) : $0.removeFirst() }) {
            case .respond(let status, let headers, let body):
                return HTTPResponse(status: status, headers: headers, body: ByteStream(body))
            case .cutShort(let bytes):
                let left = Locked<[UInt8]?>(bytes)
                return HTTPResponse(
                    status: 200, headers: [],
                    body: ByteStream {
                        guard let bytes = left.withLock({ $0.take() }) else {
                            throw TransportError(.truncated, during: .body, "cut")
                        }
                        return bytes
                    })
            case .fail(let code): throw TransportError(code, during: .connect, "")
            }
        }

        func shutdown() async { self.shutdowns.withLock { $0 += 1 } }
    }

    private let waits = Locked<[Duration]>([])

    private func transport(_ script: Script, _ policy: RetryPolicy = .init()) -> RetryingTransport {
        let waits = self.waits
        let time = TimeSource(
            now: { Timestamp(milliseconds: 0) }, monotonicNanoseconds: { 0 },
            sleep: { duration in
                try Task.checkCancellation()
                waits.withLock { $0.append(duration) }
            })
        return RetryingTransport(script, policy: policy, time: time, random: { 0 })
    }

    private static let request = HTTPRequest(method: "POST", url: "http://a/", body: .bytes([1]))

    @Test func theAnswerThatIsNotRetriedIsTheResult() async throws {
        let script = Script([.fail(.connect), .respond(529), .respond(200, [], [7])])
        let response = try await self.transport(script).collect(Self.request)
        #expect(response.status == 200 && response.body == [7])
        #expect(self.waits.withLock { $0 } == [.milliseconds(500), .seconds(1)])
    }

    @Test func theLastFailureIsTheResult() async throws {
        let script = Script([.fail(.connect), .fail(.tls), .fail(.resolve)])
        await #expect { try await self.transport(script).send(Self.request) } throws: {
            ($0 as? TransportError)?.code == .resolve
        }
        let answers = Script([.respond(500), .respond(503), .respond(529, [], [1])])
        let response = try await self.transport(answers).send(Self.request)
        #expect(response.status == 529)
        #expect(answers.calls.withLock { $0 } == 3)
    }

    @Test func aCollectedBodyCutShortIsFetchedAgain() async throws {
        let script = Script([.cutShort([1, 2]), .respond(200, [], [1, 2, 3])])
        #expect(try await self.transport(script).collect(Self.request).body == [1, 2, 3])
    }

    @Test func aStreamIsNotFetchedAgain() async throws {
        let script = Script([.cutShort([1, 2]), .respond(200)])
        let response = try await self.transport(script).send(Self.request)
        await #expect { try await response.collected(upTo: 10) } throws: { ($0 as? TransportError)?.code == .truncated }
        #expect(script.calls.withLock { $0 } == 1)
    }

    @Test func aStreamedUploadGoesOnceUnlessItCanStartOver() async throws {
        var request = Self.request
        request.body = .stream(ByteStream([1]), length: 1)
        let once = Script([.respond(500), .respond(200)])
        #expect(try await self.transport(once).send(request).status == 500)
        request.body = .replayable(length: 1) { ByteStream([1]) }
        let again = Script([.respond(500), .respond(200)])
        #expect(try await self.transport(again).send(request).status == 200)
    }

    @Test func aBodyOverTheLimitIsRefusedAndNotRetried() async throws {
        let script = Script([.respond(200, [], [1, 2, 3]), .respond(200)])
        await #expect { try await self.transport(script).collect(Self.request, upTo: 2) } throws: {
            ($0 as? TransportError)?.code == .tooLarge
        }
        #expect(script.calls.withLock { $0 } == 1)
    }

    @Test func aCallCancelledBetweenAttemptsEndsThere() async throws {
        let script = Script([.respond(500), .respond(200)])
        let transport = self.transport(script)
        let task = Task { () throws -> Int in
            // Cancelled from within, so that it is certain that the wait comes after.
            withUnsafeCurrentTask { $0?.cancel() }
            return try await transport.send(Self.request).status
        }
        await #expect { try await task.value } throws: { ($0 as? TransportError)?.code == .cancelled }
        #expect(script.calls.withLock { $0 } == 1)
    }

    @Test func shuttingDownReachesTheTransport() async {
        let script = Script([])
        await self.transport(script).shutdown()
        #expect(script.shutdowns.withLock { $0 } == 1)
    }
}
