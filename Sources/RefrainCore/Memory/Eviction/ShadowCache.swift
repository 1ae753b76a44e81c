/// A cache of a part of the keys, without their entries, to find out what a manner of eviction would save. Its memory is
/// fixed.
struct ShadowCache: ~Copyable {
    private var queues: EvictionQueues
    private var names = EvictedNames()
    private var entries: ShadowEntries

    /// Creates an empty cache for at most `nodes` entries, a power of two.
    init(_ manner: EvictionQueues.Manner, nodes: Int) {
        self.queues = EvictionQueues(manner)
        self.entries = ShadowEntries(nodes: nodes)
        self.names.reserve(entries: nodes)
    }

    /// The heap bytes that a cache for `nodes` entries takes.
    static func heapBytes(nodes: Int) -> Int {
        ShadowEntries.heapBytes(nodes: nodes) + EvictedNames.heapBytes(entries: nodes) + WorthQueues.heapBytes
    }

    /// The number of entries.
    var count: Int { self.queues.count }
    /// Whether it has as many entries as it can have.
    var isFull: Bool { self.entries.isFull }

    /// Looks a key up, and puts it in where it is not there, for at most `capacity` bytes in all.
    ///
    /// - Returns: Whether it was there.
    mutating func access(_ hash: UInt64, bytes: UInt32, worth: UInt8, capacity: Int) -> Bool {
        if let index = self.entries.find(hash) {
            self.queues.use(index, in: self.entries)
            return true
        }
        let isRemembered = self.names.take(hash, entries: EvictedNames.remembered(entries: self.queues.count))
        guard Int(bytes) <= capacity else { return false }
        while self.queues.bytes > capacity - Int(bytes) || self.entries.isFull {
            guard let (victim, wasOnTrial) = self.queues.victim(in: self.entries) else { return false }
            if wasOnTrial { self.names.note(self.entries.hash(victim)) }
            self.remove(victim)
        }
        let index = self.entries.insert(EvictionNode(bytes: bytes, worth: worth), hash: hash)
        self.queues.add(index, isRemembered: isRemembered, in: self.entries)
        return false
    }

    /// Removes the entries whose hash has one of the bits of `bits`.
    mutating func drop(bits: UInt64) {
        for index in 0..<UInt32(self.entries.nodeCount)
        where self.entries.node(index).pointee.place != .none && self.entries.hash(index) & bits != 0 {
            self.remove(index)
        }
    }

    private mutating func remove(_ index: UInt32) {
        self.queues.remove(index, in: self.entries)
        self.entries.remove(index)
    }
}
