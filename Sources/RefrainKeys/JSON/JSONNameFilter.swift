/// Which names an object has, by two small hashes of each: it may take a new one for one that it has seen, and never
/// the other way round. Of objects with eight different names, one in thirty seems to repeat one.
struct JSONNameFilter: BitwiseCopyable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0

    /// Adds a name, of which `word` is what tells it from most others. Returns whether it may have been there.
    @inline(__always)
    mutating func insert(_ word: UInt64) -> Bool {
        let hash = word &* 0x9E37_79B9_7F4A_7C15
        let first: UInt64 = 1 << (hash >> 58)
        let second: UInt64 = 1 << (hash >> 52 & 63)
        let wasThere = self.first & first != 0 && self.second & second != 0
        self.first |= first
        self.second |= second
        return wasThere
    }
}
