import RefrainKeys

/// From keys to slot numbers: an open-addressed table of 4 bytes a bucket, with linear probing.
///
/// The keys themselves stand in the slots, so a bucket that matches by chance costs a comparison and a full table costs
/// little beside its entries. A removed bucket is closed by moving later ones back: there are no tombstones, and a table
/// does not degrade however long it is used.
struct KeyIndex: ~Copyable {
    private var buckets: UnsafeMutableBufferPointer<UInt32>
    private var mask: Int
    private var count = 0

    init() {
        self.buckets = Self.makeBuckets(Self.smallest)
        self.mask = Self.smallest - 1
    }

    deinit { self.buckets.deallocate() }

    private static let smallest = 64

    private static func makeBuckets(_ count: Int) -> UnsafeMutableBufferPointer<UInt32> {
        let buckets = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: count)
        buckets.initialize(repeating: EntrySlot.none)
        return buckets
    }

    private static func heapBytes(_ count: Int) -> Int { HeapCost.block(count * MemoryLayout<UInt32>.stride) }

    /// The heap bytes that the table takes.
    var bytes: Int { Self.heapBytes(self.buckets.count) }

    /// The heap bytes that one more key takes for a moment, the present table not counted.
    var bytesToGrow: Int { self.mustGrow ? Self.heapBytes(2 * self.buckets.count) : 0 }

    // At most three quarters full: a miss then looks at some eight buckets, half a cache line.
    private var mustGrow: Bool { (self.count + 1) * 4 > self.buckets.count * 3 }

    /// The slot of `key`, whose ``RefrainKeys/RequestKey/mixedWord`` is `hash`; nil where there is none.
    @inline(__always)
    func find(_ key: RequestKey, hash: UInt64, in slab: borrowing EntrySlab) -> UInt32? {
        var bucket = Int(truncatingIfNeeded: hash) & self.mask
        while true {
            let index = self.buckets[bucket]
            if index == EntrySlot.none { return nil }
            if slab.slot(index).pointee.key == key { return index }
            bucket = (bucket &+ 1) & self.mask
        }
    }

    /// Adds a slot whose key is not in the table. Linear in the table's size where it grows, by doubling.
    mutating func insert(_ index: UInt32, hash: UInt64, in slab: borrowing EntrySlab) {
        if self.mustGrow { self.grow(slab) }
        self.place(index, hash: hash)
        self.count += 1
    }

    private func place(_ index: UInt32, hash: UInt64) {
        var bucket = Int(truncatingIfNeeded: hash) & self.mask
        while self.buckets[bucket] != EntrySlot.none { bucket = (bucket &+ 1) & self.mask }
        self.buckets[bucket] = index
    }

    private mutating func grow(_ slab: borrowing EntrySlab) {
        let old = self.buckets
        self.buckets = Self.makeBuckets(2 * old.count)
        self.mask = self.buckets.count - 1
        for index in old where index != EntrySlot.none {
            self.place(index, hash: slab.slot(index).pointee.key.mixedWord)
        }
        old.deallocate()
    }

    /// Takes out a slot that is in the table and still holds its key.
    mutating func remove(_ index: UInt32, hash: UInt64, in slab: borrowing EntrySlab) {
        var hole = Int(truncatingIfNeeded: hash) & self.mask
        while self.buckets[hole] != index { hole = (hole &+ 1) & self.mask }
        var bucket = hole
        while true {
            bucket = (bucket &+ 1) & self.mask
            let other = self.buckets[bucket]
            if other == EntrySlot.none { break }
            // `other` may fill the hole unless its first choice lies after the hole.
            let home = Int(truncatingIfNeeded: slab.slot(other).pointee.key.mixedWord) & self.mask
            if (bucket &- home) & self.mask >= (bucket &- hole) & self.mask {
                self.buckets[hole] = other
                hole = bucket
            }
        }
        self.buckets[hole] = EntrySlot.none
        self.count -= 1
    }
}
