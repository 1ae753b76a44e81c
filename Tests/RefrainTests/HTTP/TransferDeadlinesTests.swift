import RefrainCore
import Testing

@testable import Refrain

struct TransferDeadlinesTests {
    private static func deadlines(firstByte: Int? = nil, idle: Int? = nil, total: Int? = nil) -> TransferDeadlines {
        TransferDeadlines(
            .init(
                firstByte: firstByte.map { .nanoseconds($0) }, idle: idle.map { .nanoseconds($0) },
                total: total.map { .nanoseconds($0) }), start: 1_000)
    }

    @Test func withoutLimitsNothingExpires() {
        var deadlines = Self.deadlines()
        deadlines.connected(at: 1_000)
        deadlines.sent(at: 1_000)
        deadlines.headReceived(at: 1_000)
        #expect(deadlines.next == nil)
        #expect(deadlines.expired(at: .max) == nil)
    }

    @Test func theTotalHoldsInEveryStage() {
        var deadlines = Self.deadlines(firstByte: 500, idle: 500, total: 100)
        for event in [nil, { $0.connected(at: 1_050) }, { $0.sent(at: 1_060) }, { $0.headReceived(at: 1_070) }]
            as [((inout TransferDeadlines) -> Void)?]
        {
            event?(&deadlines)
            #expect(deadlines.next == 1_100)
            #expect(deadlines.expired(at: 1_099) == nil)
            #expect(deadlines.expired(at: 1_100) == .deadline)
        }
        deadlines.held()
        #expect(deadlines.expired(at: 1_100) == .deadline)
    }

    @Test func connectingIsNotOurs() {
        let deadlines = Self.deadlines(firstByte: 1, idle: 1)
        #expect(deadlines.next == nil)
    }

    @Test func sendingExpiresWithoutMovement() {
        var deadlines = Self.deadlines(idle: 10)
        deadlines.connected(at: 1_000)
        #expect(deadlines.expired(at: 1_010) == .idleTimeout)
        deadlines.moved(at: 1_009)
        #expect(deadlines.expired(at: 1_018) == nil)
        #expect(deadlines.next == 1_019)
    }

    @Test func aCallerThatHasNothingToSendIsNotHeldToIt() {
        var deadlines = Self.deadlines(idle: 10)
        deadlines.connected(at: 1_000)
        deadlines.held()
        #expect(deadlines.next == nil && deadlines.expired(at: 9_000) == nil)
        deadlines.released(at: 9_000)
        #expect(deadlines.next == 9_010)
    }

    @Test func theFirstByteIsCountedFromTheRequestsLast() {
        var deadlines = Self.deadlines(firstByte: 20, idle: 10)
        deadlines.connected(at: 1_000)
        deadlines.sent(at: 1_005)
        #expect(deadlines.next == 1_025)
        // Neither body moves now.
        deadlines.moved(at: 1_020)
        #expect(deadlines.expired(at: 1_025) == .firstByteTimeout)
    }

    @Test func aBodyExpiresWithoutAByteUnlessTheReaderIsSlow() {
        var deadlines = Self.deadlines(firstByte: 5, idle: 10)
        deadlines.connected(at: 1_000)
        deadlines.sent(at: 1_000)
        deadlines.headReceived(at: 1_004)
        #expect(deadlines.next == 1_014)
        deadlines.moved(at: 1_010)
        #expect(deadlines.expired(at: 1_020) == .idleTimeout)
        deadlines.held()
        #expect(deadlines.expired(at: 5_000) == nil)
        deadlines.released(at: 5_000)
        #expect(deadlines.expired(at: 5_010) == .idleTimeout)
    }

    @Test func anAnswerBeforeTheRequestIsSentKeepsTheIdleLimit() {
        var deadlines = Self.deadlines(firstByte: 5, idle: 10)
        deadlines.connected(at: 1_000)
        deadlines.headReceived(at: 1_002)
        deadlines.sent(at: 1_004)
        #expect(deadlines.next == 1_012)
    }

    @Test func hugeLimitsDoNotOverflow() {
        var deadlines = TransferDeadlines(.init(idle: .seconds(Int64.max), total: .seconds(Int64.max)), start: .max - 1)
        deadlines.connected(at: .max)
        #expect(deadlines.next == .max)
    }
}
