import RefrainTesting
import Testing

@testable import RefrainCore

/// The flight's state machine: every event in every state, without tasks.
@Suite struct FlightMachineTests {
    struct Failed: Error {}

    static let head = FlightHead(status: 200, headers: [])
    static let answer = FlightEnding.answer(
        FlightAnswer(stored: nil, form: .message, headers: [], body: [1], details: nil))
    static let plainFailure = FlightFailure(error: Failed())
    static let credentialFailure = FlightFailure(error: Failed(), concernsCredential: true)
    static let thrownFailure = FlightFailure(error: Failed(), isThrown: true)

    /// The states that a flight can be in.
    enum State: CaseIterable {
        case waiting, waitingClosed, relaying, relayingClosed, answered, streamed, eventsOnly, failed, cancelled

        var isEnded: Bool { [.answered, .streamed, .eventsOnly, .failed].contains(self) }
        var isClosed: Bool { [.waitingClosed, .relayingClosed, .cancelled].contains(self) }
        var hasStream: Bool { [.relaying, .relayingClosed, .streamed, .eventsOnly].contains(self) }
    }

    /// A flight in the state, with a plain leader (0) and a streaming follower (1), both of credential "a"; in
    /// `.cancelled`, with nobody.
    static func machine(_ state: State, lagLimit: Int = 100) -> FlightMachine {
        var machine = FlightMachine(credential: "a", isStreaming: false, lagLimit: lagLimit)
        _ = machine.join(credential: "a", isStreaming: false, asLeader: true)
        _ = machine.join(credential: "a", isStreaming: true)
        switch state {
        case .waiting: break
        case .waitingClosed: _ = machine.close(.purged)
        case .relaying: _ = machine.began(Self.head)
        case .relayingClosed:
            _ = machine.began(Self.head)
            _ = machine.close(.replaced)
        case .answered: _ = machine.completed(Self.answer)
        case .streamed:
            _ = machine.began(Self.head)
            _ = machine.append([1])
            _ = machine.completed(Self.answer)
        case .eventsOnly:
            _ = machine.began(Self.head)
            _ = machine.append([1])
            _ = machine.completed(.eventsOnly)
        case .failed: _ = machine.failed(Self.plainFailure)
        case .cancelled:
            _ = machine.leave(0, finish: false)
            _ = machine.leave(1, finish: false)
        }
        return machine
    }

    @Test(arguments: State.allCases) func join(_ state: State) {
        var machine = Self.machine(state)
        let id = machine.join(credential: "b", isStreaming: true)
        #expect((id == nil) == (state.isEnded || state.isClosed))
    }

    @Test(arguments: State.allCases) func leaveWhileOthersWait(_ state: State) {
        var machine = Self.machine(state)
        #expect(machine.leave(0, finish: true) == .none)
        #expect(machine.leave(0, finish: true) == .none, "leaving twice is leaving once")
        #expect(machine.leave(99, finish: false) == .none, "a stranger's leaving is nothing")
    }

    @Test(arguments: State.allCases, [true, false]) func lastOneLeaves(_ state: State, finish: Bool) {
        var machine = Self.machine(state)
        _ = machine.leave(1, finish: finish)
        let action = machine.leave(0, finish: finish)
        if state.isEnded || state == .cancelled {
            #expect(action == .none)
        } else if finish, !state.isClosed {
            #expect(action == .abandoned(1))
            #expect(machine.mayStore)
        } else {
            #expect(action == .cancel, "nobody can want what it brings")
            #expect(machine.isCancelled)
        }
    }

    @Test(arguments: State.allCases) func abandonmentEnds(_ state: State) {
        var machine = Self.machine(state)
        #expect(machine.abandonmentEnded(1) == false, "nobody has left")
        _ = machine.leave(1, finish: true)
        guard case .abandoned(let number) = machine.leave(0, finish: true) else { return }
        let second = machine.join(credential: "a", isStreaming: false)
        #expect(machine.abandonmentEnded(number) == false, "someone has come back")
        guard case .abandoned(let next) = machine.leave(second ?? -1, finish: true) else {
            Issue.record("it is abandoned again")
            return
        }
        #expect(machine.abandonmentEnded(number) == false, "an older abandonment's time is not this one's")
        #expect(machine.abandonmentEnded(next) == true)
        #expect(machine.isCancelled)
        #expect(machine.join(credential: "a", isStreaming: false) == nil)
    }

    @Test(arguments: State.allCases) func close(_ state: State) {
        var machine = Self.machine(state)
        #expect(machine.close(.purged) == (state == .cancelled), "it is stopped only where nobody waits")
        #expect(machine.mayStore == state.isEnded)
        #expect(machine.join(credential: "a", isStreaming: false) == nil)
    }

