/// Durations counted in buckets, as Prometheus has its histograms.
struct LatencyHistogram: Sendable {
    /// The upper bounds of the buckets, in seconds: from a hit's 50 µs to the API's ten minutes.
    static let bounds: [Double] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
        30,
        60, 120, 300, 600,
    ]
    private static let nanoseconds = Self.bounds.map { UInt64(($0 * 1e9).rounded()) }

    /// How many durations each bucket holds; the last one those over all bounds.
    private(set) var counts = [Int](repeating: 0, count: Self.bounds.count + 1)
    /// The sum of the durations in seconds.
    private(set) var sum = 0.0
    /// How many durations there are.
    private(set) var count = 0

    /// Counts a duration.
    mutating func add(nanoseconds: UInt64) {
        let bucket = Self.nanoseconds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count
        self.counts[bucket] += 1
        self.sum += Double(nanoseconds) / 1e9
        self.count += 1
    }

    /// About the duration in seconds that a share of them does not exceed, interpolated within its bucket; nil where
    /// there is none.
    func quantile(_ share: Double) -> Double? {
        guard self.count > 0 else { return nil }
        let rank = share * Double(self.count)
        var below = 0
        for (bucket, count) in self.counts.enumerated() where count > 0 {
            if Double(below + count) >= rank {
                let lower = bucket == 0 ? 0 : Self.bounds[bucket - 1]
                guard bucket < Self.bounds.count else { return lower }
                return lower + (Self.bounds[bucket] - lower) * max(0, rank - Double(below)) / Double(count)
            }
            below += count
        }
        return Self.bounds.last
    }
}
