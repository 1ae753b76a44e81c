import RefrainKeys
import Synchronization

/// The process's copy of its namespace's ``GenerationRecord``: every read from any tier asks it.
///
/// A purge takes effect for every read that begins after ``purge(_:)`` has returned. A read that began earlier may still
/// be admitted: it could as well have ended before the purge.
///
/// ## How a hit avoids the lock
/// An entry stamped with the present epoch and clock was asked for after every purge there was, so only ``before`` can
/// still refuse it. Those three numbers are mirrored in atomics, written under the record's lock before a purge returns
/// and read without it. A read that overlaps a purge may see some of the new numbers and some of the old; it then began
/// before the purge returned, and is free to be answered either way. Whatever does not match takes the lock.
public final class GenerationTracker: Sendable {
    private let state: Locked<GenerationRecord>
    private let epoch: Atomic<UInt64>
    private let clock: Atomic<UInt64>
    private let before: Atomic<Int64>
    private let newEpoch: @Sendable () -> UInt64

    /// Creates a tracker.
    ///
    /// - Parameters:
    ///   - record: What is known of earlier purges; nil starts a new epoch.
    ///   - newEpoch: Where epochs come from. They must be random, since two processes that never met must not agree.
    public init(
        record: GenerationRecord? = nil,
        newEpoch: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        let record = record ?? GenerationRecord(epoch: newEpoch())
        self.state = Locked(record)
        self.epoch = Atomic(record.epoch)
        self.clock = Atomic(record.clock)
        self.before = Atomic(record.before?.milliseconds ?? .min)
        self.newEpoch = newEpoch
    }

    /// The record as it is now. Takes the lock.
    public var record: GenerationRecord { self.state.withLock { $0 } }

    /// The stamp of an entry whose upstream call begins now. Takes the lock.
    public func stamp() -> GenerationStamp { self.state.withLock { $0.stamp } }

    /// Whether `envelope` may be read. Takes the lock only where something was purged since the envelope's stamp.
    public func admits(_ envelope: Envelope) -> Bool {
        self.admits(stamp: envelope.generation, labels: envelope.labels, created: envelope.created)
    }

    /// Whether an entry may be read: see ``GenerationRecord/admits(stamp:labels:created:)``.
    ///
    /// Takes the lock only where something was purged since `stamp`. Allocates nothing.
    public func admits(stamp: GenerationStamp, labels: [Label], created: Timestamp) -> Bool {
        if self.isCurrent(stamp: stamp, created: created) { return true }
        return self.state.withLock { $0.admits(stamp: stamp, labels: labels, created: created) }
    }

    /// Whether no purge since `stamp` was made at all, so that an entry is readable whatever its labels. Takes no lock.
    func isCurrent(stamp: GenerationStamp, created: Timestamp) -> Bool {
        stamp.clock == self.clock.load(ordering: .acquiring)
            && stamp.epoch == self.epoch.load(ordering: .acquiring)
            && created.milliseconds > self.before.load(ordering: .acquiring)
    }

    /// Makes the entries that `purge` names unreadable for every read that begins after the call, for good.
    ///
    /// - Returns: The new generation.
    /// - Complexity: O(1) and one lock, but for the purge of a label that exceeds
    ///   ``GenerationRecord/maximumFields``: that sorts them.
    @discardableResult
    public func purge(_ purge: Purge) -> GenerationStamp {
        let epoch = self.newEpoch()
        return self.state.withLock { record in
            record.apply(purge, newEpoch: epoch)
            self.publish(record)
            return record.stamp
        }
    }

    /// Takes over the record of a shared tier, or nil where that tier has none.
    ///
    /// Purges made here that the shared record lacks are kept where the epochs are equal; where they differ, the shared
    /// record counts. So whoever calls this first repeats there the purges that were not acknowledged yet.
    ///
    /// - Returns: ``GenerationRecord/Replacement/newEpoch`` where the record was missing or ran backwards: the tier then
    ///   has to store ``record``.
    @discardableResult
    public func replace(with shared: GenerationRecord?) -> GenerationRecord.Replacement {
        let epoch = self.newEpoch()
        return self.state.withLock { record in
            let replacement = record.merge(shared, newEpoch: epoch)
            self.publish(record)
            return replacement
        }
    }

    /// Mirrors `record` for readers. Called under the lock.
    private func publish(_ record: GenerationRecord) {
        self.before.store(record.before?.milliseconds ?? .min, ordering: .sequentiallyConsistent)
        self.epoch.store(record.epoch, ordering: .sequentiallyConsistent)
        self.clock.store(record.clock, ordering: .sequentiallyConsistent)
    }
}
