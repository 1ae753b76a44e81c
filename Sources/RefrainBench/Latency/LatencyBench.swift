package import RefrainCore

/// Measures operations, each in turn with its reference, so that whatever else the machine does falls on both alike.
package struct LatencyBench: Sendable {
    /// How long each operation is measured.
    package var duration: Duration
    /// Operations that take less are timed several at a time, so that reading the clock does not count.
    package var shortestSample: Duration
    /// Where the time comes from.
    package var time: TimeSource

    /// Creates a bench. See the properties.
    package init(
        duration: Duration = .milliseconds(500), shortestSample: Duration = .microseconds(10),
        time: TimeSource = .system
    ) {
        self.duration = duration
        self.shortestSample = shortestSample
        self.time = time
    }

    /// What was measured of one case.
    package struct Outcome: Sendable {
        package let measured: LatencyCase
        package let samples: LatencySamples
        /// The samples of the reference, taken in turn with the others.
        package let reference: LatencySamples?

        /// The median beside that of the reference.
        package var ratio: Double? { self.reference.map { self.samples.median / $0.median } }

        /// Bytes a second, by the median.
        package var throughput: Double? { self.measured.bytes.map { Double($0) / self.samples.median * 1e9 } }

        /// Whether the aim is reached; nil where there is none.
        package var meetsAim: Bool? {
            self.measured.aim?.isMet(
                median: self.samples.median, reference: self.reference?.median, bytes: self.measured.bytes)
        }
    }

    /// Measures one case.
    ///
    /// - Throws: What the operation throws.
    package func run(_ measured: LatencyCase) async throws -> Outcome {
        let count = try await self.operationsPerSample(measured.operation)
        var reference: (operation: LatencyCase.Operation, count: Int)?
        if let operation = measured.reference?.operation {
            reference = (operation, try await self.operationsPerSample(operation))
        }
        var samples: [Double] = []
        var references: [Double] = []
        let end = self.end()
        repeat {
            samples.append(try await self.sample(measured.operation, count))
            if let reference { references.append(try await self.sample(reference.operation, reference.count)) }
        } while self.isBefore(end)
        return Outcome(
            measured: measured, samples: LatencySamples(samples, operationsPerSample: count),
            reference: reference.map { LatencySamples(references, operationsPerSample: $0.count) })
    }

    /// Nanoseconds of one operation, as the mean of `count` of them.
    private func sample(_ operation: LatencyCase.Operation, _ count: Int) async throws -> Double {
        let start = self.time.monotonicNanoseconds()
        try await operation(count)
        return Double(self.time.monotonicNanoseconds() - start) / Double(count)
    }

    /// How many operations last as long as the shortest sample. What is done to find out warms the operation up.
    private func operationsPerSample(_ operation: LatencyCase.Operation) async throws -> Int {
        let least = self.shortestSample / .nanoseconds(1)
        var count = 1
        while count < 1 << 20 {
            // The second time tells: the first may fill caches and allocate.
            _ = try await self.sample(operation, count)
            let nanoseconds = try await self.sample(operation, count)
            if nanoseconds * Double(count) >= least { return count }
            count *= 2
        }
        return count
    }

    private func end() -> UInt64 {
        self.time.monotonicNanoseconds() &+ (UInt64(exactly: (self.duration / .nanoseconds(1)).rounded()) ?? 0)
    }

    private func isBefore(_ end: UInt64) -> Bool { self.time.monotonicNanoseconds() < end }
}
