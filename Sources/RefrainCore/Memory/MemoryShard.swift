import RefrainKeys

/// A part of the memory store: what its lock guards. Knows no lock and no clock.
///
/// Methods hand the envelopes that they remove to their caller, who lets go of them after unlocking: freeing a large
/// body takes time.
struct MemoryShard: ~Copyable {
    private let bytesBound: Int
    private let entriesBound: Int
    private var slab = EntrySlab()
    private var index = KeyIndex()
    private let eviction: MemoryStore.Eviction
    private var evictor: Evictor
    private var entryBytes = 0
    private var isClosed: Bool
    /// What was done here, and the number of entries; its `bytes` are left to ``statistics``.
    private var counts = StoreStatistics()

    init(bytes: Int, entries: Int, eviction: MemoryStore.Eviction, isClosed: Bool = false) {
        self.bytesBound = bytes
        self.entriesBound = entries
        self.eviction = eviction
        self.evictor = Evictor(eviction, bytes: bytes)
        self.isClosed = isClosed
    }

    /// The bytes held: entries, slots, index and what the eviction policy keeps.
    private var bytes: Int { self.entryBytes + self.slab.bytes + self.index.bytes + self.evictor.bytes }

    /// What was done here, and what is held.
    var statistics: StoreStatistics {
        var statistics = self.counts
        statistics.bytes = self.bytes
        return statistics
    }

    /// What a look-up found.
    enum Found {
        case readable(Envelope)
        /// Past its time, and removed just now.
        case expired(Envelope)
        case nothing
    }

    /// Looks `key` up, and notes the use.
    @inline(__always)
    mutating func lookup(_ key: RequestKey, hash: UInt64, now: Timestamp) -> Found {
        guard let index = self.index.find(key, hash: hash, in: self.slab) else {
            self.counts.misses += 1
            return .nothing
        }
        let slot = self.slab.slot(index)
        guard now < slot.pointee.staleUntil, let envelope = slot.pointee.envelope else {
            self.counts.misses += 1
            self.counts.expirations += 1
            guard let envelope = self.take(index, hash: hash) else { return .nothing }
            return .expired(envelope)
        }
        if self.evictor.use(index, hash: hash, in: self.slab) {
            self.evictor.sample(index, hash: hash, cost: envelope.details.cost, in: self.slab)
        }
        self.counts.hits += 1
        return .readable(envelope)
    }

    /// Takes back a hit whose envelope turned out to be of a purged generation, and removes it if it is still there.
    mutating func invalidate(_ envelope: Envelope, hash: UInt64, wasHit: Bool) -> Envelope? {
        if wasHit {
            self.counts.hits -= 1
            self.counts.misses += 1
        }
        guard let index = self.index.find(envelope.key, hash: hash, in: self.slab),
            self.slab.slot(index).pointee.envelope === envelope
        else { return nil }
        self.counts.invalidations += 1
        return self.take(index, hash: hash)
    }

