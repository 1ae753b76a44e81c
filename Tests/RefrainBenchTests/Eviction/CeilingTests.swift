import RefrainBench
import RefrainTesting
import Testing

@Suite struct CeilingTests {
    private func random(_ seed: UInt64, requests: Int, keys: Int) -> EvictionTrace {
        var random = SeededGenerator(seed: seed)
        return EvictionTrace(name: "random", keys: (0..<requests).map { _ in Int.random(in: 0..<keys, using: &random) })
    }

    /// The most hits from `time` on with `held` in the cache, by trying everything.
    private func most(_ trace: EvictionTrace, from time: Int, held: Set<Int32>, capacity: Int) -> Int {
        guard time < trace.requests.count else { return 0 }
        let key = trace.requests[time].key
        let all = held.union([key])
        var best = 0
        let choices = all.count <= capacity ? [all] : all.map { all.subtracting([$0]) }
        for choice in choices {
            best = max(best, self.most(trace, from: time + 1, held: choice, capacity: capacity))
        }
        return best + (held.contains(key) ? 1 : 0)
    }

    @Test(arguments: 0..<40)
    func theOptimumIsWhatTryingEverythingComesTo(seed: Int) {
        let trace = self.random(UInt64(seed), requests: 11, keys: 5)
        for capacity in 1...3 {
            let hits = self.most(trace, from: 0, held: [], capacity: capacity)
            #expect(EvictionCeiling.optimal(trace, capacity: capacity) == Double(hits) / Double(trace.requests.count))
        }
    }

    @Test func theBoundOnSpaceIsNeverBelowTheOptimum() {
        for seed in 0..<20 as Range<UInt64> {
            let trace = self.random(seed, requests: 400, keys: 60)
            for capacity in [1, 5, 20, 60] {
                let bound = EvictionCeiling.averageSpace(trace, capacity: capacity)
                let optimum = EvictionCeiling.optimal(trace, capacity: capacity)
                #expect(bound.hitRatio >= optimum - 1e-9)
                #expect(bound.hitRatio <= 1 - Double(trace.keyCount) / 400 + 1e-9, "repeats only")
            }
        }
    }

    @Test(arguments: EvictionWorkload.allCases)
    func noPolicyExceedsTheBound(workload: EvictionWorkload) throws {
        let trace = workload.trace(requests: 4_000, seed: 1)
        for row in EvictionBench.run(traces: [trace], shares: [0.02, 0.2]) {
            #expect(!row.isCeilingExact)
            for (policy, outcome) in row.outcomes {
                for ratio in [\EvictionOutcome.hitRatio, \.sizeHitRatio, \.savedCostRatio] {
                    #expect(outcome[keyPath: ratio] <= row.ceiling[keyPath: ratio] + 1e-9, "\(policy)")
                    #expect(outcome[keyPath: ratio] >= 0)
                }
            }
        }
    }
}
