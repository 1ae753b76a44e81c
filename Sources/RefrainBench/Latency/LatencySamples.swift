/// How long an operation took, each time it was timed.
package struct LatencySamples: Sendable {
    /// Nanoseconds of one operation, in ascending order.
    private let nanoseconds: [Double]
    /// How many operations were timed together: where more than one, each sample is their mean.
    package let operationsPerSample: Int

    /// - Parameter nanoseconds: Of one operation, in any order; at least one.
    package init(_ nanoseconds: [Double], operationsPerSample: Int) {
        self.nanoseconds = nanoseconds.sorted()
        self.operationsPerSample = operationsPerSample
    }

    /// How many samples there are.
    package var count: Int { self.nanoseconds.count }

    /// The smallest value that at least the share `quantile` (0 to 1) of the samples does not exceed: the nearest-rank
    /// method. Nil without samples.
    package func quantile(_ quantile: Double) -> Double? {
        guard !self.nanoseconds.isEmpty else { return nil }
        let rank = Int((min(max(0, quantile), 1) * Double(self.count)).rounded(.up))
        return self.nanoseconds[max(1, rank) - 1]
    }

    /// The median, in nanoseconds; 0 without samples.
    package var median: Double { self.quantile(0.5) ?? 0 }
}
