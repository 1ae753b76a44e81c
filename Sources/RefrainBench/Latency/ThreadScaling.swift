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
    /// Hits from bytes on one thread and on two in turn; and the same of SHA-256 alone, which shares nothing: what the
    /// machine itself allows.
    ///
    /// - Parameters:
    ///   - duration: How long each is measured.
    ///   - time: Where the time comes from.
    package static func hits(duration: Duration, time: TimeSource = .system) async throws -> [ThreadScaling] {
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
        let rounds = 10
        let operations = 1_000
        var rates: (one: [Double], two: [Double]) = ([], [])
        let length = UInt64(exactly: (duration / .nanoseconds(1) / Double(2 * rounds)).rounded()) ?? 0
        for _ in 0..<rounds {
            for threads in [1, 2] {
                // Each counts what it has done when the time is up, so that one that starts late does not stand still.
                let rate = try await withThrowingTaskGroup(of: Double.self) { group in
                    for _ in 0..<threads {
                        group.addTask {
                            let start = time.monotonicNanoseconds()
                            var done = 0
                            var now = start
                            repeat {
                                try await operation(operations)
                                done += operations
                                now = time.monotonicNanoseconds()
                            } while now - start < length
                            return Double(done) / Double(now - start) * 1e9
                        }
                    }
                    return try await group.reduce(0, +)
                }
                if threads == 1 { rates.one.append(rate) } else { rates.two.append(rate) }
            }
        }
        return ThreadScaling(
            name: name, aim: aim, one: LatencySamples(rates.one, operationsPerSample: operations).median,
            two: LatencySamples(rates.two, operationsPerSample: operations).median)
    }
}
