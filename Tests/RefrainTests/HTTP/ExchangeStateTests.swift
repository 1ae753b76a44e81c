import RefrainCore
import Testing

@testable import Refrain

/// Every state of an exchange against every event.
struct ExchangeStateTests {
    private typealias State = ExchangeState<String, Int>

    private static let cut = TransportError(.truncated, during: .body, "cut")

    private static func waiting() -> State {
        var state = State(bufferBytes: 10)
        guard case .start = state.start("head") else { return state }
        return state
    }

    private static func receiving() -> State {
        var state = Self.waiting()
        #expect(state.headReceived() == "head")
        return state
    }

    private static func ended(_ error: TransportError? = nil, unread: [UInt8]? = nil) -> State {
        var state = Self.receiving()
        if let unread { #expect(state.bodyReceived(unread) == nil) }
        _ = state.ended(error)
        return state
    }

    /// A read action in a form that compares.
    private static func read(_ state: inout State, _ waiter: Int? = nil) -> String {
        switch state.read(waiter) {
        case .chunks(let chunks, let release): "\(chunks)\(release ? " release" : "")"
        case .end: "end"
        case .fail(let error): "\(error.code)"
        case .wait: "wait"
        }
    }

    private static func end(_ state: inout State, _ error: TransportError?) -> String {
        switch state.ended(error) {
        case .none: "none"
        case .failHead(let waiter, let error): "\(waiter) \(error.code)"
        case .endBody(let waiter, let error): "\(waiter) \(error.map { "\($0.code)" } ?? "complete")"
        }
    }

    // MARK: idle

    @Test func aCallCancelledBeforeItStartsFailsAndTellsNobody() {
        var state = State(bufferBytes: 10)
        #expect(state.cancel() == false)
        guard case .fail(let waiter, let error) = state.start("head") else {
            Issue.record("it started")
            return
        }
        #expect(waiter == "head" && error.code == .cancelled)
        #expect(state.cancel() == false)
    }

    @Test func whatDoesNotBelongBeforeTheStartDoesNothing() {
        var state = State(bufferBytes: 10)
        #expect(state.headReceived() == nil)
        #expect(state.bodyReceived([1]) == nil)
        #expect(state.admitsBody() == true)
        #expect(Self.read(&state) == "unexpected")
        #expect(Self.end(&state, nil) == "none")
        #expect(Self.read(&state) == "end")
    }

    // MARK: waiting

    @Test func theHeadGoesToTheCallerOnce() {
        var state = Self.waiting()
        #expect(state.headReceived() == "head")
        #expect(state.headReceived() == nil)
    }

    @Test func aFailureBeforeTheHeadFailsTheCall() {
        var state = Self.waiting()
        #expect(Self.end(&state, TransportError(.connect, during: .connect, "")) == "head connect")
        #expect(Self.end(&state, nil) == "none")
        #expect(Self.read(&state) == "connect")
    }

    @Test func anEndWithoutAHeadIsAFailure() {
        var state = Self.waiting()
        #expect(Self.end(&state, nil) == "head no-response")
    }

    @Test func theThreadIsToldOfACancellationOnce() {
        for var state in [Self.waiting(), Self.receiving()] {
            #expect(state.cancel() == true)
            #expect(state.cancel() == false)
            #expect(state.isCancelled)
        }
    }

    @Test func theBodyCannotBeReadBeforeTheHead() {
        var state = Self.waiting()
        #expect(Self.read(&state, 1) == "unexpected")
        #expect(state.bodyReceived([1]) == nil)
    }

    // MARK: receiving

    @Test func chunksAreKeptUntilTheyAreRead() {
        var state = Self.receiving()
        #expect(state.bodyReceived([1, 2]) == nil)
        #expect(state.bodyReceived([3]) == nil)
        #expect(Self.read(&state) == "[[1, 2], [3]]")
        #expect(Self.read(&state) == "wait")
    }

    @Test func aChunkGoesToTheReaderThatWaits() {
        var state = Self.receiving()
        #expect(Self.read(&state, 7) == "wait")
        #expect(state.bodyReceived([1]) == 7)
        #expect(state.bodyReceived([2]) == nil)
        #expect(Self.read(&state, 8) == "[[2]]")
    }

    @Test func twoReadersAtATimeAreRefused() {
        var state = Self.receiving()
        #expect(Self.read(&state, 1) == "wait")
        #expect(Self.read(&state, 2) == "unexpected")
        #expect(state.bodyReceived([1]) == 1)
    }

    @Test func theServerIsHeldUpAtTheMarkAndReleasedByAReader() {
        var state = Self.receiving()
        #expect(state.admitsBody() == true)
        #expect(state.bodyReceived(Array(repeating: 0, count: 9)) == nil)
        #expect(state.admitsBody() == true)
        #expect(state.bodyReceived([1]) == nil)
        #expect(state.admitsBody() == false)
        #expect(state.admitsBody() == false)
        #expect(Self.read(&state).hasSuffix(" release"))
        #expect(state.admitsBody() == true)
        // Released once.
        #expect(state.bodyReceived([1]) == nil)
        #expect(Self.read(&state) == "[[1]]")
    }

    @Test func theEndReachesTheReaderThatWaits() {
        for (error, expected) in [(nil, "5 complete"), (Self.cut, "5 truncated")] {
            var state = Self.receiving()
            #expect(Self.read(&state, 5) == "wait")
            #expect(Self.end(&state, error) == expected)
        }
    }

    @Test func aCancelledCallReadsNothingMore() {
        var state = Self.receiving()
        #expect(state.bodyReceived([1]) == nil)
        #expect(state.cancel() == true)
        #expect(Self.read(&state) == "cancelled")
        #expect(Self.end(&state, TransportError(.cancelled, during: .body, "")) == "none")
        #expect(Self.read(&state) == "cancelled")
    }

    // MARK: ended

    @Test func whatWasReceivedIsReadBeforeTheEnd() {
        var complete = Self.ended(unread: [1])
        #expect(Self.read(&complete, 1) == "[[1]]")
        #expect(Self.read(&complete, 1) == "end")
        #expect(Self.read(&complete, 1) == "end")
        var cut = Self.ended(Self.cut, unread: [1])
        #expect(Self.read(&cut) == "[[1]]")
        #expect(Self.read(&cut) == "truncated")
        #expect(Self.read(&cut) == "truncated")
    }

    @Test func afterTheEndNothingHappens() {
        var state = Self.ended()
        #expect(state.cancel() == false)
        #expect(state.headReceived() == nil)
        #expect(state.bodyReceived([1]) == nil)
        #expect(state.admitsBody() == true)
        #expect(Self.end(&state, Self.cut) == "none")
        #expect(Self.read(&state) == "end")
    }
}

/// Every state of an upload against every event.
struct UploadStateTests {
    private typealias State = UploadState<Int>

