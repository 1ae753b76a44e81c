import NIOCore
import RefrainCore

/// What callers have given to a connection and the event loop has not taken yet, as a value: places in the queue of replies
/// and the bytes that belong to them, in the same order.
///
/// Small commands are appended to one buffer, so that many callers cost one write. A large one keeps the buffer that its
/// caller formatted it into, since copying it once more would take longer than another part of the same system call.
///
/// It is what callers and the event loop share, under a lock; everything else is the event loop's alone.
struct RedisSubmissions<Waiter> {
    /// From how many bytes on a command keeps its own buffer.
    static var ownBufferSize: Int { 16 << 10 }

    /// What the event loop takes, and what is used again when it has been emptied.
    struct Batch {
        /// The places.
        var slots: [RedisSlot<Waiter>] = []
        /// Buffers that come before `tail`.
        var parts: [ByteBuffer] = []
        /// The last buffer.
        var tail = ByteBuffer()
    }

    private var batch = Batch()
    private var closed: StoreError?
    private var nextID: RedisConnectionMachine<Waiter>.SlotID = 0
    private var isFlushPending = false

    /// Whether commands are taken.
    var isOpen: Bool { self.closed == nil }

    /// What is to be done with commands.
    enum SubmitAction {
        /// Nothing more; or, where it says so, see to it that ``take(spare:)`` is called.
        case queued(RedisConnectionMachine<Waiter>.SlotID, flushes: Bool)
        /// The connection is closed. Nothing was noted.
        case closed(StoreError)
    }

    /// Commands are to be sent, either in a buffer of their own or as `write` writes them.
    mutating func submit(
        _ slot: RedisSlot<Waiter>, own: ByteBuffer?, _ write: (inout ByteBuffer) -> Void
    ) -> SubmitAction {
        if let closed = self.closed { return .closed(closed) }
        if let own {
            if self.batch.tail.readableBytes > 0 {
                self.batch.parts.append(self.batch.tail)
                self.batch.tail = ByteBuffer()
            }
            self.batch.parts.append(own)
        } else {
            write(&self.batch.tail)
        }
        self.batch.slots.append(slot)
        defer {
            self.nextID += 1
            self.isFlushPending = true
        }
        return .queued(self.nextID, flushes: !self.isFlushPending)
    }

    /// Takes everything, and leaves `spare`, an empty batch, in its place.
    mutating func take(spare: Batch) -> Batch {
        self.isFlushPending = false
        defer { self.batch = spare }
        return self.batch
    }

    /// The connection is closed, or is to be. Returns what will not be sent; nil where it was closed before.
    mutating func close(_ reason: StoreError) -> Batch? {
        guard self.closed == nil else { return nil }
        self.closed = reason
        return self.take(spare: Batch())
    }
}

extension RedisSubmissions.Batch: Sendable where Waiter: Sendable {}
extension RedisSubmissions: Sendable where Waiter: Sendable {}
