/// What an eviction policy keeps about one entry: 24 bytes.
package struct EvictionNode {
    /// The lists that an entry can be in.
    enum Place: UInt8 {
        /// None: it was not put in, or it was taken out.
        case none
        /// Entries on trial.
        case trial
        /// Entries by their worth.
        case kept
    }

    /// When it may leave, on the scale of ``EvictionQueues``: the least goes first.
    var priority = 0.0
    /// The bytes that it is charged.
    var bytes: UInt32
    /// The neighbour put in later, ``none`` for the last.
    var newer = Self.none
    /// The neighbour put in earlier, ``none`` for the first.
    var older = Self.none
    /// The class of its money per byte: see ``WorthQueues``.
    var worth: UInt8
    /// The hits since it came to its list, at most 3.
    var hits: UInt8 = 0
    /// The list that it is in.
    var place = Place.none

    /// The number of no node.
    package static let none = UInt32.max

    /// A node for an entry that costs `cost` US dollars to get again: in all, or for each byte.
    init(bytes: Int, cost: Double, perByte: Bool = false) {
        self.bytes = UInt32(clamping: bytes)
        self.worth = WorthQueues.worth(cost: cost, bytes: perByte ? 1 : bytes)
    }

    /// A node of no entry.
    package init() { self.init(bytes: 0, worth: 0) }

    init(bytes: UInt32, worth: UInt8) {
        self.bytes = bytes
        self.worth = worth
    }
}

/// Nodes that a policy names by number: the slots of a shard, or those of a simulation.
package protocol EvictionNodes: ~Copyable {
    /// The node numbered `index`.
    func node(_ index: UInt32) -> UnsafeMutablePointer<EvictionNode>
}

/// A list of nodes, in the order in which they were put in. Threaded through the nodes: it allocates nothing, and each
/// operation is O(1).
struct NodeList {
    /// The node put in last.
    private(set) var newest = EvictionNode.none
    /// The node put in first.
    private(set) var oldest = EvictionNode.none

    /// Puts a node in that is in no list.
    @inline(__always)
    mutating func add<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        let node = nodes.node(index)
        node.pointee.newer = EvictionNode.none
        node.pointee.older = self.newest
        if self.newest == EvictionNode.none {
            self.oldest = index
        } else {
            nodes.node(self.newest).pointee.newer = index
        }
        self.newest = index
    }

    /// Takes out a node that is in this list.
    @inline(__always)
    mutating func remove<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        let newer = nodes.node(index).pointee.newer
        let older = nodes.node(index).pointee.older
        if newer == EvictionNode.none { self.newest = older } else { nodes.node(newer).pointee.older = older }
        if older == EvictionNode.none { self.oldest = newer } else { nodes.node(older).pointee.newer = newer }
    }
}
