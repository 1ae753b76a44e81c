import RefrainBench
import RefrainCore
import RefrainTesting
import Testing

@Suite struct PolicyTests {
    private func hits(_ policy: some EvictionPolicy, _ keys: [Int32]) -> String {
        var policy = policy
        return String(keys.map { policy.access(.init(key: $0)) ? "h" : "-" })
    }

    @Test func whoWasUsedLastStaysWithLRU() {
        #expect(self.hits(LRUPolicy(capacity: 2, keyCount: 3), [0, 1, 0, 2, 0, 1]) == "--h-h-")
    }

    @Test func useDoesNotMatterWithFIFO() {
        #expect(self.hits(FIFOPolicy(capacity: 2, keyCount: 3), [0, 1, 0, 2, 0, 1]) == "--h---")
    }

    /// The hand passes over a key that was hit, and goes on from where it stands: it comes to 0 again last.
    @Test func aHitSavesAKeyOnceWithSIEVE() {
        #expect(self.hits(SIEVEPolicy(capacity: 3, keyCount: 5), [0, 1, 2, 0, 3, 0, 1, 4, 0]) == "---h-h--h")
    }

    @Test func aScanDoesNotEmptyARC() {
        let scan = (10..<100).map { Int32($0) }
        let keys: [Int32] = [0, 1, 0, 1] + scan + [0, 1]
        #expect(self.hits(ARCPolicy(capacity: 4, keyCount: 100), keys).hasSuffix("hh"))
        #expect(self.hits(LRUPolicy(capacity: 4, keyCount: 100), keys).hasSuffix("--"))
    }

    @Test func theDearStayWithGDSF() {
        var policy = GDSFPolicy(capacity: 100, keyCount: 100, entries: 10)
        _ = policy.access(.init(key: 0, size: 10, cost: 100))
        for key in 1..<60 as Range<Int32> { _ = policy.access(.init(key: key, size: 10, cost: 1)) }
        let (isDearThere, isCheapThere) = (
            policy.access(.init(key: 0, size: 10, cost: 100)), policy.access(.init(key: 1, size: 10, cost: 1))
        )
        #expect(isDearThere && !isCheapThere)
    }

    /// Every policy, against the number of keys that fit: what was asked for lately and is answered for sure cannot be
    /// more than the capacity.
    @Test(arguments: [1, 3, 10, 50])
    func noneHoldsMoreThanItsCapacity(capacity: Int) throws {
        var random = SeededGenerator(seed: 9)
        let requests = (0..<2_000).map { _ in Int.random(in: 0..<80, using: &random) }
        // At the end, each key once: what is answered then was held, or put in just before and is not asked for again.
        let trace = EvictionTrace(name: "held", keys: requests + Array(0..<80))
        let before = EvictionTrace(name: "before", keys: requests)
        for policy in EvictionCompetitor.all {
            let all = policy.outcome(trace, capacity).hitRatio * Double(trace.requests.count)
            let first = policy.outcome(before, capacity).hitRatio * Double(before.requests.count)
            #expect((all - first).rounded() <= Double(capacity), "\(policy.name)")
        }
    }

    @Test func whatDoesNotFitIsNotKept() {
        let requests = [(0, 5), (1, 50), (1, 50), (0, 5)].map { EvictionTrace.Request(key: $0, size: $1) }
        let trace = EvictionTrace(name: "large", requests: requests)
        for policy in EvictionCompetitor.all { #expect(policy.outcome(trace, 20).hitRatio == 0.25, "\(policy.name)") }
    }
}