    private static func take(_ state: inout State) -> String {
        switch state.take() {
        case .send(let chunks, let waiter): "\(chunks)\(waiter.map { " wakes \($0)" } ?? "")"
        case .starved: "starved"
        case .end: "end"
        case .fail(let error): "\(error.code)"
        }
    }

    @Test func chunksGoInOrderAndThenTheEnd() {
        var state = State(bufferBytes: 10)
        #expect(state.push([1]) == .more(wake: false))
        #expect(state.push([2, 3]) == .more(wake: false))
        #expect(Self.take(&state) == "[[1], [2, 3]]")
        #expect(state.finish(nil) == false)
        #expect(Self.take(&state) == "end")
        #expect(Self.take(&state) == "end")
    }

    @Test func theThreadIsWokenOnceWhenItHadNothingToSend() {
        var state = State(bufferBytes: 10)
        #expect(Self.take(&state) == "starved")
        #expect(state.push([1]) == .more(wake: true))
        #expect(state.push([2]) == .more(wake: false))
        #expect(Self.take(&state) == "[[1], [2]]")
        #expect(Self.take(&state) == "starved")
        #expect(state.finish(nil) == true)
        #expect(state.finish(nil) == false)
    }

    @Test func theReaderWaitsWhereTheBufferIsFull() {
        var state = State(bufferBytes: 2)
        #expect(state.push([1, 2]) == .wait(wake: false))
        #expect(state.waitForRoom(9) == false)
        #expect(Self.take(&state) == "[[1, 2]] wakes 9")
        #expect(state.push([3, 4, 5]) == .wait(wake: false))
        #expect(Self.take(&state) == "[[3, 4, 5]]")
        // The room came before the reader began to wait for it.
        #expect(state.waitForRoom(9) == true)
    }

    @Test func aFailureComesAfterWhatWasRead() {
        var state = State(bufferBytes: 10)
        _ = state.push([1])
        #expect(state.finish(TransportError(.upload, during: .send, "")) == false)
        #expect(Self.take(&state) == "[[1]]")
        #expect(Self.take(&state) == "upload")
    }

    @Test func afterTheTransferNobodyReadsOn() {
        var state = State(bufferBytes: 1)
        _ = state.push([1])
        #expect(state.waitForRoom(4) == false)
        let (waiter, unsent) = state.stop()
        #expect(waiter == 4 && unsent == [[1]])
        #expect(state.push([2]) == .stop)
        #expect(state.waitForRoom(5) == true)
        #expect(state.finish(nil) == false)
        #expect(state.stop().waiter == nil)
    }
}
