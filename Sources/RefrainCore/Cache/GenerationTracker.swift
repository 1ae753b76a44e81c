public import RefrainKeys
import Synchronization

/// The process's copy of its namespace's ``GenerationRecord``: every read from any tier asks it.
///
/// A purge takes effect for every read that begins after ``purge(_:)`` has returned. A read that began earlier may still
/// be admitted: it could as well have ended before the purge.
///
/// ## With a shared tier
/// A tracker made by ``shared(newEpoch:)`` is a copy of a record that a shared tier keeps, and two rules hold besides:
///
/// - A purge made here is *pending* until the shared tier has acknowledged it. Meanwhile it refuses what it names, also
///   what was asked for after it, and raises no clock: an entry stamped with a clock that the shared record has not
///   reached would survive the next purge of another process.
/// - The copy is good for a while only: ``vouch(healthyUntil:until:)``. A process that has not heard of the record for
///   longer cannot know what others have purged, and reads nothing.
///
/// ## How a hit avoids the lock
/// An entry stamped with the present epoch and clock was asked for after every purge there was, so only ``before`` can
/// still refuse it. Those three numbers are mirrored in atomics, written under the record's lock before a purge returns
/// and read without it. A read that overlaps a purge may see some of the new numbers and some of the old; it then began
/// before the purge returned, and is free to be answered either way. Whatever does not match takes the lock.
public final class GenerationTracker: Sendable {
    private struct State {
        var record: GenerationRecord
        /// The purges that the shared tier has not acknowledged, each with the number of its last call.
        var pending: [Purge: Int] = [:]
        var lastNumber = 0
        /// The epochs that were left, the last one last: a shared record that shows one of them went back in time.
        var left: [UInt64] = []
    }

    /// How many epochs are remembered. One is left at a purge of everything and where the shared record was lost.
    private static let rememberedEpochs = 256

    /// Whether a shared tier keeps the record.
    public let isShared: Bool

    private let state: Locked<State>
    private let epoch: Atomic<UInt64>
    private let clock: Atomic<UInt64>
    private let before: Atomic<Int64>
    private let healthyUntil: Atomic<Int64>
    private let vouchedUntil: Atomic<Int64>
    private let graceReads = Atomic<Int>(0)
    private let newEpoch: @Sendable () -> UInt64

    /// Creates the tracker of a process that shares its record with no other.
    ///
    /// - Parameters:
    ///   - record: What is known of earlier purges; nil starts a new epoch.
    ///   - newEpoch: Where epochs come from. They must be random, since two processes that never met must not agree.
    public convenience init(
        record: GenerationRecord? = nil,
        newEpoch: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.init(record: record ?? GenerationRecord(epoch: newEpoch()), isShared: false, newEpoch: newEpoch)
    }

    /// Creates the tracker of a process whose record a shared tier keeps. Until ``replace(with:)`` was called it is in an
    /// epoch of its own; until ``vouch(healthyUntil:until:)`` was called it admits nothing for reading.
    public static func shared(
        newEpoch: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) -> GenerationTracker {
        GenerationTracker(record: GenerationRecord(epoch: newEpoch()), isShared: true, newEpoch: newEpoch)
    }

    private init(record: GenerationRecord, isShared: Bool, newEpoch: @escaping @Sendable () -> UInt64) {
        self.isShared = isShared
        self.state = Locked(State(record: record))
        self.epoch = Atomic(record.epoch)
        self.clock = Atomic(record.clock)
        self.before = Atomic(record.before?.milliseconds ?? .min)
        self.healthyUntil = Atomic(isShared ? .min : .max)
        self.vouchedUntil = Atomic(isShared ? .min : .max)
        self.newEpoch = newEpoch
    }

    /// The record as it is now, without pending purges. Takes the lock.
    public var record: GenerationRecord { self.state.withLock { $0.record } }

    /// The stamp of an entry whose upstream call begins now. Takes the lock.
    public func stamp() -> GenerationStamp { self.state.withLock { $0.record.stamp } }

    // MARK: Reading

    /// Whether `envelope` may be read at `now`: it is admitted, and the record is good. Takes the lock only where something
    /// was purged since the envelope's stamp.
    public func admits(_ envelope: Envelope, at now: Timestamp) -> Bool {
        self.vouches(at: now) && self.admits(envelope)
    }

    /// Whether no purge names `envelope`. Takes the lock only where something was purged since the envelope's stamp.
    public func admits(_ envelope: Envelope) -> Bool {
        self.admits(
            envelope.key, stamp: envelope.generation, labels: envelope.labels, created: envelope.created)
    }

    /// Whether no purge names an entry: see ``GenerationRecord/admits(_:stamp:labels:created:)``.
    ///
    /// Takes the lock only where something was purged since `stamp`. Allocates nothing.
    public func admits(_ key: RequestKey, stamp: GenerationStamp, labels: [Label], created: Timestamp) -> Bool {
        if self.isCurrent(stamp: stamp, created: created) { return true }
        return self.state.withLock { state in
            state.record.admits(key, stamp: stamp, labels: labels, created: created)
                && !state.pending.keys.contains { $0.names(key, labels: labels, created: created) }
        }
    }

    /// Whether no purge since `stamp` was made at all, so that an entry is readable whatever its labels. Takes no lock.
    func isCurrent(stamp: GenerationStamp, created: Timestamp) -> Bool {
        // In the reverse order of publish(_:): `before` is lowered only once the others show what has taken its place.
        created.milliseconds > self.before.load(ordering: .acquiring)
            && stamp.clock == self.clock.load(ordering: .acquiring)
            && stamp.epoch == self.epoch.load(ordering: .acquiring)
    }

