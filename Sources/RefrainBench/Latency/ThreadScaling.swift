package import RefrainCore

/// How much more two threads get done than one.
package struct ThreadScaling: Sendable {
    /// What each does.
    package let name: String
    /// What is to be reached; nil where it is only there to compare with.
    package let aim: Double?
    /// Operations a second on one thread, and on two together: medians of the rounds.
    package let one: Double
    package let two: Double

    /// How many times the throughput of one thread two have.
    package var ratio: Double { self.two / self.one }
}

extension ThreadScaling {
    /// How often one thread and two are measured, in turn.
    static let rounds = 10

    /// Hits from bytes on one thread and on two in turn; and the same of SHA-256 alone, which shares nothing: what the
    /// machine itself allows.
    ///
    /// - Parameters:
    ///   - duration: How long each is measured.
    ///   - processors: How many this process may run on.
    ///   - time: Where the time comes from.
    /// - Returns: Nothing where there is one processor: two threads then do in turn what one does.
    package static func hits(
        duration: Duration, processors: Int = Processors.available, time: TimeSource = .system
    ) async throws -> [ThreadScaling] {
        guard processors >= 2 else { return [] }
        let hit = try await SampleHit(requestBytes: 1_024, messageBytes: 1_024)
        let length = hit.message.count
        return try await [
            Self.measure("hit from bytes, 1 KB request", aim: 1.7, duration, time) { count in
                for _ in 0..<count where hit.hit() != length { throw LatencyCase.wrong("a miss") }
            },
            Self.measure(
                "SHA-256 of 1 KB", aim: nil, duration, time, LatencyCase.Reference.hash(hit.body).operation),
        ]
    }

    private static func measure(
        _ name: String, aim: Double?, _ duration: Duration, _ time: TimeSource,
        _ operation: @escaping LatencyCase.Operation
    ) async throws -> ThreadScaling {
        let operations = 1_000
        var rates: (one: [Double], two: [Double]) = ([], [])
        let length = UInt64(exactly: (duration / .nanoseconds(1) / Double(2 * Self.rounds)).rounded()) ?? 0
        for _ in 0..<Self.rounds {
            for threads in [1, 2] {
                let crowd = Crowd(threads)
                let works = try await crowd.run {
                    try await crowd.gather()
                    let start = time.monotonicNanoseconds()
                    var work = Work(done: 0, start: start, end: start)
                    repeat {
                        try await operation(operations)
                        work.done += operations
                        work.end = time.monotonicNanoseconds()
                    } while work.end &- start < length
                    return work
                }
                if threads == 1 { rates.one.append(Work.rate(works)) } else { rates.two.append(Work.rate(works)) }
            }
        }
        return ThreadScaling(
            name: name, aim: aim, one: LatencySamples(rates.one, operationsPerSample: operations).median,
            two: LatencySamples(rates.two, operationsPerSample: operations).median)
    }

    /// What one thread did, and when, in nanoseconds.
    struct Work: Sendable {
        var done: Int
        var start: UInt64
        var end: UInt64

        /// Operations a second of several together, from the first beginning to the last end: threads that took turns have
        /// done no more than one.
        static func rate(_ works: [Work]) -> Double {
            guard let start = works.map(\.start).min(), let end = works.map(\.end).max(), end > start else { return 0 }
            return Double(works.reduce(0) { $0 + $1.done }) / Double(end - start) * 1e9
        }
    }
}
