/// What a cache would have saved on a trace.
package struct EvictionOutcome: Hashable, Sendable {
    /// The part of the requests that it answers.
    package var hitRatio = 0.0
    /// The part of the requested sizes that it answers.
    package var sizeHitRatio = 0.0
    /// The part of the cost of all requests that it saves.
    package var savedCostRatio = 0.0

    /// Creates an outcome.
    package init(hitRatio: Double = 0, sizeHitRatio: Double = 0, savedCostRatio: Double = 0) {
        self.hitRatio = hitRatio
        self.sizeHitRatio = sizeHitRatio
        self.savedCostRatio = savedCostRatio
    }

    /// Creates the outcome of `policy` on `trace`, from its first request on.
    package init<Policy: EvictionPolicy & ~Copyable>(of policy: consuming Policy, on trace: EvictionTrace) {
        var policy = policy
        var hits = (0, 0, 0.0)
        var all = (0, 0, 0.0)
        for request in trace.requests {
            all = (all.0 + 1, all.1 + Int(request.size), all.2 + request.cost)
            if policy.access(request) {
                hits = (hits.0 + 1, hits.1 + Int(request.size), hits.2 + request.cost)
            }
        }
        self.init(
            hitRatio: Double(hits.0) / Double(max(1, all.0)), sizeHitRatio: Double(hits.1) / Double(max(1, all.1)),
            savedCostRatio: all.2 > 0 ? hits.2 / all.2 : 0)
    }
}
