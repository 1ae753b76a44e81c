/// Which entry of a shard goes first when room is needed: the one used longest ago.
///
/// The seam for other policies: a shard tells its policy of each insertion, use and removal, and asks it for a victim.
/// The list is threaded through the slots, so it allocates nothing and each of the four is O(1).
struct RecencyList {
    private var newest = EntrySlot.none
    private var oldest = EntrySlot.none

    /// The slot to evict next; nil where there is none.
    var victim: UInt32? { self.oldest == EntrySlot.none ? nil : self.oldest }

    /// Notes a slot that was filled.
    mutating func inserted(_ index: UInt32, in slab: borrowing EntrySlab) {
        let slot = slab.slot(index)
        slot.pointee.newer = EntrySlot.none
        slot.pointee.older = self.newest
        if self.newest == EntrySlot.none {
            self.oldest = index
        } else {
            slab.slot(self.newest).pointee.newer = index
        }
        self.newest = index
    }

    /// Notes a slot that was read.
    @inline(__always)
    mutating func used(_ index: UInt32, in slab: borrowing EntrySlab) {
        guard index != self.newest else { return }
        self.removed(index, in: slab)
        self.inserted(index, in: slab)
    }

    /// Notes a slot that is about to be emptied.
    mutating func removed(_ index: UInt32, in slab: borrowing EntrySlab) {
        let newer = slab.slot(index).pointee.newer
        let older = slab.slot(index).pointee.older
        if newer == EntrySlot.none { self.newest = older } else { slab.slot(newer).pointee.older = older }
        if older == EntrySlot.none { self.oldest = newer } else { slab.slot(older).pointee.newer = newer }
    }
}
