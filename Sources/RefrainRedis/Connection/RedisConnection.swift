import NIOCore
import RefrainCore
import RefrainKeys
import Synchronization

/// One connection to a Redis server, shared by many callers.
///
/// A caller formats its commands on its own thread into what is to be written, takes its place in the queue of replies, and
/// waits. The first of them wakes the event loop, which writes all of it at once: the more callers, the fewer system calls.
/// No future, promise or task is made for a command, and one timer watches all deadlines.
///
/// Callers and the event loop meet at one lock, held for the time it takes to append. What is in flight is known to the
/// event loop alone (``RedisChannelHandler``), so that dealing with replies takes no lock at all.
final class RedisConnection: Sendable {
    /// Who waits for a reply: a task, resumed from the event loop.
    typealias Waiter = CheckedContinuation<RedisAnswer, Never>

    private struct Closing {
        var reason: StoreError?
        var observers: [@Sendable (StoreError) -> Void] = []
        var nextID = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    /// What the connections of one client have in common.
    struct Settings: Sendable {
        /// How long a command may take.
        let commandTimeout: Duration
        /// How many bytes of commands may be unanswered.
        let byteLimit: Int
        /// The clock of the deadlines.
        let time: TimeSource
        /// What is counted.
        let counters: RedisCounters
        /// Called on the event loop with each message that is published to the connection.
        let onPush: (@Sendable (RESPValue) -> Void)?
    }

    /// Its socket.
    let channel: any Channel
    private let eventLoop: any EventLoop
    private let handler: NIOLoopBound<RedisChannelHandler>
    private let settings: Settings
    private let submissions = Locked(RedisSubmissions<Waiter>())
    /// How many bytes of commands are unanswered, abandoned ones too.
    private let outstandingBytes = Atomic<Int>(0)
    private let closing = Locked(Closing())

    /// Creates a connection over a channel whose handshake is over. On the event loop only.
    init(channel: any Channel, handler: RedisChannelHandler, settings: Settings) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.settings = settings
    }

    /// Whether it takes commands.
    var isOpen: Bool { self.submissions.withLock { $0.isOpen } }

    // MARK: Commands

    /// Sends a command and waits for its reply, which may be an error reply.
    ///
    /// `SUBSCRIBE` and its kin must name one channel: the server answers once for each.
    func send(_ command: RESPCommand) async throws(StoreError) -> RESPValue {
        switch await self.submit(command, deadline: self.deadline()) {
        case .one(let reply): return reply
        case .failed(let error), .notSent(let error): throw error
        case .all: throw StoreError(.corrupt, "several replies to one command")
        }
    }

