/// Compares eviction policies on traces.
package enum EvictionBench {
    /// What the policies did on one trace at one capacity.
    package struct Row: Sendable {
        /// The trace's name.
        package let trace: String
        /// What kind of traffic the trace records, as in ``EvictionTrace/kind``.
        package let kind: TrafficKind?
        /// What a reader must know of the trace, as in ``EvictionTrace/note``.
        package let note: String
        /// The number of its requests.
        package let requests: Int
        /// The number of its different keys.
        package let keys: Int
        /// The capacity as a part of what all keys take.
        package let share: Double
        /// The capacity in the trace's unit of size.
        package let capacity: Int
        /// What each policy did, by its name, in the order in which they were given.
        package let outcomes: [(policy: String, outcome: EvictionOutcome)]
        /// What no policy can exceed.
        package let ceiling: EvictionOutcome
        /// Whether the ceiling is what an optimal cache reaches, and not only a bound on it.
        package let isCeilingExact: Bool

        /// What the policy of this name did; nil where it did not take part.
        package subscript(policy: String) -> EvictionOutcome? {
            self.outcomes.first { $0.policy == policy }?.outcome
        }

        /// By how much the policy of this name falls short of the best of the others; less than 0 where it is the best.
        package func gap(of policy: String, in ratio: KeyPath<EvictionOutcome, Double>) -> Double? {
            guard let own = self[policy],
                let best = self.outcomes.filter({ $0.policy != policy })
                    .map({ $0.outcome[keyPath: ratio] }).max()
            else { return nil }
            return best - own[keyPath: ratio]
        }
    }

    /// Runs every policy on every trace at every capacity.
    ///
    /// - Parameters:
    ///   - traces: The traces.
    ///   - shares: The capacities, as parts of what all keys of a trace take.
    ///   - policies: The policies.
    /// - Returns: A row for each trace and capacity.
    /// - Complexity: Linear in the requests times capacities times policies: some 0.2 us each in release.
    package static func run(
        traces: [EvictionTrace], shares: [Double], policies: [EvictionCompetitor] = EvictionCompetitor.all
    ) -> [Row] {
        traces.flatMap { trace in
            shares.map { share in
                let capacity = trace.capacity(share: share)
                let ceiling: EvictionOutcome
                if trace.isUniform {
                    let ratio = EvictionCeiling.optimal(trace, capacity: capacity)
                    ceiling = EvictionOutcome(hitRatio: ratio, sizeHitRatio: ratio, savedCostRatio: ratio)
                } else {
                    ceiling = EvictionCeiling.averageSpace(trace, capacity: capacity)
                }
                return Row(
                    trace: trace.name, kind: trace.kind, note: trace.note, requests: trace.requests.count,
                    keys: trace.keyCount, share: share,
                    capacity: capacity, outcomes: policies.map { ($0.name, $0.outcome(trace, capacity)) },
                    ceiling: ceiling, isCeilingExact: trace.isUniform)
            }
        }
    }
}

extension EvictionTrace {
    /// Whether all requests have size and cost 1.
    var isUniform: Bool { self.requests.allSatisfy { $0.size == 1 && $0.cost == 1 } }
}
