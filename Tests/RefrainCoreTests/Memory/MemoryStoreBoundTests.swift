import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct MemoryStoreBoundTests {
    private let now = Timestamp(milliseconds: 1_500)

    private func envelope(_ number: Int, bytes: Int) -> Envelope {
        sampleEnvelope(sampleKey(number), body: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes))
    }

    @Test func neverExceedsItsBytes() {
        var random = SeededGenerator(seed: 3)
        for shards in [1, 2, 8] {
            let bound = 512 << 10
            let store = sampleStore(.init(bytes: bound, shards: shards, maximumEntryShare: 1))
            var largest = 0
            for number in 0..<5_000 {
                let size = [0, 50, 500, 5_000, 50_000].randomElement(using: &random) ?? 0
                store.insert(
                    self.envelope(number % 3_000, bytes: Int.random(in: 0...size, using: &random)), now: self.now)
                if number % 7 == 0 { store.remove(sampleKey(Int.random(in: 0..<3_000, using: &random))) }
                largest = max(largest, store.statistics().bytes)
            }
            #expect(largest <= bound)
            #expect(largest > bound * 3 / 4, "a bound that is not used is no cache")
        }
    }

    @Test func countsWhatIsThere() {
        let store = sampleStore(.init(shards: 1))
        let empty = store.statistics().bytes
        let rich = sampleEnvelope(
            sampleKey(1), labels: [.tag("a label of more than fifteen bytes")],
            details: .init(requestedModel: "claude-sonnet-4-5", toolUseIDs: ["toolu_0123456789abcdef"]),
            headers: [HTTPHeader("content-type", "application/json")], body: [UInt8](repeating: 0, count: 10_000))
        store.insert(rich, now: self.now)
        let one = store.statistics().bytes
        #expect(one > empty + 10_000 + HeapCost.envelopeInstance)
        #expect(one <= empty + HeapCost.envelope(rich) + 8_192)
        store.remove(sampleKey(1))
        // The slots stay for the next entry, and go when a sweep finds the shard empty.
        store.insert(sampleEnvelope(sampleKey(2)), now: self.now)
        store.purge(.all)
        store.sweep(now: self.now)
        #expect(store.statistics().bytes == empty)
        #expect(store.statistics().entries == 0)
    }

    @Test func refusesAnEntryOverItsShare() {
        let store = sampleStore(.init(bytes: 1 << 20, shards: 1, maximumEntryShare: 0.1))
        store.insert(self.envelope(1, bytes: 10), now: self.now)
        #expect(store.insert(self.envelope(2, bytes: 90_000), now: self.now) == .stored)
        #expect(store.insert(self.envelope(1, bytes: 110_000), now: self.now) == .tooLarge)
        #expect(store.lookup(sampleKey(1), now: self.now) == nil, "the entry that it was to replace is gone")
        #expect(store.lookup(sampleKey(2), now: self.now) != nil, "and no other")
        #expect(store.statistics().rejections == 1)
        #expect(store.statistics().evictions == 0)
    }

    @Test func anEntryNeverTakesMoreThanItsShard() {
        let store = sampleStore(.init(bytes: 1 << 20, shards: 16, maximumEntryShare: 1))
        #expect(store.insert(self.envelope(1, bytes: 50_000), now: self.now) == .stored)
        #expect(store.insert(self.envelope(2, bytes: 70_000), now: self.now) == .tooLarge)
    }

    @Test func theStatedDefaultShareIsAThirtySecond() {
        let store = sampleStore(.init(bytes: 32 << 20))
        #expect(store.insert(self.envelope(1, bytes: (1 << 20) * 8 / 9 - 8_192), now: self.now) == .stored)
        #expect(store.insert(self.envelope(1, bytes: (1 << 20) * 8 / 9), now: self.now) == .tooLarge)
    }

    @Test(arguments: [0, -1, Int.min, 1, 100, 1_000])
    func aBoundTooSmallKeepsNothing(bytes: Int) {
        let store = sampleStore(.init(bytes: bytes, maximumEntryShare: 1))
        #expect(store.insert(self.envelope(1, bytes: 1), now: self.now) == .tooLarge)
        #expect(store.statistics().entries == 0)
    }

    @Test func oddConfigurationsAreTakenForTheNearestThatWorks() {
        for configuration in [
            MemoryStore.Configuration(shards: 0), .init(shards: 3), .init(shards: .max), .init(bytes: .max),
            .init(bytes: .max, maximumEntryShare: 1),
            .init(entries: 1), .init(entries: .max), .init(maximumEntryShare: .infinity),
        ] {
            let store = sampleStore(configuration)
            #expect(store.insert(self.envelope(1, bytes: 100), now: self.now) != .closed)
            #expect(store.lookup(sampleKey(1), now: self.now)?.body.count == 100 || configuration.shards == .max)
        }
        for configuration in [
            MemoryStore.Configuration(entries: 0), .init(entries: -1), .init(maximumEntryShare: .nan),
            .init(maximumEntryShare: -1),
        ] {
            #expect(sampleStore(configuration).insert(self.envelope(1, bytes: 1), now: self.now) == .tooLarge)
        }
    }

    @Test func keepsNoMoreEntriesThanAllowed() {
        for entries in [1, 2, 100, 1_000] {
            let store = sampleStore(.init(entries: entries))
            for number in 0..<2 * entries + 50 {
                store.insert(self.envelope(number, bytes: 1), now: self.now)
                #expect(store.statistics().entries <= entries)
            }
            #expect(store.statistics().entries > entries * 3 / 4)
        }
    }

    @Test func replacingMovesTheBytes() {
        let store = sampleStore(.init(bytes: 1 << 20, shards: 1, maximumEntryShare: 1))
        for _ in 0..<100 {
            for bytes in [100_000, 10, 300_000, 0] {
                #expect(store.insert(self.envelope(1, bytes: bytes), now: self.now) == .stored)
            }
        }
        #expect(store.statistics().entries == 1)
        #expect(store.statistics().bytes < 8_192)
        #expect(store.statistics().evictions == 0)
    }

    /// Against a list that is searched and moved about, for order and contents after every step.
    @Test(arguments: [UInt64(1), 2, 3])
    func evictsAsASimpleListDoes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let store = sampleStore(.init(entries: 40, eviction: .lru))
        var model: [Int] = []
        for _ in 0..<4_000 {
            let number = Int.random(in: 0..<80, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                store.remove(sampleKey(number))
                model.removeAll { $0 == number }
            case 1..<5:
                store.insert(self.envelope(number, bytes: 1), now: self.now)
                model.removeAll { $0 == number }
                model.append(number)
                if model.count > 40 { model.removeFirst() }
            default:
                let isThere = store.lookup(sampleKey(number), now: self.now) != nil
                #expect(isThere == model.contains(number))
                if isThere {
                    model.removeAll { $0 == number }
                    model.append(number)
                }
            }
        }
        #expect(store.statistics().entries == model.count)
    }

    @Test func aSweepRemovesTheExpiredAndThePurgedOnly() {
        let store = sampleStore()
        for number in 0..<2_000 {
            store.insert(
                sampleEnvelope(
                    sampleKey(number), staleUntil: number % 2 == 0 ? 2_500 : 5_000,
                    labels: number % 3 == 0 ? [.tag("three")] : []),
                now: self.now)
        }
        store.purge(.label(.tag("three")))
        #expect(store.sweep(now: Timestamp(milliseconds: 2_500)) == 1_000 + 333)
        let statistics = store.statistics()
        #expect(statistics.entries == 667)
        #expect(statistics.expirations == 1_000)
        #expect(statistics.invalidations == 333)
        #expect(statistics.misses == 0 && statistics.hits == 0)
        #expect(store.sweep(now: Timestamp(milliseconds: 2_500)) == 0)
        #expect(store.lookup(sampleKey(1), now: Timestamp(milliseconds: 2_500)) != nil)
    }

    @Test func sweepsAgainAndAgainUntilCancelled() async {
        let clock = ManualClock()
        let store = MemoryStore(.init(sweepInterval: .seconds(10)), time: clock.time)
        let now = clock.now
        store.insert(
            Envelope(
                key: sampleKey(1), form: .bytes, created: now, freshUntil: now.advanced(by: .seconds(5)),
                staleUntil: now.advanced(by: .seconds(15)), generation: store.generation(), labels: [],
                details: .init(), headers: [], body: []),
            now: now)
        let sweeps = Task { await store.run() }
        for remaining in [1, 0] {
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(10))
            await clock.waitForSleepers(1)
            #expect(store.statistics().entries == remaining)
        }
        sweeps.cancel()
        await sweeps.value
    }
}