    @Test func theFirstReasonForClosingStays() {
        var machine = Self.machine(.waiting)
        _ = machine.close(.purged)
        _ = machine.close(.overBudget)
        #expect(machine.closing == .purged)
    }

    @Test(arguments: State.allCases) func begin(_ state: State) {
        var machine = Self.machine(state)
        let begins = [.waiting, .waitingClosed, .cancelled].contains(state)
        #expect(machine.began(Self.head) == (begins ? .everyone : .nobody))
        #expect((machine.head != nil) == (begins || state.hasStream))
    }

    @Test(arguments: State.allCases) func append(_ state: State) {
        var machine = Self.machine(state)
        let wake = machine.append([7]).wake
        #expect(wake == ([.relaying, .relayingClosed].contains(state) ? .streaming : .nobody))
    }

    @Test(arguments: State.allCases) func complete(_ state: State) {
        var machine = Self.machine(state)
        #expect(machine.completed(Self.answer) == (state.isEnded ? .nobody : .everyone))
        #expect(machine.isEnded)
    }

    @Test(arguments: State.allCases) func failForAll(_ state: State) {
        var machine = Self.machine(state)
        #expect(machine.failed(Self.plainFailure) == (state.isEnded ? .none : .ended))
    }

    @Test(arguments: State.allCases) func failForACredential(_ state: State) {
        var machine = Self.machine(state)
        let other = machine.join(credential: "b", isStreaming: true)
        let action = machine.failed(Self.credentialFailure)
        switch state {
        case .waiting:
            #expect(action == .promoted(2))
            #expect(machine.isStreamingCall, "the call is now the promoted caller's, in its form")
            for id in [0, 1] {
                guard case .ended(.failed) = machine.outcome(id) else {
                    Issue.record("callers with the leader's credential have failed")
                    return
                }
            }
            guard case .wait = machine.outcome(other ?? -1) else {
                Issue.record("the other one waits on")
                return
            }
            #expect(machine.failed(Self.credentialFailure) == .ended, "no other credential is left")
        case .answered, .streamed, .eventsOnly, .failed: #expect(action == .none)
        default: #expect(action == .ended)
        }
    }

    @Test(arguments: State.allCases) func failToCall(_ state: State) {
        var machine = Self.machine(state)
        let action = machine.failed(Self.thrownFailure)
        switch state {
        case .waiting, .waitingClosed:
            #expect(action == .promoted(1))
            guard case .ended(.failed) = machine.outcome(0), case .wait = machine.start(1) else {
                Issue.record("the leader has failed, the follower waits")
                return
            }
            #expect(machine.failed(Self.thrownFailure) == .ended, "one is promoted, once")
        case .answered, .streamed, .eventsOnly, .failed: #expect(action == .none)
        case .relaying, .relayingClosed, .cancelled: #expect(action == .ended)
        }
    }

    @Test func promotionsByCredentialGoOnUntilNoneIsLeft() {
        var machine = FlightMachine(credential: "a", isStreaming: true, lagLimit: 100)
        for credential in ["a", "b", "a", "c", "b"] {
            _ = machine.join(credential: credential, isStreaming: true, asLeader: credential == "a")
        }
        #expect(machine.failed(Self.credentialFailure) == .promoted(1))
        #expect(machine.failed(Self.credentialFailure) == .promoted(3))
        #expect(machine.failed(Self.credentialFailure) == .ended)
        #expect(machine.callerCount == 1)
    }

    @Test func aFollowerIsPromotedThoughTheLeadersCallerHasLeft() {
        var machine = Self.machine(.waiting)
        _ = machine.leave(0, finish: true)
        #expect(machine.failed(Self.thrownFailure) == .promoted(1))
    }

    @Test(arguments: State.allCases) func outcome(_ state: State) {
        let machine = Self.machine(state)
        if case .wait = machine.outcome(0) {
            #expect(!state.isEnded)
        } else {
            #expect(state.isEnded)
        }
    }

    @Test(arguments: State.allCases) func start(_ state: State) {
        let machine = Self.machine(state)
        switch machine.start(1) {
        case .head: #expect(state.hasStream)
        case .wait(let mayBeLong):
            #expect(!state.hasStream && !state.isEnded)
            #expect(mayBeLong, "it shares a call for a whole message")
        case .ended: #expect(state == .answered || state == .failed)
        }
    }

    @Test func theLeaderOfAStreamDoesNotWaitLong() {
        var machine = FlightMachine(credential: "a", isStreaming: true, lagLimit: 100)
        let leader = machine.join(credential: "a", isStreaming: true, asLeader: true) ?? -1
        let follower = machine.join(credential: "a", isStreaming: true) ?? -1
        guard case .wait(mayBeLong: false) = machine.start(leader), case .wait(mayBeLong: false) = machine.next(leader)
        else {
            Issue.record("its answer, or its error, is what upstream says")
            return
        }
        guard case .wait(mayBeLong: true) = machine.start(follower) else {
            Issue.record("whoever shares its call is told that it goes on")
            return
        }
    }

