import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Testing

@testable import RefrainGateway

@Suite struct ConnectionTimesTests {
    private static let head = HTTPRequestPart.head(
        RequestHead(method: .post, scheme: nil, authority: nil, path: "/v1/messages"))
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func at(_ seconds: Int64) -> NIODeadline { Self.start + .seconds(seconds) }
    private func times() -> ConnectionTimes {
        ConnectionTimes(idle: .seconds(75), stall: .seconds(60), now: Self.start)
    }

    @Test func aConnectionWithoutARequestIsIdleAndOneWithHalfAHeadIsSlow() {
        var times = self.times()
        #expect(times.deadline == self.at(75) && times.lateness(now: self.at(74)) == nil)
        #expect(times.lateness(now: self.at(75)) == .idle)
        times.bytesArrived()
        #expect(times.lateness(now: self.at(75)) == .head)
    }

    @Test func aBodyIsLateOnlyWhileItIsAskedFor() {
        var times = self.times()
        times.received(Self.head, now: self.at(10))
        #expect(times.deadline == self.at(70))
        times.received(.body(ByteBuffer(string: "x")), now: self.at(30))
        #expect(times.lateness(now: self.at(89)) == nil && times.lateness(now: self.at(90)) == .body)
        times.received(.end(nil), now: self.at(31))
        #expect(times.deadline == nil, "the answer takes what it takes")
        times.answered(now: self.at(100))
        #expect(times.deadline == self.at(175))
    }

    @Test func aBodyIsNotAwaitedWhileNobodyReads() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        times.readCompleted()
        #expect(times.deadline == nil)
        times.asksForMore(now: self.at(100))
        #expect(times.deadline == self.at(160))
    }

    @Test func aReaderIsLateWhileItTakesNothing() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        times.received(.end(nil), now: self.at(0))
        times.isFull(.init(waiting: 100, taken: 0), now: self.at(5))
        times.isFull(.init(waiting: 200, taken: 0), now: self.at(6))
        #expect(times.isTaking && times.lateness(now: self.at(65)) == .reader)
        times.looked(.init(waiting: 300, taken: 0), now: self.at(64))
        #expect(times.deadline == self.at(65), "more is written, and none of it taken")
        times.looked(.init(waiting: 299, taken: 1), now: self.at(64))
        #expect(times.deadline == self.at(124))
        times.looked(.init(waiting: 0, taken: 300), now: self.at(70))
        #expect(times.deadline == nil && !times.isTaking)
    }

    @Test func aConnectionIsIdleOnlyOnceAllIsTaken() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        times.received(.end(nil), now: self.at(0))
        times.answered(now: self.at(0))
        times.looked(.init(waiting: 5, taken: 5), now: self.at(75))
        #expect(times.lateness(now: self.at(75)) == nil && times.lateness(now: self.at(135)) == .reader)
        times.looked(.init(waiting: 0, taken: 10), now: self.at(100))
        #expect(times.lateness(now: self.at(174)) == nil && times.lateness(now: self.at(175)) == .idle)
    }

    @Test func aConnectionThatEndsWaitsForItsReaderAlone() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        times.ends(.init(waiting: 10, taken: 0), now: self.at(50))
        #expect(times.deadline == self.at(110))
        times.looked(.init(waiting: 0, taken: 10), now: self.at(100))
        #expect(times.deadline == self.at(160), "it is closed elsewhere, and at the latest then")
        times.looked(.init(waiting: 0, taken: 10), now: self.at(160))
        #expect(times.lateness(now: self.at(160)) == .reader)
    }

    @Test func whatIsNotReadIsNotAwaited() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        times.received(.end(nil), now: self.at(0))
        times.received(Self.head, now: self.at(0))
        #expect(times.wholeRequests == 1 && times.deadline == self.at(60))
        times.stopsReading()
        #expect(times.wholeRequests == 1 && times.deadline == nil)
        times.answered(now: self.at(70))
        #expect(times.wholeRequests == 0)
    }

    @Test func theRestOfAnAnsweredRequestMayPauseAndNotGoOnForEver() {
        var times = self.times()
        times.received(Self.head, now: self.at(0))
        #expect(times.isAnsweringEarly)
        times.answered(now: self.at(1))
        times.discards(now: self.at(1))
        #expect(times.deadline == self.at(6))
        for second in stride(from: Int64(4), through: 60, by: 4) {
            times.received(.body(ByteBuffer(string: "x")), now: self.at(second))
        }
        #expect(times.deadline == self.at(61) && times.lateness(now: self.at(61)) == .rest)
    }

    @Test func aPipelinedRequestKeepsTheConnectionBusy() {
        var times = self.times()
        for _ in 0..<2 {
            times.received(Self.head, now: self.at(0))
            times.received(.end(nil), now: self.at(0))
        }
        times.answered(now: self.at(1))
        #expect(times.deadline == nil)
        times.answered(now: self.at(2))
        #expect(times.deadline == self.at(77))
    }

    @Test func interimResponsesWaitTheirTurn() {
        var expectations = Expectations()
        let received = [
            expectations.began(expects: true), expectations.began(expects: true), expectations.began(expects: false),
        ]
        #expect(received == [true, false, false], "the one in front is not answered yet")
        let answered = (0..<4).map { _ in expectations.answered() }
        #expect(answered == [true, false, false, false], "the second's turn comes, and the third does not wait")
        let late = expectations.began(expects: false)
        #expect(!late)
    }
}
