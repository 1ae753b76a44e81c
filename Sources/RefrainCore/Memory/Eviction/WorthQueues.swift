/// Entries in the order of Greedy-Dual-Size, all operations O(1): CAMP (Ghandeharizadeh, Irani, Lam and Yap, Middleware
/// 2014).
///
/// An entry put in gets the priority L + worth, where worth is its money per byte rounded down to a power of the square
/// root of 2, and L is the priority at which the last entry left. Entries of equal worth are in order already, so there is a
/// list for each power, and the next to leave is the least of their heads. Where all have the same worth, it is the list of an LRU cache.
struct WorthQueues: ~Copyable {
    private static let classes = 64
    /// The class of a dollar a byte.
    private static let unit = 62
    /// The square root of 2.
    private static let halfStep = 1.4142135623730951

    private let lists: UnsafeMutablePointer<NodeList>
    /// A bit for each list that is not empty.
    private var occupied: UInt64 = 0
    /// L: what the last entry that left was worth, with all that left before.
    private var inflation = 0.0

    init() {
        self.lists = .allocate(capacity: Self.classes)
        self.lists.initialize(repeating: NodeList(), count: Self.classes)
    }

    deinit { self.lists.deallocate() }

    /// The heap bytes that the lists take.
    static let heapBytes = HeapCost.block(Self.classes * MemoryLayout<NodeList>.stride)

    /// The class of an entry: two for each power of 2 of its dollars per byte, from 2^-31 (half a dollar for a GB) to 1.
    static func worth(cost: Double, bytes: Int) -> UInt8 {
        let density = cost / Double(max(1, bytes))
        guard density > 0, density.isFinite else { return 0 }
        let halfStep = density.significand >= Self.halfStep ? 1 : 0
        return UInt8(clamping: min(max(0, 2 * Int(density.exponent) + halfStep + Self.unit), Self.classes - 1))
    }

    /// The dollars per byte that a class stands for.
    @inline(__always)
    private static func value(_ worth: UInt8) -> Double {
        let exponent = UInt64(1_023 - Self.unit / 2 + Int(worth) / 2)
        let significand = worth & 1 == 0 ? 0 : Self.halfStep.significandBitPattern
        return Double(bitPattern: exponent &<< 52 | significand)
    }

    /// Whether there is no entry.
    var isEmpty: Bool { self.occupied == 0 }

    /// The priority of an entry of this class, were it put in now.
    @inline(__always)
    func priority(_ worth: UInt8) -> Double { self.inflation + Self.value(worth) }

    /// Puts an entry in, as the one of its worth to leave last.
    @inline(__always)
    mutating func add<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        let node = nodes.node(index)
        let worth = node.pointee.worth
        node.pointee.priority = self.priority(worth)
        self.lists[Int(worth)].add(index, in: nodes)
        self.occupied |= 1 &<< UInt64(worth)
    }

    /// Takes an entry out.
    @inline(__always)
    mutating func remove<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        let worth = nodes.node(index).pointee.worth
        self.lists[Int(worth)].remove(index, in: nodes)
        if self.lists[Int(worth)].oldest == EvictionNode.none { self.occupied &= ~(1 &<< UInt64(worth)) }
    }

    /// The entry that leaves next; nil where there is none. Linear in the number of lists, at most 64.
    func least<Nodes: EvictionNodes & ~Copyable>(in nodes: borrowing Nodes) -> UInt32? {
        var remaining = self.occupied
        var least: UInt32?
        var priority = Double.infinity
        while remaining != 0 {
            let head = self.lists[remaining.trailingZeroBitCount].oldest
            remaining &= remaining - 1
            let candidate = nodes.node(head).pointee.priority
            if candidate < priority {
                least = head
                priority = candidate
            }
        }
        return least
    }

    /// Notes that an entry leaves whose turn has come.
    mutating func passed(priority: Double) { self.inflation = max(self.inflation, priority) }
}