    @Test(arguments: State.allCases) func next(_ state: State) {
        var machine = Self.machine(state)
        switch (state, machine.next(1)) {
        case (.waiting, .wait), (.waitingClosed, .wait), (.relaying, .wait), (.relayingClosed, .wait): break
        case (.answered, .ended(.answer)), (.failed, .ended(.failed)): break
        case (.streamed, .event([1])), (.eventsOnly, .event([1])):
            guard case .finished = machine.next(1), case .finished = machine.next(1) else {
                Issue.record("it ends, and stays ended")
                return
            }
        case (.cancelled, .finished): break
        case (_, let next): Issue.record("\(state): \(next)")
        }
    }

    @Test func mustWaitAgreesWithNext() {
        for state in State.allCases {
            var machine = Self.machine(state)
            let mustWait = machine.mustWait(1)
            if case .wait = machine.next(1) { #expect(mustWait) } else { #expect(!mustWait) }
        }
    }

    @Test func aLateCallerReadsFromTheFirstEvent() {
        var machine = Self.machine(.relaying)
        for number in 0..<10 { _ = machine.append([UInt8(number)]) }
        let late = machine.join(credential: "a", isStreaming: true) ?? -1
        for number in 10..<20 { _ = machine.append([UInt8(number)]) }
        _ = machine.completed(Self.answer)
        for id in [1, late] {
            for number in 0..<20 {
                guard case .event([UInt8(number)]) = machine.next(id) else {
                    Issue.record("event \(number) is missing")
                    return
                }
            }
            guard case .finished = machine.next(id) else {
                Issue.record("the end is missing")
                return
            }
        }
    }

    @Test func whoFallsTooFarBehindIsCutAndNobodyElse() {
        var machine = Self.machine(.relaying, lagLimit: 10)
        let quick = machine.join(credential: "a", isStreaming: true) ?? -1
        for _ in 0..<11 {
            _ = machine.append([0])
            guard case .event = machine.next(quick) else {
                Issue.record("the quick one reads on")
                return
            }
        }
        guard case .tooSlow = machine.next(1), case .finished = machine.next(1) else {
            Issue.record("the slow one is cut off, once")
            return
        }
        guard case .wait = machine.next(quick), case .wait = machine.outcome(0) else {
            Issue.record("the others are not disturbed")
            return
        }
    }

    @Test func whatWasThereBeforeACallerCameIsNotHeldAgainstIt() {
        var machine = Self.machine(.relaying, lagLimit: 10)
        for _ in 0..<50 { _ = machine.append([0]) }
        let late = machine.join(credential: "a", isStreaming: true) ?? -1
        for _ in 0..<10 { _ = machine.append([0]) }
        guard case .event = machine.next(late) else {
            Issue.record("it is 60 behind, of which 50 are not its own")
            return
        }
        while case .event = machine.next(late) {}
        for _ in 0..<11 { _ = machine.append([0]) }
        guard case .tooSlow = machine.next(late) else {
            Issue.record("having caught up, it is held to the limit")
            return
        }
    }

    @Test func aClosedFlightLetsGoOfWhatAllHaveRead() {
        var machine = FlightMachine(credential: "a", isStreaming: true, lagLimit: 1_000)
        let quick = machine.join(credential: "a", isStreaming: true, asLeader: true) ?? -1
        let slow = machine.join(credential: "a", isStreaming: true) ?? -1
        _ = machine.began(Self.head)
        _ = machine.close(.overBudget)
        var released = 0
        var read = 0
        for number in 0..<100 {
            released += machine.append([UInt8(number)]).released.count
            guard case .event([UInt8(number)]) = machine.next(quick) else {
                Issue.record("event \(number)")
                return
            }
            if number % 4 != 0 {
                guard case .event([UInt8(read)]) = machine.next(slow) else {
                    Issue.record("slow at \(number)")
                    return
                }
                read += 1
            }
        }
        #expect(read == 75 && released > 40 && released <= read)
        _ = machine.completed(Self.answer)
        for number in read..<100 {
            guard case .event([UInt8(number)]) = machine.next(slow) else {
                Issue.record("slow misses \(number)")
                return
            }
        }
    }

    /// Whatever happens in whatever order: an end is final, a stream's reader gets every event from the first in order,
    /// and whoever is left gets an end.
    @Test(arguments: 0..<50) func randomHistories(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<100 {
            var machine = FlightMachine(credential: "0", isStreaming: .random(using: &random), lagLimit: 1_000)
            var readers: [Int: Int] = [:]
            var appended = 0
            if let id = machine.join(credential: "0", isStreaming: true, asLeader: true) { readers[id] = 0 }
            for _ in 0..<Int.random(in: 1..<60, using: &random) {
                let wasEnded = machine.isEnded
                switch Int.random(in: 0..<12, using: &random) {
                case 0, 1:
                    let credential = String(Int.random(in: 0..<3, using: &random))
                    if let id = machine.join(credential: credential, isStreaming: true) { readers[id] = 0 }
                case 2:
                    guard let id = readers.keys.randomElement(using: &random) else { break }
                    readers[id] = nil
                    _ = machine.leave(id, finish: .random(using: &random))
                case 3: _ = machine.began(Self.head)
                case 4, 5, 6:
                    if machine.append([UInt8(appended % 251)]).wake == .streaming { appended += 1 }
                case 7: _ = Int.random(in: 0..<8, using: &random) == 0 ? machine.completed(Self.answer) : .nobody
                case 8:
                    if Int.random(in: 0..<8, using: &random) == 0 {
                        let failures = [Self.plainFailure, Self.credentialFailure, Self.thrownFailure]
                        _ = machine.failed(failures.randomElement(using: &random) ?? Self.plainFailure)
                    }
                case 9: _ = Int.random(in: 0..<8, using: &random) == 0 ? machine.close(.purged) : false
                default:
                    guard let (id, position) = readers.randomElement(using: &random) else { break }
                    switch machine.next(id) {
                    case .event(let event):
                        #expect(event == [UInt8(position % 251)])
                        readers[id] = position + 1
                    case .wait: #expect(!machine.isEnded)
                    case .tooSlow: Issue.record("nobody is that slow")
                    case .finished:
                        #expect(position == appended && machine.isEnded)
                        readers[id] = nil
                    case .ended: readers[id] = nil
                    }
                }
                #expect(!wasEnded || machine.isEnded)
            }
            _ = machine.completed(Self.answer)
            for (id, start) in readers {
                var position = start
                reading: while true {
                    switch machine.next(id) {
                    case .event(let event):
                        #expect(event == [UInt8(position % 251)])
                        position += 1
                    case .finished, .ended: break reading
                    case .wait, .tooSlow:
                        Issue.record("nobody waits at the end")
                        break reading
                    }
                }
            }
        }
    }

    // MARK: Another process's call

    @Test(arguments: State.allCases) func waitingForAnotherProcessIsLongForEveryStream(_ state: State) {
        var machine = Self.machine(state)
        let isWaiting = machine.isWaiting
        #expect(machine.waits(elsewhere: true) == (isWaiting ? .streaming : .nobody))
        #expect(machine.waitsElsewhere == isWaiting)
        #expect(machine.waits(elsewhere: true) == .nobody, "it is no news")
        guard isWaiting, machine.callerCount > 0 else { return }
        for id in 0...1 {
            guard case .wait(let mayBeLong) = machine.start(id) else {
                Issue.record("\(id) does not wait")
                continue
            }
            #expect(mayBeLong, "the leader's stream is pinged too")
        }
        #expect(machine.waits(elsewhere: false) == .nobody)
        guard case .wait(let mayBeLong) = machine.start(0) else {
            Issue.record("the leader does not wait")
            return
        }
        #expect(!mayBeLong, "its own call is under way now")
    }

    /// What an answer says of an account is for that account; what it says of the request holds for all who asked.
    @Test(arguments: [(400, true), (404, true), (413, false), (408, false), (500, false), (529, false)])
    func errorsOfAnothersCall(_ status: Int, isPromoted: Bool) throws {
        var machine = FlightMachine(credential: "a", isStreaming: false, lagLimit: 100)
        let joined = [
            machine.join(credential: "a", isStreaming: false, asLeader: true),
            machine.join(credential: "b", isStreaming: false),
        ]
        let (leader, follower) = (try #require(joined[0]), try #require(joined[1]))
        let headers = ["content-type", "set-cookie", "retry-after"].map { HTTPHeader($0, "x") }
        let action = machine.failed(
            FlightFailure(UpstreamResponseError(status: status, headers: headers, body: [1])))
        func seen(_ id: FlightMachine.CallerID) -> UpstreamResponseError? {
            guard case .ended(.failed(let failure)) = machine.outcome(id) else { return nil }
            return failure.error as? UpstreamResponseError
        }
        #expect(seen(leader)?.headers == headers)
        #expect(action == (isPromoted ? .promoted(follower) : .ended))
        #expect(seen(follower)?.headers.map(\.name) == (isPromoted ? nil : ["content-type", "retry-after"]))
        #expect(seen(follower)?.body == (isPromoted ? nil : [1]))
    }
}
