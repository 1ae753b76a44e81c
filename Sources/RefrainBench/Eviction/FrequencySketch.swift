/// About how often keys were requested lately: a count-min sketch of four rows of counters that end at 15, all of which are
/// halved after each ten times as many requests as there are entries (Einziger, Friedman and Manes, ACM TOS 2017).
///
/// A row has four counters or more for each entry, as Caffeine's sketch has.
struct FrequencySketch {
    private static let rows = 4
    private static let maximum: UInt8 = 15
    private static let countersPerEntry = 4
    private static let periodPerEntry = 10

    private var counters: [UInt8]
    private let mask: UInt32
    private let period: Int
    private var requests = 0

    /// Creates a sketch for a cache of `entries` entries.
    init(entries: Int) {
        var width = 8
        while width < Self.countersPerEntry * entries { width *= 2 }
        self.mask = UInt32(width - 1)
        self.counters = [UInt8](repeating: 0, count: width * Self.rows)
        self.period = Self.periodPerEntry * max(1, entries)
    }

    private func index(_ key: Int32, row: Int) -> Int {
        var random = TrafficRandomness(seed: UInt64(UInt32(bitPattern: key)) << 3 | UInt64(row))
        return row * (Int(self.mask) + 1) + Int(UInt32(truncatingIfNeeded: random.next()) & self.mask)
    }

    /// How often `key` was requested lately: at most 15.
    func frequency(_ key: Int32) -> Int {
        var least = Self.maximum
        for row in 0..<Self.rows { least = min(least, self.counters[self.index(key, row: row)]) }
        return Int(least)
    }

    /// Notes a request.
    mutating func add(_ key: Int32) {
        for row in 0..<Self.rows {
            let index = self.index(key, row: row)
            if self.counters[index] < Self.maximum { self.counters[index] += 1 }
        }
        self.requests += 1
        guard self.requests == self.period else { return }
        for index in self.counters.indices { self.counters[index] >>= 1 }
        self.requests = 0
    }
}
