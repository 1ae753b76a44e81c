import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct MemoryStoreConcurrencyTests {
    private static let now = Timestamp(milliseconds: 1_500)

    /// Reads, writes, removals, purges and sweeps at once, in a store so small that it evicts all the time.
    @Test(arguments: [UInt64(1), 2])
    func eachAnswerBelongsToItsKeyAndIsNoOlderThanAPurgeThatReturned(seed: UInt64) async {
        let keys = 64
        let store = sampleStore(MemoryStore.Configuration(bytes: 24 << 10, shards: 4, maximumEntryShare: 1))
        let history = Locked(History(purged: [UInt64](repeating: 0, count: keys)))
        let wrong = Locked<[String]>([])
        let reads = await withTaskGroup(of: Int.self) { group in
            for task in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: seed &* 100 &+ UInt64(task))
                    var hits = 0
                    for _ in 0..<4_000 {
                        let number = Int.random(in: 0..<keys, using: &random)
                        switch Int.random(in: 0..<100, using: &random) {
                        case 0..<2:
                            let began = history.withLock { $0.draw() }
                            store.purge(number == 0 ? .all : .label(.tag("\(number)")))
                            history.withLock { $0.purged[number] = max($0.purged[number], began) }
                        case 2: store.remove(sampleKey(number))
                        case 3: store.sweep(now: Self.now)
                        case 4..<40:
                            let stamp = store.generation()
                            let asked = history.withLock { $0.draw() }
                            store.insert(
                                sampleEnvelope(
                                    sampleKey(number), generation: stamp, labels: [.tag("\(number)")],
                                    body: withUnsafeBytes(of: (UInt64(number), asked)) { Array($0) }),
                                now: Self.now)
                        default:
                            let (purged, all) = history.withLock { ($0.purged[number], $0.purged[0]) }
                            guard let found = store.lookup(sampleKey(number), now: Self.now) else { continue }
                            let (owner, asked) = found.body.withUnsafeBytes {
                                $0.loadUnaligned(as: (UInt64, UInt64).self)
                            }
                            if found.key != sampleKey(number) || owner != UInt64(number) {
                                wrong.withLock { $0.append("key \(number) gave key \(owner)") }
                            }
                            if asked < max(purged, all) {
                                wrong.withLock { $0.append("entry of \(asked) after purge of \(max(purged, all))") }
                            }
                            hits += 1
                        }
                    }
                    return hits
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong.withLock { $0 } == [])
        #expect(reads > 0)
        let statistics = store.statistics()
        #expect(statistics.hits == reads)
        #expect(statistics.bytes <= 24 << 10)
        #expect(statistics.evictions > 0)
    }

    /// While others read and write, one task looks at the totals: no moment exceeds the bounds.
    @Test func theBoundsHoldAtEveryMoment() async {
        let bytes = 256 << 10
        let store = sampleStore(
            MemoryStore.Configuration(bytes: bytes, entries: 400, shards: 4, maximumEntryShare: 0.25))
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<3 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(task))
                    for _ in 0..<3_000 {
                        let size = Int.random(in: 0..<(Bool.random(using: &random) ? 300 : 20_000), using: &random)
                        store.insert(
                            sampleEnvelope(
                                sampleKey(Int.random(in: 0..<1_000, using: &random)),
                                body: [UInt8](repeating: 0, count: size)),
                            now: Self.now)
                    }
                }
            }
            group.addTask {
                for _ in 0..<500 {
                    let statistics = store.statistics()
                    #expect(statistics.bytes <= bytes)
                    #expect(statistics.entries <= 400)
                    await Task.yield()
                }
            }
        }
    }

    /// A purge that has returned is seen by a look-up on any thread, although neither takes the other's lock.
    @Test func aPurgeIsSeenAtOnce() async {
        let store = sampleStore()
        let round = Locked<UInt64>(0)
        let late = await withTaskGroup(of: Int.self) { group in
            group.addTask {
                for number in 1...2_000 {
                    store.insert(
                        sampleEnvelope(
                            sampleKey(1), generation: store.generation(), labels: [.tag("a")],
                            body: withUnsafeBytes(of: UInt64(number)) { Array($0) }),
                        now: Self.now)
                    store.purge(number % 10 == 0 ? .all : .label(.tag("a")))
                    round.withLock { $0 = UInt64(number) }
                }
                return 0
            }
            group.addTask {
                var late = 0
                var purged: UInt64 = 0
                while purged < 2_000 {
                    purged = round.withLock { $0 }
                    if let found = store.lookup(sampleKey(1), now: Self.now),
                        found.body.withUnsafeBytes({ $0.loadUnaligned(as: UInt64.self) }) <= purged
                    {
                        late += 1
                    }
                }
                return late
            }
            return await group.reduce(0, +)
        }
        #expect(late == 0)
    }

    private struct History {
        var counter: UInt64 = 0
        var purged: [UInt64]

        mutating func draw() -> UInt64 {
            self.counter += 1
            return self.counter
        }
    }
}
