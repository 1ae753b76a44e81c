extension MemoryStore {
    /// Which entries leave when room is needed.
    public struct Eviction: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The entries that save most money for the bytes that they take stay.
        ///
        /// Each shard decides between two ways: the least recently used leaves first, the cheaper by the byte the sooner; or
        /// new entries are on trial and leave soon unless they are used again, which keeps a scan or a loop from emptying the
        /// cache. Which of the two saves more money is found out on a sample of the keys, all the time. What an entry cost is
        /// told by its ``Envelope/Details/cost``; one whose cost is not known counts as the mean of the others.
        ///
        /// Compared with other policies in `docs/decisions/002-eviction.md`.
        public static let adaptive = Eviction("adaptive")

        /// The least recently used leaves first, whatever it cost.
        public static let lru = Eviction("lru")
    }
}
