/// A fixed number of entries of a simulation, without their content: 24 bytes a node, 8 for its hash and 8 for the index.
struct ShadowEntries: ~Copyable, EvictionNodes {
    private let nodes: UnsafeMutablePointer<EvictionNode>
    private let hashes: UnsafeMutablePointer<UInt64>
    private let buckets: UnsafeMutablePointer<UInt32>
    private let mask: Int
    /// The number of nodes.
    let nodeCount: Int
    private var firstFree: UInt32 = 0

    /// Creates `nodes` free nodes, a power of two.
    init(nodes: Int) {
        self.nodeCount = nodes
        self.mask = 2 * nodes - 1
        self.nodes = .allocate(capacity: nodes)
        self.hashes = .allocate(capacity: nodes)
        self.buckets = .allocate(capacity: 2 * nodes)
        self.nodes.initialize(repeating: EvictionNode(bytes: 0, worth: 0), count: nodes)
        self.hashes.initialize(repeating: 0, count: nodes)
        self.buckets.initialize(repeating: EvictionNode.none, count: 2 * nodes)
        for index in 0..<nodes {
            self.nodes[index].older = index + 1 < nodes ? UInt32(index + 1) : EvictionNode.none
        }
    }

    deinit {
        self.nodes.deallocate()
        self.hashes.deallocate()
        self.buckets.deallocate()
    }

    /// The heap bytes that `nodes` nodes take.
    static func heapBytes(nodes: Int) -> Int {
        HeapCost.block(nodes * MemoryLayout<EvictionNode>.stride)
            + HeapCost.block(nodes * MemoryLayout<UInt64>.stride)
            + HeapCost.block(2 * nodes * MemoryLayout<UInt32>.stride)
    }

    /// Whether no node is free.
    var isFull: Bool { self.firstFree == EvictionNode.none }

    @inline(__always)
    package func node(_ index: UInt32) -> UnsafeMutablePointer<EvictionNode> { self.nodes + Int(index) }

    /// The hash under which a node was put in.
    func hash(_ index: UInt32) -> UInt64 { self.hashes[Int(index)] }

    /// The node under `hash`; nil where there is none.
    func find(_ hash: UInt64) -> UInt32? {
        var bucket = Int(truncatingIfNeeded: hash) & self.mask
        while true {
            let index = self.buckets[bucket]
            if index == EvictionNode.none { return nil }
            if self.hashes[Int(index)] == hash { return index }
            bucket = (bucket &+ 1) & self.mask
        }
    }

    /// Puts `node` under `hash`, where nothing is. One must be free.
    mutating func insert(_ node: EvictionNode, hash: UInt64) -> UInt32 {
        let index = self.firstFree
        self.firstFree = self.nodes[Int(index)].older
        self.nodes[Int(index)] = node
        self.hashes[Int(index)] = hash
        var bucket = Int(truncatingIfNeeded: hash) & self.mask
        while self.buckets[bucket] != EvictionNode.none { bucket = (bucket &+ 1) & self.mask }
        self.buckets[bucket] = index
        return index
    }

    /// Frees a node, and closes the hole that it leaves among the buckets, as ``KeyIndex`` does.
    mutating func remove(_ index: UInt32) {
        var hole = Int(truncatingIfNeeded: self.hashes[Int(index)]) & self.mask
        while self.buckets[hole] != index { hole = (hole &+ 1) & self.mask }
        var bucket = hole
        while true {
            bucket = (bucket &+ 1) & self.mask
            let other = self.buckets[bucket]
            if other == EvictionNode.none { break }
            let home = Int(truncatingIfNeeded: self.hashes[Int(other)]) & self.mask
            if (bucket &- home) & self.mask >= (bucket &- hole) & self.mask {
                self.buckets[hole] = other
                hole = bucket
            }
        }
        self.buckets[hole] = EvictionNode.none
        self.nodes[Int(index)].older = self.firstFree
        self.firstFree = index
    }
}
