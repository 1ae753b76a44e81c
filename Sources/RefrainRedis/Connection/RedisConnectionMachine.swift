import RefrainCore

/// Commands that were sent together, and the place of their replies in the queue.
struct RedisSlot<Waiter> {
    /// When their replies must have come, by the monotonic clock.
    let deadline: UInt64
    /// How long they are.
    let byteCount: Int
    /// Who waits; nil where nobody does any more.
    var waiter: Waiter?
    /// The replies that are still to come.
    var missing: Int
    /// Whether the replies are delivered together.
    let isBatch: Bool
    /// One of the replies says that the connection is of no use.
    var isFatal = false
    /// The replies of a batch that have come.
    var replies: [RESPValue] = []

    /// Describes commands that `replyCount` replies, at least one, will answer.
    init(_ waiter: Waiter, replyCount: Int, isBatch: Bool, byteCount: Int, deadline: UInt64) {
        self.waiter = waiter
        self.missing = replyCount
        self.isBatch = isBatch
        self.byteCount = byteCount
        self.deadline = deadline
    }
}

extension RedisSlot: Sendable where Waiter: Sendable {}

/// Which reply belongs to whom on one connection, as a value.
///
/// A Redis server answers in the order it was asked, so the commands in flight are a queue. Whoever is cancelled abandons
/// its place, which stays until its reply has come and been dropped: nobody else's reply is ever taken for it. A place
/// whose deadline has passed, abandoned or not, means that the server or the way to it hangs, and the connection ends,
/// because a late reply must not meet a newer command.
///
/// ```
///        closed | late | unasked reply | fatal error reply
/// open ────────────────────────────────────────────────────► closed
/// ```
///
/// It does no I/O and reads no clock. Its owner, ``RedisChannelHandler``, tells it what happened and acts on what it
/// returns.
struct RedisConnectionMachine<Waiter> {
    /// Names a place in the queue: the number of places there were before it.
    typealias SlotID = UInt64

    private enum Phase {
        case open
        case closed(StoreError)
    }

    /// Whether published messages are told apart from replies.
    let takesPushes: Bool

    private var phase = Phase.open
    /// The places, from `first` on. What is before has been answered.
    private var slots: [RedisSlot<Waiter>] = []
    private var first = 0
    /// The ID of the next slot; they are consecutive, so a slot's place follows from its ID.
    private var nextID: SlotID = 0
    private var releasedBytes = 0
    /// No slot's deadline is before it.
    private var soonest = UInt64.max
    /// When the owner's timer fires.
    private var timer = UInt64.max

    init(takesPushes: Bool) { self.takesPushes = takesPushes }

    /// Whether commands are taken.
    var isOpen: Bool { if case .open = self.phase { true } else { false } }
    /// How many places are taken, abandoned ones too.
    var slotCount: Int { self.slots.count - self.first }

    // MARK: Commands

    /// Commands are being written: takes their places from the list. Where the connection is closed it takes none, and
    /// returns why: those who wait are to be told.
    mutating func enqueue(_ new: inout [RedisSlot<Waiter>]) -> StoreError? {
        if case .closed(let reason) = self.phase { return reason }
        self.nextID += SlotID(new.count)
        for index in new.indices { self.soonest = min(self.soonest, new[index].deadline) }
        if self.slots.isEmpty {
            // What is left of one array is the other one's memory.
            swap(&self.slots, &new)
        } else {
            self.slots.append(contentsOf: new)
            new.removeAll(keepingCapacity: true)
        }
        return nil
    }

    /// When ``check(now:)`` is to be called, where the timer must be set anew.
    mutating func takeTimer() -> UInt64? {
        guard self.isOpen, self.soonest < self.timer else { return nil }
        self.timer = self.soonest
        return self.timer
    }

    /// How many bytes of commands have been answered since this was last asked.
    mutating func takeReleasedBytes() -> Int {
        defer { self.releasedBytes = 0 }
        return self.releasedBytes
    }

    /// Nobody waits at a place any more. Returns who did, unless that one has been answered.
    mutating func cancel(_ id: SlotID) -> Waiter? {
        let answered = self.nextID - SlotID(self.slotCount)
        guard id >= answered, id < self.nextID else { return nil }
        return self.slots[self.first + Int(id - answered)].waiter.take()
    }

    // MARK: Replies

