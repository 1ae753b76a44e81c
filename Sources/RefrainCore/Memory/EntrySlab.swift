import RefrainKeys

/// One entry of a shard, or a free place for one: 72 bytes.
struct EntrySlot {
    /// What the eviction policy keeps, the bytes that the entry is charged among it; where the slot is free, the next free
    /// one is the older neighbour. It stands first, so that a pointer to the slot is one to it.
    var node: EvictionNode
    /// The entry's key. Meaningless where the slot is free.
    var key: RequestKey
    /// The entry; nil where the slot is free.
    var envelope: Envelope?
    /// The entry's last moment, copied here so that a sweep reads slots only.
    var staleUntil: Timestamp
    /// The index of no slot.
    static let none = UInt32.max
}

/// Slots named by number, in chunks that are never moved: growth copies nothing, and has no peak.
struct EntrySlab: ~Copyable, EvictionNodes {
    private static let chunkBits: UInt32 = 6
    private static let chunkSlots = 1 << Int(Self.chunkBits)
    /// The heap bytes that one more chunk takes.
    static let chunkBytes =
        HeapCost.block(Self.chunkSlots * MemoryLayout<EntrySlot>.stride) + MemoryLayout<UnsafeRawPointer>.stride

    private var chunks: [UnsafeMutablePointer<EntrySlot>] = []
    private var firstFree = EntrySlot.none

    init() {}

    deinit {
        for chunk in self.chunks {
            chunk.deinitialize(count: Self.chunkSlots)
            chunk.deallocate()
        }
    }

    /// The heap bytes that the slots take.
    var bytes: Int { self.chunks.count * Self.chunkBytes }
    /// The number of slots, free ones included.
    var slotCount: Int { self.chunks.count * Self.chunkSlots }
    /// Whether the next ``allocate()`` takes a new chunk.
    var isFull: Bool { self.firstFree == EntrySlot.none }

    /// The slot numbered `index`. Valid until the slab is gone.
    @inline(__always)
    func slot(_ index: UInt32) -> UnsafeMutablePointer<EntrySlot> {
        self.chunks[Int(index &>> Self.chunkBits)] + Int(index & (1 &<< Self.chunkBits &- 1))
    }

    /// What the eviction policy keeps about the slot numbered `index`.
    @inline(__always)
    package func node(_ index: UInt32) -> UnsafeMutablePointer<EvictionNode> {
        UnsafeMutableRawPointer(self.slot(index)).assumingMemoryBound(to: EvictionNode.self)
    }

    /// Takes a free slot and writes `key` into it.
    mutating func allocate(for key: RequestKey) -> UInt32 {
        if self.isFull { self.addChunk(filler: key) }
        let index = self.firstFree
        self.firstFree = self.slot(index).pointee.node.older
        self.slot(index).pointee.key = key
        return index
    }

    /// Gives a slot back, whose envelope the caller has taken out.
    mutating func free(_ index: UInt32) {
        self.slot(index).pointee.node.older = self.firstFree
        self.firstFree = index
    }

    private mutating func addChunk(filler: RequestKey) {
        let chunk = UnsafeMutablePointer<EntrySlot>.allocate(capacity: Self.chunkSlots)
        let first = UInt32(self.slotCount)
        for offset in 0..<Self.chunkSlots {
            let next = offset + 1 < Self.chunkSlots ? first + UInt32(offset) + 1 : EntrySlot.none
            var node = EvictionNode(bytes: 0, worth: 0)
            node.older = next
            (chunk + offset).initialize(
                to: EntrySlot(node: node, key: filler, envelope: nil, staleUntil: .distantFuture))
        }
        self.chunks.append(chunk)
        self.firstFree = first
    }
}
