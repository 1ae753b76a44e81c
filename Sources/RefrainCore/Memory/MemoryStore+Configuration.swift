extension MemoryStore {
    /// How much a memory store may hold.
    public struct Configuration: Hashable, Sendable {
        /// The most bytes that the store takes: a hard bound on entries, their keys, labels and strings, the store's own
        /// tables and the allocator's overhead, for which a body is charged an eighth more than its size. Nothing is kept
        /// where it is 0 or less.
        ///
        /// It is divided evenly among the shards, and each keeps to its share, so that no moment and no interleaving
        /// exceeds the whole. Keys are spread evenly, so the shares fill evenly; with few, large entries one shard may
        /// evict while another has room.
        public var bytes: Int

        /// The most entries; nil for as many as the bytes allow. Divided among the shards likewise.
        public var entries: Int?

        /// Which entries leave when room is needed.
        public var eviction: Eviction

        /// The number of shards, each with its own lock: rounded up to a power of two, at most 4,096.
        ///
        /// By default one for each 4 MiB of the bound, at most 16; and so few that each may hold 64 entries, where
        /// ``entries`` is set.
        public var shards: Int?

        /// The largest part of ``bytes`` that one entry may take, by default a 32nd: 8 MiB of 256 MiB, half of what a
        /// shard holds then.
        ///
        /// A larger entry is refused and counted as a rejection. An entry never takes more than its shard's share, so a
        /// part greater than one over the number of shards does not allow more than that, nor ever 4 GiB or more.
        public var maximumEntryShare: Double

        /// How long ``MemoryStore/run()`` waits between sweeps.
        public var sweepInterval: Duration

        /// Creates a configuration. See the properties for what each value means.
        public init(
            bytes: Int = 256 << 20, entries: Int? = nil, eviction: Eviction = .adaptive, shards: Int? = nil,
            maximumEntryShare: Double = 1.0 / 32, sweepInterval: Duration = .seconds(30)
        ) {
            self.bytes = bytes
            self.entries = entries
            self.eviction = eviction
            self.shards = shards
            self.maximumEntryShare = maximumEntryShare
            self.sweepInterval = sweepInterval
        }

        /// The number of shards that the settings come to: a power of two.
        var shardCount: Int {
            if let shards = self.shards {
                let wanted = min(max(shards, 1), 4_096)
                return 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
            }
            let wanted = min(16, self.bytes >> 22, (self.entries ?? .max) / 64)
            return wanted <= 1 ? 1 : 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
        }

        /// The most bytes that one entry may take.
        var maximumEntryBytes: Int {
            let share = Double(max(0, self.bytes)) * min(max(self.maximumEntryShare, 0), 1)
            return min(
                share.isNaN ? 0 : Int(exactly: share.rounded(.down)) ?? .max, max(0, self.bytes) / self.shardCount,
                Int(UInt32.max))
        }
    }
}
