import RefrainCore
import RefrainTesting
import Testing

@testable import RefrainRedis

/// What the machine that assigns replies says, in each of its states, to each event. Waiters are letters.
@Suite("RedisConnectionMachine")
struct RedisConnectionMachineTests {
    /// The machine as an object: expectations cannot contain calls that change a value.
    final class Machine {
        typealias Value = RedisConnectionMachine<String>
        private var value: Value

        init(takesPushes: Bool) { self.value = Value(takesPushes: takesPushes) }

        var isOpen: Bool { self.value.isOpen }
        var slotCount: Int { self.value.slotCount }
        func enqueue(_ slots: inout [RedisSlot<String>]) -> StoreError? { self.value.enqueue(&slots) }
        func takeTimer() -> UInt64? { self.value.takeTimer() }
        func takeReleasedBytes() -> Int { self.value.takeReleasedBytes() }
        @discardableResult
        func cancel(_ id: UInt64) -> String? { self.value.cancel(id) }
        func received(_ reply: RESPValue) -> Value.ReplyAction { self.value.received(reply) }
        func check(now: UInt64) -> Value.CheckAction { self.value.check(now: now) }
        @discardableResult
        func close(_ reason: StoreError) -> [String]? { self.value.close(reason) }
    }

    private static func open(takesPushes: Bool = false) -> Machine { Machine(takesPushes: takesPushes) }

    private static let lost = StoreError(.unavailable, "lost")

    /// Why the command is not sent; nil where it is.
    @discardableResult
    private static func enqueue(
        _ machine: Machine, _ waiter: String, replies: Int? = nil, bytes: Int = 10, deadline: UInt64 = 100
    ) -> String? {
        var slots = [
            RedisSlot(waiter, replyCount: replies ?? 1, isBatch: replies != nil, byteCount: bytes, deadline: deadline)
        ]
        return machine.enqueue(&slots)?.message
    }

    private static func text(_ action: Machine.Value.ReplyAction) -> String {
        func suffix(_ fatal: StoreError?) -> String { fatal.map { ", fatal \($0.code)" } ?? "" }
        switch action {
        case .none: return "none"
        case .drop(let fatal): return "drop\(suffix(fatal))"
        case .deliver(let waiter, .one(.simple(let text)), let fatal): return "\(waiter)=\(text)\(suffix(fatal))"
        case .deliver(let waiter, .one(.error(let text)), let fatal): return "\(waiter)=-\(text)\(suffix(fatal))"
        case .deliver(let waiter, .one(let reply), let fatal): return "\(waiter)=\(reply)\(suffix(fatal))"
        case .deliver(let waiter, .all(let replies), let fatal):
            let texts = replies.map { reply in
                switch reply {
                case .simple(let text): text
                case .error(let text): "-\(text)"
                default: "\(reply)"
                }
            }
            return "\(waiter)=[\(texts.joined(separator: " "))]\(suffix(fatal))"
        case .deliver(let waiter, _, _): return "\(waiter)=?"
        case .push: return "push"
        case .violation(let error): return "violation \(error.code)"
        }
    }

    private static func text(_ action: Machine.Value.CheckAction) -> String {
        switch action {
        case .none: "none"
        case .wait(let moment): "wait \(moment)"
        case .late(let due, let others, let reason):
            "late \(due.joined()) others \(others.joined()): \(reason.code)"
        }
    }

    private static func receive(_ machine: Machine, _ replies: RESPValue...) -> [String] {
        replies.map { Self.text(machine.received($0)) }
    }

    // MARK: Open, nothing asked

    @Test("An open connection without commands: nothing to time, nobody to tell, and any reply is a violation")
    func idle() {
        let machine = Self.open()
        #expect(machine.isOpen)
        #expect(machine.takeTimer() == nil)
        #expect(machine.cancel(0) == nil)
        #expect(Self.text(machine.check(now: .max)) == "none")
        #expect(machine.isOpen)
        #expect(Self.receive(machine, .simple("OK")) == ["violation corrupt"])
        #expect(machine.close(Self.lost) == [])
        #expect(!machine.isOpen)
    }

