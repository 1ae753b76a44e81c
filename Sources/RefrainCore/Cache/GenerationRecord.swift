public import RefrainKeys

/// What a namespace knows of its purges: one record, from which every tier decides whether an entry may be read.
///
/// A value without a lock, a clock or randomness. ``GenerationTracker`` holds the one that a process reads; a shared
/// tier keeps another copy for all processes.
///
/// A record that is missing, or whose clock ran backwards, is replaced by one of a new epoch: nothing stored before is
/// readable any more. That costs misses, and never gives an old answer.
public struct GenerationRecord: Hashable, Sendable {
    /// The namespace's random epoch. A purge of everything takes a new one.
    public private(set) var epoch: UInt64
    /// Raised by every purge. No field is greater.
    public private(set) var clock: UInt64
    /// Entries created at this moment or earlier are purged; nil where no purge named a moment.
    public private(set) var before: Timestamp?
    /// For each label and key ever purged, the clock of its last purge.
    public private(set) var fields: [Subject: UInt64]
    /// Entries whose stamp has an earlier clock than this are purged, whatever their labels and keys.
    ///
    /// It is how the record stays bounded: see ``maximumFields``.
    public private(set) var floor: UInt64

    /// What a field of the record stands for.
    public enum Subject: Hashable, Sendable {
        /// Every entry that carries the label.
        case label(Label)
        /// The entry under the key.
        case key(RequestKey)

        /// Whether it is every entry of a model.
        var isModel: Bool { if case .label(let label) = self { label.isModel } else { false } }
    }

    /// The most labels and keys that ``fields`` holds.
    ///
    /// A purge that would exceed it folds the quarter of the fields that was purged longest ago into ``floor``: every
    /// entry asked for before the newest of them becomes a miss, whatever its labels. A namespace meets that only when
    /// it has purged more than 12,288 other labels and keys since the entry was asked for.
    public static let maximumFields = 16_384

    /// Creates a record, by default one of a namespace in which nothing was purged yet.
    ///
    /// A `clock` lower than a field or the floor is raised to it.
    public init(
        epoch: UInt64, clock: UInt64 = 0, before: Timestamp? = nil, fields: [Subject: UInt64] = [:],
        floor: UInt64 = 0
    ) {
        self.epoch = epoch
        self.clock = max(clock, floor, fields.values.max() ?? 0)
        self.before = before
        self.fields = fields
        self.floor = floor
    }

    /// The stamp of an entry whose upstream call begins now.
    public var stamp: GenerationStamp { GenerationStamp(epoch: self.epoch, clock: self.clock) }

    /// Whether an entry may be read: no purge that it falls under came after its stamp.
    ///
    /// A stamp whose clock is ahead of the record's is refused too: this record has not seen the purges that the stamp
    /// has, so it cannot vouch for the entry.
    ///
    /// - Parameters:
    ///   - key: The key that the entry is stored under.
    ///   - stamp: The generation read before the entry's upstream call.
    ///   - labels: The labels that the entry carries.
    ///   - created: When the entry's answer was complete.
    /// - Complexity: One hash look-up for the key and for each label, none where nothing was purged since the stamp.
    public func admits(_ key: RequestKey, stamp: GenerationStamp, labels: [Label], created: Timestamp) -> Bool {
        guard stamp.epoch == self.epoch, stamp.clock <= self.clock, stamp.clock >= self.floor else { return false }
        if let before = self.before, created <= before { return false }
        guard stamp.clock < self.clock, !self.fields.isEmpty else { return true }
        if let purged = self.fields[.key(key)], purged > stamp.clock { return false }
        // By index: an array's iterator allocates for each element where the compiler does not optimise.
        for index in labels.indices {
            if let purged = self.fields[.label(labels[index])], purged > stamp.clock { return false }
        }
        return true
    }

    /// Records a purge: raises the clock, and notes what is purged.
    ///
    /// - Parameters:
    ///   - purge: What to purge.
    ///   - newEpoch: A random epoch, taken where everything is purged (or the clock can rise no further). One that
    ///     equals the present epoch is replaced by its successor.
    public mutating func apply(_ purge: Purge, newEpoch: UInt64) {
        self.apply(purge, newEpoch: newEpoch, maximumFields: Self.maximumFields)
    }

    package mutating func apply(_ purge: Purge, newEpoch: UInt64, maximumFields: Int) {
        let (clock, overflow) = self.clock.addingReportingOverflow(1)
        guard !overflow else {
            self.begin(epoch: newEpoch, clock: 0)
            return
        }
        switch purge {
        case .all:
            self.begin(epoch: newEpoch, clock: clock)
        case .before(let moment):
            self.clock = clock
            self.before = max(self.before ?? moment, moment)
        case .label(let label):
            self.note(.label(label), at: clock, maximumFields: maximumFields)
        case .key(let key):
            self.note(.key(key), at: clock, maximumFields: maximumFields)
        }
    }

    private mutating func note(_ subject: Subject, at clock: UInt64, maximumFields: Int) {
        self.clock = clock
        self.fields[subject] = clock
        if self.fields.count > maximumFields { self.fold(to: maximumFields - maximumFields / 4) }
    }

    /// Takes over what the shared copy of the record knows, and says what became of it.
    ///
    /// A `nil` record (the shared copy is lost), one with an earlier clock whatever its epoch, and one of the same epoch
    /// that lacks a purge that this one knows (it was restored from an older state, and purged since) make this one start
    /// `newEpoch`. Any other is the record now.
    ///
    /// - Complexity: Linear in the fields.
    public mutating func merge(_ other: GenerationRecord?, newEpoch: UInt64) -> Replacement {
        guard let other, other.clock >= self.clock, other.epoch != self.epoch || other.knows(self) else {
            self.begin(epoch: newEpoch, clock: max(self.clock, other?.clock ?? 0))
            return .newEpoch
        }
        self = other
        if self.fields.count > Self.maximumFields { self.fold(to: Self.maximumFields) }
        return .adopted
    }

    /// Whether every purge that `other`, of the same epoch, has recorded is recorded here too.
    private func knows(_ other: GenerationRecord) -> Bool {
        guard self.floor >= other.floor else { return false }
        if let before = other.before {
            guard let own = self.before, own >= before else { return false }
        }
        return other.fields.allSatisfy { subject, purged in max(self.fields[subject] ?? 0, self.floor) >= purged }
    }

    /// What became of a record that was given to ``merge(_:newEpoch:)`` or ``GenerationTracker/replace(with:)``.
    public enum Replacement: Hashable, Sendable {
        /// It is the record now.
        case adopted
        /// It was missing or had run backwards, so a new epoch has begun; a shared tier has to be told of it.
        case newEpoch
    }

    private mutating func begin(epoch: UInt64, clock: UInt64) {
        self = GenerationRecord(epoch: epoch == self.epoch ? epoch &+ 1 : epoch, clock: clock)
    }

    /// Keeps the `count` fields purged last, and raises the floor to the newest of the others.
    private mutating func fold(to count: Int) {
        let clocks = self.fields.values.sorted(by: >)
        guard count < clocks.count else { return }
        let newest = clocks[count]
        self.floor = max(self.floor, newest)
        self.fields = self.fields.filter { $0.value > newest }
    }
}