    /// What is to be done with a reply.
    enum ReplyAction {
        /// Nothing: more of its batch are to come, or the connection is closed.
        case none
        /// Nothing: whoever asked has gone. `fatal` as below.
        case drop(fatal: StoreError?)
        /// Answer. Where `fatal` is given, call ``close(_:)`` with it then.
        case deliver(Waiter, RedisAnswer, fatal: StoreError?)
        /// Hand on a published message.
        case push(RESPValue)
        /// Nobody asked: call ``close(_:)``.
        case violation(StoreError)
    }

    /// A reply has come.
    mutating func received(_ reply: RESPValue) -> ReplyAction {
        guard self.isOpen else { return .none }
        if self.takesPushes, reply.isPublishedMessage { return .push(reply) }
        guard self.slotCount > 0 else {
            return .violation(StoreError(.corrupt, "the server sent a reply to no command"))
        }
        if reply.endsConnection { self.slots[self.first].isFatal = true }
        if self.slots[self.first].isBatch {
            self.slots[self.first].missing -= 1
            self.slots[self.first].replies.append(reply)
            guard self.slots[self.first].missing == 0 else { return .none }
        }
        self.releasedBytes += self.slots[self.first].byteCount
        let fatal = self.slots[self.first].isFatal ? Self.useless : nil
        let waiter = self.slots[self.first].waiter.take()
        let answer: RedisAnswer
        if self.slots[self.first].isBatch {
            answer = .all(self.slots[self.first].replies)
            self.slots[self.first].replies = []
        } else {
            answer = .one(reply)
        }
        self.removeFirst()
        guard let waiter else { return .drop(fatal: fatal) }
        return .deliver(waiter, answer, fatal: fatal)
    }

    /// Forgets the first place. The memory of those before is taken again when it is most of the array, which costs each
    /// place one move at most.
    private mutating func removeFirst() {
        self.first += 1
        if self.first == self.slots.count {
            self.slots.removeAll(keepingCapacity: self.slots.capacity <= Self.keptCapacity)
            self.first = 0
        } else if self.first >= Self.keptCapacity, self.first * 2 >= self.slots.count {
            self.slots.removeFirst(self.first)
            self.first = 0
        }
    }

    private static var keptCapacity: Int { 256 }

    private static var useless: StoreError {
        StoreError(.unavailable, "the server was demoted, has lost its master, or no longer takes the credentials")
    }

    // MARK: Ends

    /// What is to be done when the timer has fired.
    enum CheckAction {
        /// Nothing: no deadline is ahead.
        case none
        /// Set it for this moment.
        case wait(until: UInt64)
        /// Close the connection, with this reason. The deadline of some has passed, the others fail with them.
        case late(due: [Waiter], others: [Waiter], StoreError)
    }

    /// The timer has fired.
    mutating func check(now: UInt64) -> CheckAction {
        self.timer = .max
        let slots = self.slots[self.first...]
        self.soonest = slots.reduce(.max) { min($0, $1.deadline) }
        guard self.isOpen, self.soonest < .max else { return .none }
        guard self.soonest <= now else {
            self.timer = self.soonest
            return .wait(until: self.soonest)
        }
        let due = slots.filter { $0.deadline <= now }.compactMap(\.waiter)
        let others = slots.filter { $0.deadline > now }.compactMap(\.waiter)
        let reason = StoreError(.unavailable, "the connection was closed because a reply did not come in time")
        self.end(reason)
        return .late(due: due, others: others, reason)
    }

    /// The connection is closed, or is to be. Returns those who wait, to be told; nil where it was closed before.
    mutating func close(_ reason: StoreError) -> [Waiter]? {
        guard self.isOpen else { return nil }
        let waiters = self.slots[self.first...].compactMap(\.waiter)
        self.end(reason)
        return waiters
    }

    private mutating func end(_ reason: StoreError) {
        self.phase = .closed(reason)
        self.slots = []
        self.first = 0
        self.soonest = .max
    }
}

extension RESPValue {
    /// The code of an error reply: its first word.
    var errorCode: Substring? {
        guard case .error(let text) = self else { return nil }
        return text.prefix { $0 != " " }
    }

    /// Whether it says that its connection is of no use any more: the server was demoted, has lost its master, or no
    /// longer takes the connection's credentials.
    var endsConnection: Bool {
        guard case .error(let text) = self else { return false }
        return ["READONLY", "MASTERDOWN", "NOAUTH", "WRONGPASS"].contains { text.hasPrefix($0) }
    }

    /// Whether it is a message of a channel that the connection has subscribed to.
    var isPublishedMessage: Bool {
        guard case .array(let parts?) = self, case .bulk(let kind?) = parts.first else { return false }
        return kind.elementsEqual("message".utf8) || kind.elementsEqual("pmessage".utf8)
    }
}