    /// Sends commands, one right after the other, and waits for all their replies.
    func send(_ commands: [RESPCommand]) async throws(StoreError) -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        switch await self.submit(commands, deadline: self.deadline()) {
        case .all(let replies): return replies
        case .failed(let error), .notSent(let error): throw error
        case .one: throw StoreError(.corrupt, "one reply to several commands")
        }
    }

    private func deadline() -> UInt64 {
        self.settings.time.monotonicNanoseconds() &+ self.settings.commandTimeout.wholeNanoseconds
    }

    /// Sends a command that is to be answered by a moment of the clock.
    func submit(_ command: RESPCommand, deadline: UInt64) async -> RedisAnswer {
        await self.submit(replyCount: 1, isBatch: false, byteCount: command.byteCount, deadline: deadline) {
            command.write(into: &$0)
        }
    }

    /// Sends commands, at least one, that are to be answered by a moment of the clock.
    func submit(_ commands: [RESPCommand], deadline: UInt64) async -> RedisAnswer {
        let byteCount = commands.reduce(0) { $0 + $1.byteCount }
        return await self.submit(
            replyCount: commands.count, isBatch: true, byteCount: byteCount, deadline: deadline
        ) { buffer in
            for command in commands { command.write(into: &buffer) }
        }
    }

    /// What a caller has of its place in the queue: none yet, none any more, or a number from here on.
    private enum Ticket {
        static let none: UInt64 = 0
        static let cancelled: UInt64 = 1
        static let first: UInt64 = 2
    }

    @inline(__always)
    private func submit(
        replyCount: Int, isBatch: Bool, byteCount: Int, deadline: UInt64, _ write: (inout ByteBuffer) -> Void
    ) async -> RedisAnswer {
        let ticket = Atomic<UInt64>(Ticket.none)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard ticket.load(ordering: .acquiring) == Ticket.none else {
                    return waiter.resume(returning: .failed(Self.cancelled))
                }
                guard self.reserve(byteCount) else {
                    return waiter.resume(
                        returning: .failed(StoreError(.unavailable, "too many bytes wait for the server to answer")))
                }
                // A large value is formatted before the lock is taken, a small one in place, which is as good as a copy.
                var own: ByteBuffer?
                if byteCount >= RedisSubmissions<Waiter>.ownBufferSize {
                    var buffer = ByteBufferAllocator().buffer(capacity: byteCount)
                    write(&buffer)
                    own = buffer
                }
                let slot = RedisSlot(
                    waiter, replyCount: replyCount, isBatch: isBatch, byteCount: byteCount, deadline: deadline)
                switch self.submissions.withLock({ $0.submit(slot, own: own, write) }) {
                case .queued(let id, let flushes):
                    if flushes { self.eventLoop.execute { self.handler.value.flush() } }
                    let (isNoted, _) = ticket.compareExchange(
                        expected: Ticket.none, desired: id + Ticket.first, ordering: .acquiringAndReleasing)
                    if !isNoted { self.cancel(id) }
                case .closed(let reason):
                    waiter.resume(returning: .notSent(reason))
                }
            }
        } onCancel: {
            let id = ticket.exchange(Ticket.cancelled, ordering: .acquiringAndReleasing)
            if id >= Ticket.first { self.cancel(id - Ticket.first) }
        }
    }

    /// What becomes of a socket that is not wanted any more.
    static let givenUp = StoreError(.closed, "connecting was given up")
    /// What a cancelled caller is told.
    static let cancelled = StoreError(.closed, "the task was cancelled")

    private func cancel(_ id: RedisConnectionMachine<Waiter>.SlotID) {
        self.eventLoop.execute { self.handler.value.cancel(id) }
    }

    private func reserve(_ byteCount: Int) -> Bool {
        let total = self.outstandingBytes.add(byteCount, ordering: .relaxed).newValue
        guard total > self.settings.byteLimit else { return true }
        self.release(byteCount)
        return false
    }

    /// Commands of so many bytes have been answered.
    func release(_ byteCount: Int) { self.outstandingBytes.subtract(byteCount, ordering: .relaxed) }

    /// Takes what callers have given. On the event loop only.
    func take(spare: RedisSubmissions<Waiter>.Batch) -> RedisSubmissions<Waiter>.Batch {
        self.submissions.withLock { $0.take(spare: spare) }
    }

    // MARK: Ends

    /// Takes no more commands, fails what is outstanding, and closes the socket. Does nothing, and returns false, where that
    /// was done before.
    @discardableResult
    func close(_ reason: StoreError) -> Bool {
        guard let unsent = self.submissions.withLock({ $0.close(reason) }) else { return false }
        // Told before those who wait for replies, so that what they do next does not meet this connection again.
        self.tellObservers(reason)
        for slot in unsent.slots { slot.waiter?.resume(returning: .notSent(reason)) }
        if self.eventLoop.inEventLoop {
            self.handler.value.end(reason)
        } else {
            self.eventLoop.execute { self.handler.value.end(reason) }
        }
        return true
    }

    /// Closes the connection, and returns when its socket is closed.
    func close() async {
        self.close(StoreError(.closed, "the connection was closed"))
        await withCheckedContinuation { continuation in
            self.channel.closeFuture.whenComplete { _ in continuation.resume() }
        }
    }

    private func tellObservers(_ reason: StoreError) {
        let (observers, waiters) = self.closing.withLock { closing in
            closing.reason = reason
            defer {
                closing.observers = []
                closing.waiters = [:]
            }
            return (closing.observers, Array(closing.waiters.values))
        }
        for observer in observers { observer(reason) }
        for waiter in waiters { waiter.resume() }
    }

    /// Calls `observer` once, when the connection has come to its end, at once where it has already.
    func whenEnded(_ observer: @escaping @Sendable (StoreError) -> Void) {
        let reason = self.closing.withLock { closing in
            if closing.reason == nil { closing.observers.append(observer) }
            return closing.reason
        }
        if let reason { observer(reason) }
    }

    /// Waits until it takes no more commands, or the task is cancelled.
    func waitUntilClosed() async {
        let id = self.closing.withLock { closing in
            closing.nextID += 1
            return closing.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.closing.withLock { closing in
                    // Read under the lock: a cancellation after this finds the waiter.
                    guard closing.reason == nil, !Task.isCancelled else { return true }
                    closing.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.closing.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}

extension Duration {
    /// The duration in nanoseconds, between none and the two centuries that a moment can be ahead without overflow.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        guard self > .zero else { return 0 }
        guard seconds < 6_000_000_000 else { return 6_000_000_000_000_000_000 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