    /// Puts `envelope` in place of what is under its key, and makes room for it. With `keepingNewer`, what is there
    /// stays where it was created later.
    ///
    /// - Returns: Whether there was room, and the entries that had to go.
    mutating func insert(
        _ envelope: Envelope, hash: UInt64, bytes: Int, keepingNewer: Bool
    ) -> (MemoryStore.Insertion, [Envelope]) {
        if self.isClosed { return (.closed, []) }
        var removed: [Envelope] = []
        var isKnown = false
        if let index = self.index.find(envelope.key, hash: hash, in: self.slab) {
            if keepingNewer, let present = self.slab.slot(index).pointee.envelope, present.created > envelope.created {
                return (.superseded, [])
            }
            isKnown = self.evictor.isKept(index, in: self.slab)
            if let replaced = self.take(index, hash: hash) { removed.append(replaced) }
        }
        while self.counts.entries >= self.entriesBound || self.bytes + bytes + self.growth > self.bytesBound {
            guard let (victim, wasOnTrial) = self.evictor.victim(in: self.slab) else {
                self.counts.rejections += 1
                return (.tooLarge, removed)
            }
            let victimHash = self.slab.slot(victim).pointee.key.mixedWord
            if wasOnTrial { self.evictor.remember(victimHash) }
            if let evicted = self.take(victim, hash: victimHash) { removed.append(evicted) }
            self.counts.evictions += 1
        }
        let index = self.slab.allocate(for: envelope.key)
        let slot = self.slab.slot(index)
        slot.pointee.envelope = envelope
        slot.pointee.staleUntil = envelope.staleUntil
        slot.pointee.node = self.evictor.node(bytes: bytes, cost: envelope.details.cost)
        self.index.insert(index, hash: hash, in: self.slab)
        self.evictor.add(index, hash: hash, cost: envelope.details.cost, isKnown: isKnown, in: self.slab)
        self.entryBytes += bytes
        self.counts.entries += 1
        self.counts.insertions += 1
        return (.stored, removed)
    }

    /// The bytes that all but the entry itself take on for one more, at the worst moment.
    private var growth: Int {
        (self.slab.isFull ? EntrySlab.chunkBytes : 0) + self.index.bytesToGrow + self.evictor.bytesToGrow
    }

    /// Counts an entry that is too large for the store, and removes what it was to replace.
    mutating func reject(_ key: RequestKey, hash: UInt64) -> Envelope? {
        self.counts.rejections += 1
        return self.remove(key, hash: hash)
    }

    /// Removes the entry under `key`.
    mutating func remove(_ key: RequestKey, hash: UInt64) -> Envelope? {
        guard let index = self.index.find(key, hash: hash, in: self.slab) else { return nil }
        return self.take(index, hash: hash)
    }

    /// Looks at the `count` slots from `first` on.
    ///
    /// - Returns: The entries past their time, which are removed, and those that a purge may have made unreadable. Nil
    ///   where there is no slot from `first` on.
    mutating func sweep(
        from first: Int, count: Int, now: Timestamp, generations: GenerationTracker
    ) -> (expired: [Envelope], doubtful: [Envelope])? {
        guard first < self.slab.slotCount else { return nil }
        var expired: [Envelope] = []
        var doubtful: [Envelope] = []
        for index in first..<min(first + count, self.slab.slotCount) {
            let index = UInt32(index)
            let slot = self.slab.slot(index)
            guard let envelope = slot.pointee.envelope else { continue }
            if slot.pointee.staleUntil <= now {
                self.counts.expirations += 1
                if let envelope = self.take(index, hash: slot.pointee.key.mixedWord) { expired.append(envelope) }
            } else if !generations.isCurrent(stamp: envelope.generation, created: envelope.created) {
                doubtful.append(envelope)
            }
        }
        return (expired, doubtful)
    }

    /// Empties the shard, keeping its counts.
    ///
    /// - Returns: What held the entries, to be let go of after unlocking; nil where there were some and `onlyIfEmpty`.
    mutating func exchange(onlyIfEmpty: Bool, closing: Bool) -> MemoryShard? {
        if onlyIfEmpty, self.counts.entries > 0 { return nil }
        var fresh = MemoryShard(
            bytes: self.bytesBound, entries: self.entriesBound, eviction: self.eviction,
            isClosed: self.isClosed || closing)
        fresh.counts = self.counts
        fresh.counts.entries = 0
        swap(&self, &fresh)
        return fresh
    }

    /// Empties a slot.
    private mutating func take(_ index: UInt32, hash: UInt64) -> Envelope? {
        let slot = self.slab.slot(index)
        self.index.remove(index, hash: hash, in: self.slab)
        self.evictor.remove(index, in: self.slab)
        self.entryBytes -= Int(slot.pointee.node.bytes)
        self.counts.entries -= 1
        let envelope = slot.pointee.envelope.take()
        self.slab.free(index)
        return envelope
    }
}
