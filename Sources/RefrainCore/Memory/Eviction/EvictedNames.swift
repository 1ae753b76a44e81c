/// The names of the keys that left lately: a table of sets of four, 8 bytes a name.
///
/// A name is 32 bits of a key's hash and the number of names that were noted before it; it is too old once as many were
/// noted as are to be remembered, so nothing has to be taken out. A full set loses its oldest. A name that belongs to
/// another key is found once in some billion look-ups, and costs that key's entry a trial.
struct EvictedNames: ~Copyable {
    private struct Name {
        var print: UInt32
        var stamp: UInt32
    }

    private static let ways = 4
    private static let smallest = 64

    private var names: UnsafeMutableBufferPointer<Name>
    /// The number of names noted, beginning where every place of an empty table is too old.
    private var clock: UInt32 = 1 << 31

    /// Creates a table that remembers nothing until ``reserve(entries:)``.
    init() { self.names = UnsafeMutableBufferPointer(start: nil, count: 0) }

    deinit { self.names.deallocate() }

    private static func makeNames(_ count: Int) -> UnsafeMutableBufferPointer<Name> {
        let names = UnsafeMutableBufferPointer<Name>.allocate(capacity: count)
        names.initialize(repeating: Name(print: 0, stamp: 0))
        return names
    }

    private static func heapBytes(places count: Int) -> Int {
        count == 0 ? 0 : HeapCost.block(count * MemoryLayout<Name>.stride)
    }

    /// The heap bytes that the table takes.
    var bytes: Int { Self.heapBytes(places: self.names.count) }

    /// The places that a table for `entries` names has: half to three quarters of them are in use.
    private static func places(_ entries: Int) -> Int {
        var places = Self.smallest
        while places * 3 < entries * 4 { places *= 2 }
        return places
    }

    /// The heap bytes that a table takes which remembers `entries` names.
    static func heapBytes(entries: Int) -> Int { Self.heapBytes(places: Self.places(entries)) }

    /// How many names a cache of `entries` entries remembers: nine for ten, as the authors of S3-FIFO have it.
    static func remembered(entries: Int) -> Int { entries * 9 / 10 }

    /// The heap bytes that the table takes in addition, for a moment, where it is to remember `entries` names.
    func bytesToGrow(entries: Int) -> Int {
        let places = Self.places(entries)
        return places > self.names.count ? Self.heapBytes(places: places) : 0
    }

    /// Makes room for `entries` names, if there is less.
    mutating func reserve(entries: Int) {
        let places = Self.places(entries)
        guard places > self.names.count else { return }
        let old = self.names
        self.names = Self.makeNames(places)
        for name in old where name.stamp != 0 { self.put(name) }
        old.deallocate()
    }

    private static func print(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 16) }

    private func set(_ print: UInt32) -> Range<Int> {
        let first = (Int(print) & (self.names.count / Self.ways - 1)) * Self.ways
        return first..<first + Self.ways
    }

    private mutating func put(_ name: Name) {
        let set = self.set(name.print)
        var place = set.lowerBound
        for candidate in set
        where self.clock &- self.names[candidate].stamp > self.clock &- self.names[place].stamp {
            place = candidate
        }
        self.names[place] = name
    }

    /// Notes the key of this hash.
    mutating func note(_ hash: UInt64) {
        guard !self.names.isEmpty else { return }
        self.clock &+= 1
        self.put(Name(print: Self.print(hash), stamp: self.clock))
    }

    /// Whether the key of this hash is among the last `entries` noted; it is forgotten.
    mutating func take(_ hash: UInt64, entries: Int) -> Bool {
        guard !self.names.isEmpty else { return false }
        let print = Self.print(hash)
        for place in self.set(print) where self.names[place].print == print && self.names[place].stamp != 0 {
            let age = self.clock &- self.names[place].stamp
            self.names[place].stamp = 0
            return age < UInt32(clamping: entries)
        }
        return false
    }
}
