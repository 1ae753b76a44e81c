import RefrainBench
import RefrainCore
import RefrainKeys
import Testing

/// What is simulated is what the memory store does.
@Suite struct StoreAgreementTests {
    private static let now = Timestamp(milliseconds: 1_500)

    /// The hit ratio and the saved part of the cost of the store itself.
    private func outcome(_ trace: EvictionTrace, _ configuration: MemoryStore.Configuration) -> EvictionOutcome {
        let store = MemoryStore(configuration, generations: GenerationTracker(record: GenerationRecord(epoch: 7)))
        let keys = (0..<trace.keyCount).map { StorePolicy.key($0) }
        var hits = 0
        var saved = 0.0
        for request in trace.requests {
            let key = keys[Int(request.key)]
            if store.lookup(key, now: Self.now) != nil {
                hits += 1
                saved += request.cost
                continue
            }
            // Entries of a trace that counts entries are all alike.
            let bytes = trace.uniqueSize == trace.keyCount ? 0 : Int(request.size)
            let envelope = Envelope(
                key: key, form: .message, created: Timestamp(milliseconds: 1_000),
                freshUntil: Timestamp(milliseconds: 2_000), staleUntil: Timestamp(milliseconds: 3_000),
                generation: GenerationStamp(epoch: 7, clock: 0), labels: [], details: .init(cost: request.cost),
                headers: [], body: [UInt8](repeating: 0, count: bytes))
            store.insert(envelope, now: Self.now)
        }
        let cost = trace.requests.reduce(0) { $0 + $1.cost }
        return EvictionOutcome(hitRatio: Double(hits) / Double(trace.requests.count), savedCostRatio: saved / cost)
    }

    /// Recency first, then a loop, then drift: the adaptive policy changes its manner on the way.
    private func unitTrace() -> EvictionTrace {
        var keys: [Int] = []
        for round in 0..<20 { for step in 0..<400 { keys.append(round % 2 == 0 ? step : 399 - step) } }
        for step in 0..<12_000 { keys.append(1_000 + step % 500) }
        for request in EvictionWorkload.drift.trace(requests: 12_000, seed: 4).requests {
            keys.append(10_000 + Int(request.key))
        }
        return EvictionTrace(name: "zigzag, loop, drift", keys: keys)
    }

    @Test(arguments: [MemoryStore.Eviction.lru, .adaptive], [40, 150, 1_100])
    func oneShardDoesExactlyWhatIsSimulated(eviction: MemoryStore.Eviction, entries: Int) {
        let trace = self.unitTrace()
        let simulated = EvictionCompetitor.store(eviction).outcome(trace, entries)
        let stored = self.outcome(trace, .init(bytes: 256 << 20, entries: entries, eviction: eviction, shards: 1))
        #expect(simulated.hitRatio == stored.hitRatio)
        #expect(simulated.hitRatio > 0.1)
    }

    /// Eight shards, each an eighth of the capacity, and a decision of its own: within a point.
    @Test(arguments: [MemoryStore.Eviction.lru, .adaptive])
    func shardsDoAboutWhatIsSimulated(eviction: MemoryStore.Eviction) {
        let trace = self.unitTrace()
        let simulated = EvictionCompetitor.store(eviction).outcome(trace, 1_600)
        let stored = self.outcome(trace, .init(bytes: 256 << 20, entries: 1_600, eviction: eviction, shards: 8))
        #expect(abs(simulated.hitRatio - stored.hitRatio) <= 0.01)
    }

    /// Bytes and money: the store pays for its own tables, so it is given what the simulation leaves out, and the two are
    /// within a point.
    @Test(arguments: [MemoryStore.Eviction.lru, .adaptive])
    func bytesAndMoneyAreAboutWhatIsSimulated(eviction: MemoryStore.Eviction) {
        let trace = EvictionWorkload.zipf.trace(requests: 20_000, seed: 5)
        let capacity = trace.capacity(share: 0.1)
        let simulated = EvictionCompetitor.store(eviction).outcome(trace, capacity)
        // An entry is charged an eighth more than its body, its envelope and its slot; a shard its shadow caches.
        let overhead = trace.requests.count / 20 * 500
        let stored = self.outcome(
            trace, .init(bytes: capacity * 9 / 8 + overhead, eviction: eviction, shards: 1, maximumEntryShare: 1))
        #expect(abs(simulated.savedCostRatio - stored.savedCostRatio) <= 0.02)
    }
}
