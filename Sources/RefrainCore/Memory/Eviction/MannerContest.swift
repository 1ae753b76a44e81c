/// Which manner of eviction saves more money, found out by two shadow caches of a sample of the keys.
///
/// Keys are sampled by bits of their hashes, and the shadows have the same part of the bytes (miniature simulation:
/// Waldspurger, Saemundsson, Ahmad and Park, USENIX ATC 2017). Where a shadow runs out of nodes, the sample is halved. What each
/// saves is forgotten with the time: the sums reach back about ``horizon`` times the entries in the shadow.
struct MannerContest: ~Copyable {
    /// The requests that the sums reach back, in entries of a shadow.
    private static let horizon = 8.0
    /// The part of the money requested by which a manner must be ahead to be chosen.
    private static let margin = 0.01
    /// The bits of a hash that choose the sample, from this one on. Neither a shard nor a bucket is chosen by them.
    private static let sampleShift: UInt64 = 32
    private static let maximumSampleBits: UInt64 = 15

    private var recency: ShadowCache
    private var trial: ShadowCache
    private let nodes: Int
    /// One in 2 ^ `sampleBits` keys is in the sample.
    private var sampleBits: UInt64 = 0
    /// What `recency` saved more than `trial`, and what was requested.
    private var lead = 0.0
    private var requested = 0.0

    /// Creates a contest whose shadows have `nodes` nodes each, a power of two.
    init(nodes: Int) {
        self.nodes = nodes
        self.recency = ShadowCache(.recency, nodes: nodes)
        self.trial = ShadowCache(.trial, nodes: nodes)
    }

    /// The heap bytes that a contest takes.
    static func heapBytes(nodes: Int) -> Int { 2 * ShadowCache.heapBytes(nodes: nodes) }

    /// The bits of a hash that are 0 in the sample.
    var sampleMask: UInt64 { (1 &<< self.sampleBits &- 1) &<< Self.sampleShift }

    /// Notes a request for a key of the sample, in a cache that holds `capacity` bytes.
    ///
    /// - Parameter manner: The manner that is in use, changed where the other is ahead.
    mutating func note(
        _ hash: UInt64, node: EvictionNode, cost: Double, capacity: Int, manner: inout EvictionQueues.Manner
    ) {
        if self.trial.isFull || self.recency.isFull, self.sampleBits < Self.maximumSampleBits {
            self.sampleBits += 1
            self.recency.drop(bits: self.sampleMask)
            self.trial.drop(bits: self.sampleMask)
            guard hash & self.sampleMask == 0 else { return }
        }
        let capacity = capacity &>> Int(truncatingIfNeeded: self.sampleBits)
        let isRecent = self.recency.access(hash, bytes: node.bytes, worth: node.worth, capacity: capacity)
        let isKept = self.trial.access(hash, bytes: node.bytes, worth: node.worth, capacity: capacity)
        let decay = 1 - 1 / (Self.horizon * Double(max(self.trial.count, 1)))
        self.lead = self.lead * decay + (isRecent ? cost : 0) - (isKept ? cost : 0)
        self.requested = self.requested * decay + cost
        if self.lead > Self.margin * self.requested { manner = .recency }
        if self.lead < -Self.margin * self.requested { manner = .trial }
    }
}
