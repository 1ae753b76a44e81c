/// Which entry leaves next, in one of two manners that share their lists, so that the manner can change at any time.
///
/// - `recency`: Greedy-Dual-Size, as ``WorthQueues`` has it. Every entry is kept by its worth, and a hit puts it in anew.
/// - `trial`: S3-FIFO (Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023) with those queues as its main queue. New entries are on
///   trial in a list of a tenth of the bytes; who leaves it with two hits or more is kept, and so is who comes back soon
///   after leaving it. A hit is only counted; a kept entry with hits that comes up for eviction is put in anew, with one
///   hit less. Until the first eviction most entries are kept without trial, or a loop would never fill the cache.
///
/// After a change to `recency`, entries on trial leave in the order of their priorities among the others.
struct EvictionQueues: ~Copyable {
    /// How hits and new entries are treated.
    enum Manner {
        case recency
        case trial
    }

    /// The bytes on trial are at most one in so many.
    private static let trialDivisor = 10
    private static let hitsToKeep: UInt8 = 2
    private static let maximumHits: UInt8 = 3
    /// The most entries that are passed over for one that leaves: what a lock is held for stays below a millisecond.
    private static let patience = 1_024

    /// How hits and new entries are treated from now on.
    var manner: Manner
    private var trial = NodeList()
    private var kept = WorthQueues()
    private var trialBytes = 0
    private(set) var bytes = 0
    private(set) var count = 0
    private var hasEvicted = false

    init(_ manner: Manner) { self.manner = manner }

    /// Puts a node in, whose key left a trial not long ago where `isRemembered`.
    @inline(__always)
    mutating func add<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, isRemembered: Bool, in nodes: borrowing Nodes)
    {
        let bytes = Int(nodes.node(index).pointee.bytes)
        self.bytes += bytes
        self.count += 1
        nodes.node(index).pointee.hits = 0

        if self.manner == .recency || isRemembered || !self.hasEvicted {
            self.keep(index, in: nodes)
        } else {
            nodes.node(index).pointee.place = .trial
            nodes.node(index).pointee.priority = self.kept.priority(nodes.node(index).pointee.worth)
            self.trial.add(index, in: nodes)
            self.trialBytes += bytes
        }
    }

    /// Notes a hit.
    @inline(__always)
    mutating func use<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        let node = nodes.node(index)
        if node.pointee.hits < Self.maximumHits { node.pointee.hits += 1 }
        guard self.manner == .recency else { return }
        self.unlink(index, in: nodes)
        self.keep(index, in: nodes)
    }

    /// Takes a node out.
    @inline(__always)
    mutating func remove<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        self.unlink(index, in: nodes)
        nodes.node(index).pointee.place = .none
        self.bytes -= Int(nodes.node(index).pointee.bytes)
        self.count -= 1
    }

    @inline(__always)
    private mutating func keep<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        nodes.node(index).pointee.place = .kept
        self.kept.add(index, in: nodes)
    }

    @inline(__always)
    private mutating func unlink<Nodes: EvictionNodes & ~Copyable>(_ index: UInt32, in nodes: borrowing Nodes) {
        if nodes.node(index).pointee.place == .trial {
            self.trial.remove(index, in: nodes)
            self.trialBytes -= Int(nodes.node(index).pointee.bytes)
        } else {
            self.kept.remove(index, in: nodes)
        }
    }

    /// The node to take out next; nil where there is none. Its name is worth remembering where it was on trial.
    ///
    /// - Complexity: Amortised O(1): what it passes over loses a hit each time. At worst it passes over 1,024 entries.
    mutating func victim<Nodes: EvictionNodes & ~Copyable>(
        in nodes: borrowing Nodes
    ) -> (index: UInt32, wasOnTrial: Bool)? {
        self.hasEvicted = true
        switch self.manner {
        case .recency: return self.leastRecent(in: nodes)
        case .trial: return self.leastTried(in: nodes)
        }
    }

    private mutating func leastRecent<Nodes: EvictionNodes & ~Copyable>(
        in nodes: borrowing Nodes
    ) -> (index: UInt32, wasOnTrial: Bool)? {
        let tried = self.trial.oldest
        let triedPriority = tried == EvictionNode.none ? Double.infinity : nodes.node(tried).pointee.priority
        if let kept = self.kept.least(in: nodes), nodes.node(kept).pointee.priority < triedPriority {
            self.kept.passed(priority: nodes.node(kept).pointee.priority)
            return (kept, false)
        }
        guard tried != EvictionNode.none else { return nil }
        self.kept.passed(priority: triedPriority)
        return (tried, true)
    }

    private mutating func leastTried<Nodes: EvictionNodes & ~Copyable>(
        in nodes: borrowing Nodes
    ) -> (index: UInt32, wasOnTrial: Bool)? {
        var passed = 0
        while true {
            let tried = self.trial.oldest
            if tried != EvictionNode.none, self.kept.isEmpty || self.trialBytes * Self.trialDivisor > self.bytes {
                guard nodes.node(tried).pointee.hits >= Self.hitsToKeep, passed < Self.patience else {
                    return (tried, true)
                }
                self.unlink(tried, in: nodes)
                nodes.node(tried).pointee.hits = 0
                self.keep(tried, in: nodes)
            } else {
                guard let least = self.kept.least(in: nodes) else { return nil }
                self.kept.passed(priority: nodes.node(least).pointee.priority)
                guard nodes.node(least).pointee.hits > 0, passed < Self.patience else { return (least, false) }
                nodes.node(least).pointee.hits -= 1
                self.unlink(least, in: nodes)
                self.keep(least, in: nodes)
            }
            passed += 1
        }
    }
}
