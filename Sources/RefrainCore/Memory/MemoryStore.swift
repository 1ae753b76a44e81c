public import RefrainKeys

/// Envelopes in the process's memory, bounded by bytes; which leave first is a ``Configuration/eviction`` policy's choice.
///
/// Synchronous inside: ``lookup(_:now:)`` is what a cache hit costs. It is a ``ResponseStore`` too, for whoever takes
/// any; none of the methods suspends.
///
/// An entry between its `freshUntil` and its `staleUntil` is returned: whether a stale answer may be given is the
/// cache's decision. From `staleUntil` on it is gone.
///
/// A purge is O(1): it makes entries unreadable, at once; they are removed when read, evicted or swept.
public final class MemoryStore: ResponseStore {
    /// How the store was configured.
    public let configuration: Configuration
    /// Which entries a purge has made unreadable. Share it with the other tiers of the same namespace.
    public let generations: GenerationTracker

    private let time: TimeSource
    private let shards: LockedStripes<MemoryShard>
    private let shardShift: UInt64
    private let maximumEntryBytes: Int

    /// What became of an entry given to ``insert(_:now:)``.
    public enum Insertion: Hashable, Sendable {
        /// It is kept.
        case stored
        /// It is larger than one entry may be, and what it was to replace is gone.
        case tooLarge
        /// It was past its `staleUntil` already.
        case expired
        /// A purge since its upstream call began has made it unreadable.
        case invalidated
        /// What is kept under its key is newer, and stays.
        case superseded
        /// The store was shut down.
        case closed
    }

    /// Creates an empty store.
    ///
    /// - Parameters:
    ///   - configuration: How much it may hold.
    ///   - generations: The namespace's purges.
    ///   - time: The clock of the methods that are not given the time, and of ``run()``.
    public init(
        _ configuration: Configuration = Configuration(), generations: GenerationTracker = GenerationTracker(),
        time: TimeSource = .system
    ) {
        let count = configuration.shardCount
        let bytes = max(0, configuration.bytes) / count
        let entries = max(0, configuration.entries ?? .max) / count
        self.configuration = configuration
        self.generations = generations
        self.time = time
        self.maximumEntryBytes = configuration.maximumEntryBytes
        self.shardShift = UInt64(UInt64.bitWidth - count.trailingZeroBitCount)
        self.shards = LockedStripes(count: count) { _ in
            MemoryShard(bytes: bytes, entries: entries, eviction: configuration.eviction)
        }
    }