    // MARK: Order

    @Test("Replies go to those who asked, in the order they asked")
    func order() {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        Self.enqueue(machine, "b")
        #expect(Self.receive(machine, .simple("1")) == ["a=1"])
        Self.enqueue(machine, "c")
        #expect(Self.receive(machine, .simple("2"), .simple("3"), .simple("4")) == ["b=2", "c=3", "violation corrupt"])
    }

    @Test("Commands given together are answered together")
    func batch() {
        let machine = Self.open()
        Self.enqueue(machine, "a", replies: 3)
        Self.enqueue(machine, "b", replies: 1)
        Self.enqueue(machine, "c")
        #expect(
            Self.receive(machine, .simple("1"), .error("ERR x"), .simple("3")) == ["none", "none", "a=[1 -ERR x 3]"])
        #expect(Self.receive(machine, .simple("4"), .simple("5")) == ["b=[4]", "c=5"])
    }

    // MARK: Cancellation

    @Test("A cancelled command keeps its place: its reply is dropped, the neighbours' are not")
    func cancelled() {
        let machine = Self.open()
        for name in ["a", "b", "c"] { Self.enqueue(machine, name) }
        #expect(machine.cancel(1) == "b")
        #expect(machine.cancel(1) == nil)
        #expect(machine.slotCount == 3)
        #expect(Self.receive(machine, .simple("1"), .simple("2"), .simple("3")) == ["a=1", "drop", "c=3"])
    }

    @Test("Cancelling what was answered, or never asked, tells nobody")
    func cancelledTooLate() {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        Self.enqueue(machine, "b")
        _ = Self.receive(machine, .simple("1"))
        #expect(machine.cancel(0) == nil)
        #expect(machine.cancel(2) == nil)
        #expect(machine.cancel(.max) == nil)
        #expect(machine.cancel(1) == "b")
    }

    @Test("A batch cancelled halfway drops all of its replies")
    func cancelledBatch() {
        let machine = Self.open()
        Self.enqueue(machine, "a", replies: 2)
        Self.enqueue(machine, "b")
        #expect(Self.receive(machine, .simple("1")) == ["none"])
        #expect(machine.cancel(0) == "a")
        #expect(Self.receive(machine, .simple("2"), .simple("3")) == ["drop", "b=3"])
    }

    // MARK: Deadlines

    @Test("The timer is set for the earliest deadline, and set anew only when an earlier one comes")
    func timer() {
        let machine = Self.open()
        Self.enqueue(machine, "a", deadline: 100)
        Self.enqueue(machine, "b", deadline: 120)
        #expect(machine.takeTimer() == 100)
        Self.enqueue(machine, "c", deadline: 130)
        #expect(machine.takeTimer() == nil)
        // One that had waited for a connection.
        Self.enqueue(machine, "d", deadline: 90)
        #expect(machine.takeTimer() == 90)
        #expect(Self.text(machine.check(now: 50)) == "wait 90")
        #expect(Self.receive(machine, .simple("1"), .simple("2"), .simple("3")) == ["a=1", "b=2", "c=3"])
        #expect(Self.text(machine.check(now: 80)) == "wait 90")
        #expect(Self.receive(machine, .simple("4")) == ["d=4"])
        #expect(Self.text(machine.check(now: 90)) == "none")
        Self.enqueue(machine, "e", deadline: 200)
        #expect(machine.takeTimer() == 200)
    }

    @Test("A place past its deadline ends the connection; those due are told apart from the others")
    func late() {
        let machine = Self.open()
        Self.enqueue(machine, "a", deadline: 100)
        Self.enqueue(machine, "b", deadline: 200)
        Self.enqueue(machine, "c", deadline: 90)
        #expect(Self.text(machine.check(now: 100)) == "late ac others b: unavailable")
        #expect(!machine.isOpen)
        #expect(Self.enqueue(machine, "d")?.hasPrefix("the connection was closed") == true)
    }

    @Test("An abandoned place past its deadline ends the connection too")
    func lateAndAbandoned() {
        let machine = Self.open()
        Self.enqueue(machine, "a", deadline: 100)
        Self.enqueue(machine, "b", deadline: 200)
        #expect(machine.cancel(0) == "a")
        #expect(Self.text(machine.check(now: 99)) == "wait 100")
        #expect(Self.text(machine.check(now: 100)) == "late  others b: unavailable")
    }

    @Test("The replies that have come of a batch do not extend its deadline")
    func lateBatch() {
        let machine = Self.open()
        Self.enqueue(machine, "a", replies: 2, deadline: 100)
        _ = Self.receive(machine, .simple("1"))
        #expect(Self.text(machine.check(now: 100)) == "late a others : unavailable")
    }

    // MARK: Bytes

    @Test("The bytes of a command count until its last reply has come, whether somebody waits for it or not")
    func bytes() {
        let machine = Self.open()
        #expect(machine.takeReleasedBytes() == 0)
        Self.enqueue(machine, "a", bytes: 60)
        Self.enqueue(machine, "b", replies: 2, bytes: 7)
        machine.cancel(0)
        #expect(machine.takeReleasedBytes() == 0)
        #expect(Self.receive(machine, .simple("1"), .simple("2")) == ["drop", "none"])
        #expect(machine.takeReleasedBytes() == 60)
        #expect(Self.receive(machine, .simple("3")) == ["b=[2 3]"])
        #expect(machine.takeReleasedBytes() == 7)
        #expect(machine.takeReleasedBytes() == 0)
    }

    // MARK: Errors that end it

    @Test(
        "An error that makes the connection useless is delivered, and ends it",
        arguments: ["READONLY You can't write", "MASTERDOWN Link is down", "NOAUTH Authentication", "WRONGPASS no"])
    func fatal(_ text: String) {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        Self.enqueue(machine, "b")
        #expect(Self.receive(machine, .error(text)) == ["a=-\(text), fatal unavailable"])
        #expect(machine.close(Self.lost) == ["b"])
    }

    @Test("The same when nobody waits for it any more, and within a batch after its last reply")
    func fatalElsewhere() {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        Self.enqueue(machine, "b", replies: 2)
        machine.cancel(0)
        #expect(Self.receive(machine, .error("READONLY x")) == ["drop, fatal unavailable"])
        #expect(
            Self.receive(machine, .error("READONLY x"), .simple("2")) == [
                "none", "b=[-READONLY x 2], fatal unavailable",
            ])
    }

    @Test(
        "Any other error is a reply like another",
        arguments: ["ERR x", "WRONGTYPE x", "LOADING x", "OOM x", "NOPERM x", "BUSY x", "EXECABORT x", ""])
    func harmless(_ text: String) {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        #expect(Self.receive(machine, .error(text)) == ["a=-\(text)"])
        #expect(machine.isOpen)
    }

    // MARK: Published messages

    private static func message(_ kind: String) -> RESPValue {
        .array([.bulk(Array(kind.utf8)), .bulk([1]), .bulk([2])])
    }

    @Test("Published messages take no place in the queue; confirmations and everything else do")
    func pushes() {
        let machine = Self.open(takesPushes: true)
        #expect(Self.receive(machine, Self.message("message"), Self.message("pmessage")) == ["push", "push"])
        Self.enqueue(machine, "a")
        #expect(Self.receive(machine, Self.message("message")) == ["push"])
        #expect(Self.receive(machine, Self.message("subscribe"))[0].hasPrefix("a="))
        for reply in [Self.message("pong"), .array(nil), .array([]), .array([.simple("message")]), .bulk(nil)] {
            Self.enqueue(machine, "b")
            #expect(Self.receive(machine, reply)[0].hasPrefix("b="))
        }
        #expect(Self.receive(machine, Self.message("subscribe")) == ["violation corrupt"])
    }

    @Test("Without somebody who takes them, published messages are replies")
    func noPushes() {
        let machine = Self.open()
        Self.enqueue(machine, "a")
        #expect(Self.receive(machine, Self.message("message"))[0].hasPrefix("a="))
    }

    // MARK: Closed

    @Test("Closing tells those who wait, once, and not those who have gone")
    func closing() {
        let machine = Self.open()
        for name in ["a", "b", "c"] { Self.enqueue(machine, name) }
        machine.cancel(1)
        #expect(machine.close(Self.lost) == ["a", "c"])
        #expect(machine.close(Self.lost) == nil)
    }

    @Test("A closed connection takes nothing, tells nobody, and ignores what still comes")
    func closed() {
        let machine = Self.open(takesPushes: true)
        Self.enqueue(machine, "a", deadline: 100)
        #expect(machine.takeTimer() == 100)
        machine.close(Self.lost)
        var slots = [RedisSlot("b", replyCount: 1, isBatch: false, byteCount: 1, deadline: 1)]
        #expect(machine.enqueue(&slots)?.message == "lost")
        #expect(slots.map(\.waiter) == ["b"])
        #expect(machine.takeTimer() == nil)
        #expect(machine.cancel(0) == nil)
        #expect(
            Self.receive(machine, .simple("1"), Self.message("message"), .error("READONLY x")) == [
                "none", "none", "none",
            ])
        #expect(Self.text(machine.check(now: 1_000)) == "none")
        #expect(machine.slotCount == 0)
    }

    // MARK: At random

    @Test("In 200 random histories every reply goes to its own command", arguments: 0..<200)
    func histories(seed: UInt64) {
        #expect(Self.firstDisagreement(seed: seed) == nil)
    }

    /// Compares the machine with a model that is a list: whoever asks gets what was sent for it, or nothing where it was
    /// cancelled. An expectation at each step would take most of the time.
    private static func firstDisagreement(seed: UInt64) -> String? {
        var random = SeededGenerator(seed: seed)
        var machine = RedisConnectionMachine<String>(takesPushes: false)
        var model: [(id: UInt64, replies: Int?, isWaiting: Bool, sent: Int)] = []
        var next: UInt64 = 0
        for step in 0..<1_500 {
            let (said, expected): (String, String)
            // More is asked than answered in the first half, and then the other way round.
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<(step < 750 ? 4 : 2):
                let replies = Bool.random(using: &random) ? Int.random(in: 1...3, using: &random) : nil
                var slots = [
                    RedisSlot(
                        "\(next)", replyCount: replies ?? 1, isBatch: replies != nil, byteCount: 1, deadline: 1)
                ]
                (said, expected) = (machine.enqueue(&slots)?.message ?? "taken", "taken")
                model.append((next, replies, true, 0))
                next += 1
            case 4:
                let id = UInt64.random(in: 0...(next + 1), using: &random)
                let index = model.firstIndex { $0.id == id && $0.isWaiting }
                (said, expected) = (machine.cancel(id) ?? "nobody", index == nil ? "nobody" : "\(id)")
                if let index { model[index].isWaiting = false }
            default:
                guard let head = model.first else { continue }
                model[0].sent += 1
                said = Self.text(machine.received(.simple("\(head.id).\(head.sent)")))
                if head.sent + 1 < head.replies ?? 1 {
                    expected = "none"
                } else {
                    model.removeFirst()
                    let all = (0...head.sent).map { "\(head.id).\($0)" }.joined(separator: " ")
                    expected = head.isWaiting ? "\(head.id)=" + (head.replies == nil ? all : "[\(all)]") : "drop"
                }
            }
            guard said == expected, machine.slotCount == model.count else {
                return "step \(step): \(said) instead of \(expected)"
            }
        }
        let left = machine.close(Self.lost)
        let waiting = model.filter(\.isWaiting).map { "\($0.id)" }
        return left == waiting ? nil : "\(left ?? []) are left instead of \(waiting)"
    }
}