    /// Whether an upstream call that began with `stamp`, at `began`, may answer callers that come now: whether no purge of
    /// its labels, or of any model, since which one will answer is not known yet, was recorded since it began.
    ///
    /// Pending purges are not looked at: the calls that were under way were told of them.
    package func mayAnswer(
        _ key: RequestKey, stamp: GenerationStamp, labels: Set<Label>, began: Timestamp
    ) -> Bool {
        if stamp.clock == self.clock.load(ordering: .acquiring), stamp.epoch == self.epoch.load(ordering: .acquiring) {
            return true
        }
        return self.state.withLock { state in
            state.record.admits(key, stamp: stamp, labels: Array(labels), created: began)
                && !state.record.fields.contains { $0.key.isModel && $0.value > stamp.clock }
        }
    }

    /// Whether the record may be relied on at `now`. Always, without a shared tier. Takes no lock.
    public func vouches(at now: Timestamp) -> Bool {
        if now.milliseconds < self.healthyUntil.load(ordering: .relaxed) { return true }
        guard now.milliseconds < self.vouchedUntil.load(ordering: .relaxed) else { return false }
        self.graceReads.add(1, ordering: .relaxed)
        return true
    }

    /// Whether the record is news at `now`. Always, without a shared tier.
    func isHealthy(at now: Timestamp) -> Bool { now.milliseconds < self.healthyUntil.load(ordering: .relaxed) }

    /// How often the record was relied on while the shared tier could not be asked.
    public var readsOnGrace: Int { self.graceReads.load(ordering: .relaxed) }

    // MARK: Purging

    /// Makes the entries that `purge` names unreadable for every read that begins after the call, for good.
    ///
    /// With a shared tier the purge is pending until ``settle(_:number:)``.
    ///
    /// - Returns: The new generation; with a shared tier the present one.
    /// - Complexity: O(1) and one lock, but for the purge of a label or key that exceeds
    ///   ``GenerationRecord/maximumFields``: that sorts them.
    @discardableResult
    public func purge(_ purge: Purge) -> GenerationStamp {
        guard !self.isShared else {
            _ = self.pend(purge)
            return self.stamp()
        }
        let epoch = self.newEpoch()
        return self.state.withLock { state in
            state.record.apply(purge, newEpoch: epoch)
            self.publish(state)
            return state.record.stamp
        }
    }

    /// Notes a purge that the shared tier is yet to be told of, and refuses what it names until then.
    ///
    /// - Returns: The number to settle it with. A later call for the same purge takes a new one: both are settled by it.
    public func pend(_ purge: Purge) -> Int {
        self.state.withLock { state in
            state.lastNumber += 1
            state.pending[purge] = state.lastNumber
            self.publish(state)
            return state.lastNumber
        }
    }

    /// The shared tier has recorded a purge, and its record was taken over since. Ignored where the purge was asked for
    /// again meanwhile.
    public func settle(_ purge: Purge, number: Int) {
        self.state.withLock { state in
            guard state.pending[purge] == number else { return }
            state.pending[purge] = nil
            self.publish(state)
        }
    }

    /// The purges that the shared tier has not acknowledged.
    public var pending: [(purge: Purge, number: Int)] {
        self.state.withLock { state in state.pending.map { ($0.key, $0.value) } }
    }

    // MARK: The shared record

    /// Takes over the record of a shared tier, or nil where that tier has none. Records must be given in the order in
    /// which they were read.
    ///
    /// - Returns: ``GenerationRecord/Replacement/newEpoch`` where the record was missing, ran backwards, has lost a purge or
    ///   is of an epoch that was left: the tier then has to store ``record``.
    @discardableResult
    public func replace(with shared: GenerationRecord?) -> GenerationRecord.Replacement {
        let epoch = self.newEpoch()
        return self.state.withLock { state in
            let present = state.record.epoch
            let isOld = shared.map { state.left.contains($0.epoch) } ?? false
            let replacement = state.record.merge(isOld ? nil : shared, newEpoch: epoch)
            if state.record.epoch != present {
                state.left.append(present)
                if state.left.count > Self.rememberedEpochs { state.left.removeFirst() }
            }
            self.publish(state)
            return replacement
        }
    }

    /// The record is known to be the shared tier's.
    ///
    /// - Parameters:
    ///   - healthy: Until when that counts as news. Reads after it are counted: ``readsOnGrace``.
    ///   - until: Until when it may be relied on. Nothing is read after it.
    public func vouch(healthyUntil healthy: Timestamp, until: Timestamp) {
        self.healthyUntil.store(min(healthy, until).milliseconds, ordering: .relaxed)
        self.vouchedUntil.store(until.milliseconds, ordering: .relaxed)
    }

    /// The record can be relied on no longer.
    public func suspend() {
        self.healthyUntil.store(.min, ordering: .relaxed)
        self.vouchedUntil.store(.min, ordering: .relaxed)
    }

    /// Mirrors the state for readers. Called under the lock.
    private func publish(_ state: State) {
        // While a purge is pending every read has to look: no entry was created later than that.
        let before = state.pending.isEmpty ? state.record.before?.milliseconds ?? .min : .max
        self.epoch.store(state.record.epoch, ordering: .sequentiallyConsistent)
        self.clock.store(state.record.clock, ordering: .sequentiallyConsistent)
        self.before.store(before, ordering: .sequentiallyConsistent)
    }
}

extension Purge {
    /// Whether it names an entry under that key, with these labels, that was created at that moment.
    func names(_ key: RequestKey, labels: [Label], created: Timestamp) -> Bool {
        switch self {
        case .key(let purged): key == purged
        case .all: true
        case .before(let moment): created <= moment
        case .label(let label): labels.contains(label)
        }
    }
}