    // The high bits; a shift by all 64, where there is one shard, leaves 0.
    @inline(__always)
    private func shard(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> self.shardShift) }

    /// The readable entry under `key`, fresh or stale, and notes the use.
    ///
    /// - Returns: Nil where there is no entry, where `now` is not before its `staleUntil`, where it was purged, and where
    ///   ``generations`` cannot say.
    /// - Complexity: O(1), one shard's lock, no allocation. An entry older than the last purge takes the lock of
    ///   ``generations`` as well.
    public func lookup(_ key: RequestKey, now: Timestamp) -> Envelope? {
        let hash = key.mixedWord
        let found = self.shards.withLock(self.shard(hash)) { shard in shard.lookup(key, hash: hash, now: now) }
        guard case .readable(let envelope) = found, self.generations.vouches(at: now) else { return nil }
        guard self.generations.admits(envelope) else {
            self.invalidate(envelope, wasHit: true)
            return nil
        }
        return envelope
    }

    /// Keeps `envelope` under its key in place of what was there, and evicts what it needs room for.
    ///
    /// - Complexity: O(1), one shard's lock; now and then a shard's table doubles, which is linear in its entries.
    @discardableResult
    public func insert(_ envelope: Envelope, now: Timestamp) -> Insertion {
        self.insert(envelope, now: now, keepingNewer: false)
    }

    /// Keeps an entry that was found in a slower tier, unless what is kept under its key was created later: a refresh
    /// may have been faster than the read.
    ///
    /// - Complexity: As ``insert(_:now:)``.
    @discardableResult
    public func fill(_ envelope: Envelope, now: Timestamp) -> Insertion {
        self.insert(envelope, now: now, keepingNewer: true)
    }

    private func insert(_ envelope: Envelope, now: Timestamp, keepingNewer: Bool) -> Insertion {
        guard now < envelope.staleUntil else { return .expired }
        guard self.generations.admits(envelope) else { return .invalidated }
        let hash = envelope.key.mixedWord
        let bytes = HeapCost.envelope(envelope)
        // What is removed lives until the end of this function, after the lock.
        guard bytes <= self.maximumEntryBytes else {
            _ = self.shards.withLock(self.shard(hash)) { shard in shard.reject(envelope.key, hash: hash) }
            return .tooLarge
        }
        let (insertion, removed) = self.shards.withLock(self.shard(hash)) { shard in
            shard.insert(envelope, hash: hash, bytes: bytes, keepingNewer: keepingNewer)
        }
        return withExtendedLifetime(removed) { insertion }
    }

    /// Forgets the entry under `key`, if there is one.
    public func remove(_ key: RequestKey) {
        let hash = key.mixedWord
        let removed = self.shards.withLock(self.shard(hash)) { shard in shard.remove(key, hash: hash) }
        withExtendedLifetime(removed) {}
    }

    /// Makes the entries that `purge` names unreadable for every read that begins after the call.
    ///
    /// Their bytes stay until they are read, evicted or swept; ``sweep(now:)`` erases them at once.
    ///
    /// - Returns: The new generation.
    @discardableResult
    public func purge(_ purge: Purge) -> GenerationStamp { self.generations.purge(purge) }

    /// The generation to stamp on entries whose upstream call begins now.
    public func generation() -> GenerationStamp { self.generations.stamp() }

    /// What the store has done, and what it holds. Takes each shard's lock in turn, so under load it is no snapshot.
    public func statistics() -> StoreStatistics {
        var sum = StoreStatistics()
        for shard in 0..<self.shards.count {
            let part = self.shards.withLock(shard) { $0.statistics }
            sum.entries += part.entries
            sum.bytes += part.bytes
            sum.hits += part.hits
            sum.misses += part.misses
            sum.insertions += part.insertions
            sum.evictions += part.evictions
            sum.expirations += part.expirations
            sum.invalidations += part.invalidations
            sum.rejections += part.rejections
        }
        return sum
    }

    /// Removes every entry that is past its time or purged.
    ///
    /// - Returns: How many were removed.
    /// - Complexity: Linear in the entries; a shard's lock is held for 256 of them at a time.
    @discardableResult
    public func sweep(now: Timestamp) -> Int {
        (0..<self.shards.count).reduce(0) { $0 + self.sweep(shard: $1, now: now) }
    }

    private func sweep(shard: Int, now: Timestamp) -> Int {
        let step = 256
        var removed = 0
        var position = 0
        while let (expired, doubtful) = self.shards.withLock(
            shard,
            { shard in
                shard.sweep(from: position, count: step, now: now, generations: self.generations)
            })
        {
            position += step
            removed += expired.count
            for envelope in doubtful where !self.generations.admits(envelope) {
                if self.invalidate(envelope, wasHit: false) { removed += 1 }
            }
        }
        // An emptied shard gives its tables back.
        if removed > 0 {
            _ = self.shards.withLock(shard) { $0.exchange(onlyIfEmpty: true, closing: false) }
        }
        return removed
    }

    @discardableResult
    private func invalidate(_ envelope: Envelope, wasHit: Bool) -> Bool {
        let hash = envelope.key.mixedWord
        let removed = self.shards.withLock(self.shard(hash)) { shard in
            shard.invalidate(envelope, hash: hash, wasHit: wasHit)
        }
        return removed != nil
    }

    /// Sweeps again and again, ``Configuration/sweepInterval`` apart, until the task is cancelled.
    ///
    /// For whoever owns the store to run in a task of its own. A store that is never swept keeps its bound all the same:
    /// dead entries then leave when they are read, or when they are the next to be evicted.
    public func run() async {
        while true {
            do {
                try await self.time.sleep(self.configuration.sweepInterval)
            } catch {
                return
            }
            for shard in 0..<self.shards.count {
                _ = self.sweep(shard: shard, now: self.time.now())
                await Task.yield()
            }
        }
    }

    /// Lets go of every entry. Look-ups then miss, and nothing is kept any more.
    public func shutdown() {
        for shard in 0..<self.shards.count {
            _ = self.shards.withLock(shard) { $0.exchange(onlyIfEmpty: false, closing: true) }
        }
    }

    // MARK: ResponseStore

    /// The readable entry under `key` at this moment: see ``lookup(_:now:)``.
    public func get(_ key: RequestKey) -> Envelope? { self.lookup(key, now: self.time.now()) }

    /// Keeps `envelope` at this moment, if it can be kept: see ``insert(_:now:)``.
    ///
    /// - Throws: ``StoreError/Code/refused`` where `key` is not the envelope's own, ``StoreError/Code/tooLarge`` where it
    ///   does not fit, ``StoreError/Code/closed`` after ``shutdown()``.
    public func set(_ key: RequestKey, _ envelope: Envelope) throws(StoreError) {
        guard key == envelope.key else { throw StoreError(.refused, "the envelope belongs to another key") }
        switch self.insert(envelope, now: self.time.now()) {
        case .tooLarge: throw StoreError(.tooLarge, "the entry is larger than one may be")
        case .closed: throw StoreError(.closed, "the memory store was shut down")
        case .stored, .expired, .invalidated, .superseded: return
        }
    }
}
