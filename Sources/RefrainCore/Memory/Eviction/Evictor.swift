/// What decides which entry of a shard goes first when room is needed: ``EvictionQueues``, and for the adaptive policy
/// the contest of their two manners.
///
/// A shard tells it of each insertion, hit, and removal, and asks it for a victim. Hits allocate nothing.
package struct Evictor: ~Copyable {
    /// What an entry counts whose cost is not known, until one is: near to the median of a mix of chat and code.
    private static let typicalCost = 0.003
    /// The most nodes that a shadow cache has.
    private static let maximumShadowNodes = 512
    /// The entries from which on the shadow caches are worth their bytes.
    private static let minimumEntries = 32
    private static let minimumShadowNodes = 64
    /// The shadow caches take at most one in so many bytes of the bound.
    private static let shadowDivisor = 32
    /// The known costs that the mean reaches back.
    private static let meanWindow = 100.0

    private let isAdaptive: Bool
    private let shadowNodes: Int
    private var queues: EvictionQueues
    private var names = EvictedNames()
    private var contest: MannerContest?
    /// The bits that are 0 in the hashes of the keys whose hits the contest is told of; all of them for none.
    private var sampleMask = UInt64.max
    private var hasEvicted = false
    /// Whether entries had to leave since one was put in.
    private var hasMadeRoom = false
    /// The bytes that the entries had when the last was put in for which others had to leave.
    private var capacity = Int.max
    /// The mean of the costs that are known, the last hundred counting most.
    private var meanCost = Self.typicalCost

    /// Creates an evictor for an empty shard of `bytes` bytes.
    package init(_ eviction: MemoryStore.Eviction, bytes: Int) {
        self.isAdaptive = eviction == .adaptive
        var nodes = Self.maximumShadowNodes
        while nodes >= Self.minimumShadowNodes, MannerContest.heapBytes(nodes: nodes) > bytes / Self.shadowDivisor {
            nodes /= 2
        }
        self.shadowNodes = self.isAdaptive && nodes >= Self.minimumShadowNodes ? nodes : 0
        // Where there is no room to find out which is better, recency is never much worse than LRU.
        self.queues = EvictionQueues(self.shadowNodes > 0 ? .trial : .recency)
    }

    /// The heap bytes that it takes.
    package var bytes: Int {
        guard self.isAdaptive else { return WorthQueues.heapBytes }
        let contest = self.contest == nil ? 0 : MannerContest.heapBytes(nodes: self.shadowNodes)
        return WorthQueues.heapBytes + self.names.bytes + contest
    }

    /// The heap bytes that it takes in addition, at the worst moment, when one more entry is put in.
    package var bytesToGrow: Int {
        guard self.isUnderWay(entries: self.queues.count + 1) else { return 0 }
        return self.names.bytesToGrow(entries: self.queues.count + 1)
            + (self.contest == nil ? MannerContest.heapBytes(nodes: self.shadowNodes) : 0)
    }

    /// Whether a shard of so many entries has names to remember and a contest to hold.
    private func isUnderWay(entries: Int) -> Bool {
        self.shadowNodes > 0 && (self.hasEvicted || entries >= Self.minimumEntries)
    }

    /// A node for an entry of `bytes` bytes that cost `cost` US dollars; nil where that is not known.
    package mutating func node(bytes: Int, cost: Double?) -> EvictionNode {
        guard self.isAdaptive else { return EvictionNode(bytes: bytes, cost: 1, perByte: true) }
        let known = Self.known(cost)
        if let known { self.meanCost += (known - self.meanCost) / Self.meanWindow }
        return EvictionNode(bytes: bytes, cost: known ?? self.meanCost)
    }

    /// A cost that is an amount of money; nil for any other, which counts as not known.
    @inline(__always)
    private static func known(_ cost: Double?) -> Double? {
        guard let cost, cost >= 0, cost.isFinite else { return nil }
        return cost
    }

    /// Notes an entry that is put in, whose node is written.
    ///
    /// - Parameters:
    ///   - hash: The hash of its key.
    ///   - cost: What it cost; nil where that is not known.
    ///   - isKnown: Whether it takes the place of an entry that had passed its trial.
    package mutating func add<Nodes: EvictionNodes & ~Copyable>(
        _ index: UInt32, hash: UInt64, cost: Double?, isKnown: Bool, in nodes: borrowing Nodes
    ) {
        guard self.shadowNodes > 0 else {
            self.queues.add(index, isRemembered: true, in: nodes)
            return
        }
        let isRemembered = self.names.take(hash, entries: EvictedNames.remembered(entries: self.queues.count))
        self.queues.add(index, isRemembered: isKnown || isRemembered, in: nodes)
        guard self.isUnderWay(entries: self.queues.count) else { return }
        self.names.reserve(entries: self.queues.count)
        if self.hasMadeRoom { self.capacity = self.queues.bytes }
        self.hasMadeRoom = false
        if self.contest == nil { self.contest = MannerContest(nodes: self.shadowNodes) }
        if hash & (self.contest?.sampleMask ?? .max) == 0 {
            self.sample(index, hash: hash, cost: cost, in: nodes)
        }
    }

    /// Notes a hit.
    ///
    /// - Returns: Whether ``sample(_:hash:cost:in:)`` is to be told, which needs the cost. Mostly not, and then a hit does not
    ///   touch where the cost is kept.
    @inline(__always)
    package mutating func use<Nodes: EvictionNodes & ~Copyable>(
        _ index: UInt32, hash: UInt64, in nodes: borrowing Nodes
    ) -> Bool {
        self.queues.use(index, in: nodes)
        return hash & self.sampleMask == 0
    }

    /// Notes a request of the sample.
    @inline(never)
    package mutating func sample<Nodes: EvictionNodes & ~Copyable>(
        _ index: UInt32, hash: UInt64, cost: Double?, in nodes: borrowing Nodes
    ) {
        var money = self.meanCost
        if let known = Self.known(cost) { money = known }
        self.contest?.note(
            hash, node: nodes.node(index).pointee, cost: money, capacity: self.capacity, manner: &self.queues.manner)
        // While nothing has to leave, hits tell the manners apart as little as it matters.
        if self.hasEvicted { self.sampleMask = self.contest?.sampleMask ?? .max }
    }

    /// Whether an entry has passed its trial.
    package func isKept<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) -> Bool {
        nodes.node(index).pointee.place == .kept
    }

    /// Takes out an entry.
    @inline(__always)
    package mutating func remove<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        self.queues.remove(index, in: nodes)
    }

    /// The entry to evict next; nil where there is none. The caller takes it out, and tells its hash where its name is to
    /// be remembered.
    package mutating func victim<Nodes: EvictionNodes & ~Copyable>(
        in nodes: borrowing Nodes
    ) -> (index: UInt32, wasOnTrial: Bool)? {
        self.hasEvicted = true
        self.hasMadeRoom = true
        return self.queues.victim(in: nodes)
    }

    /// Remembers the key of an entry that was evicted from its trial.
    package mutating func remember(_ hash: UInt64) {
        if self.shadowNodes > 0 { self.names.note(hash) }
    }
}
