import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

/// What the adaptive policy is for.
@Suite struct MemoryStoreEvictionTests {
    private let now = Timestamp(milliseconds: 1_500)

    /// Asks for the keys one after the other, and stores what is not there.
    ///
    /// - Returns: How many were there.
    @discardableResult
    private func ask(_ store: MemoryStore, _ numbers: some Sequence<Int>, cost: Double? = 0.0045) -> Int {
        var hits = 0
        for number in numbers {
            if store.lookup(sampleKey(number), now: self.now) != nil {
                hits += 1
            } else {
                store.insert(
                    sampleEnvelope(
                        sampleKey(number), details: .init(cost: cost), body: [UInt8](repeating: 0, count: 99)),
                    now: self.now)
            }
        }
        return hits
    }

    private func store(_ eviction: MemoryStore.Eviction, entries: Int = 200) -> MemoryStore {
        sampleStore(.init(entries: entries, eviction: eviction, shards: 1))
    }

    @Test(arguments: [Double?.none, 0.0045])
    func aLoopLongerThanTheCacheHitsAllTheSame(cost: Double?) {
        let loop = (0..<5).flatMap { _ in 0..<400 }
        #expect(self.ask(self.store(.lru), loop, cost: cost) == 0)
        // At best, four rounds of 199.
        #expect(self.ask(self.store(.adaptive), loop, cost: cost) > 600)
    }

    @Test func aScanDoesNotTakeWhatIsInUse() {
        for (eviction, range) in [(MemoryStore.Eviction.lru, 0...0), (.adaptive, 80...100)] {
            let store = self.store(eviction)
            for _ in 0..<10 { self.ask(store, 0..<100) }
            self.ask(store, 1_000..<3_000)
            #expect(range.contains(self.ask(store, 0..<100)))
        }
    }

    /// Up and down again: here the last used are the next, and a policy that keeps the first ones does badly.
    @Test func recencyIsFollowedWhereItPays() {
        let zigzag = (0..<60).flatMap { round in (0..<400).map { round % 2 == 0 ? $0 : 399 - $0 } }
        let lru = self.ask(self.store(.lru), zigzag)
        #expect(lru > 11_000)
        #expect(self.ask(self.store(.adaptive), zigzag) > lru * 4 / 5)
    }

    @Test func theDearStayLonger() {
        let store = self.store(.adaptive)
        self.ask(store, 0..<50, cost: 0.5)
        self.ask(store, 1_000..<1_500, cost: 0.001)
        for _ in 0..<20 { self.ask(store, 1_400..<1_500, cost: 0.001) }
        self.ask(store, 2_000..<2_500, cost: 0.001)
        #expect(self.ask(store, 0..<50, cost: 0.5) == 50)
        let lru = self.store(.lru)
        self.ask(lru, 0..<50, cost: 0.5)
        self.ask(lru, 1_000..<1_500, cost: 0.001)
        #expect(self.ask(lru, 0..<50, cost: 0.5) == 0)
    }

    /// An answer that is renewed does not begin its trial anew.
    @Test func whatIsReplacedKeepsItsPlace() {
        let store = self.store(.adaptive)
        for _ in 0..<4 { self.ask(store, 0..<100) }
        self.ask(store, 1_000..<1_200)
        for number in 0..<100 {
            store.insert(sampleEnvelope(sampleKey(number), details: .init(cost: 0.003)), now: self.now)
        }
        self.ask(store, 2_000..<3_000)
        #expect(self.ask(store, 0..<100) > 80)
    }

    /// However much everything was used, room is made; and all but a few of those that were used stay.
    @Test func whereAllWereUsedOneLeavesAllTheSame() {
        let store = self.store(.adaptive, entries: 5_000)
        for _ in 0..<5 { self.ask(store, 0..<5_000) }
        self.ask(store, 10_000..<10_010)
        #expect(store.statistics().entries == 5_000)
        #expect(store.statistics().evictions == 10)
        #expect((0..<5_000).filter { store.lookup(sampleKey($0), now: self.now) != nil }.count >= 4_990)
    }

    /// With the tables of the policy, which come and grow, and costs of all kinds.
    @Test(arguments: [128 << 10, 1 << 20, 4 << 20])
    func theBoundIsHard(bytes: Int) {
        var random = SeededGenerator(seed: 8)
        let store = sampleStore(.init(bytes: bytes, shards: 1, maximumEntryShare: 1))
        var largest = 0
        for _ in 0..<20_000 {
            let number = Int.random(in: 0..<20_000, using: &random)
            let cost = [nil, 0, 1e-9, 0.003, 1, 1e9, .nan, -1].randomElement(using: &random) ?? nil
            let size = Int.random(in: 0...([10, 300, 3_000].randomElement(using: &random) ?? 0), using: &random)
            store.insert(
                sampleEnvelope(sampleKey(number), details: .init(cost: cost), body: [UInt8](repeating: 0, count: size)),
                now: self.now)
            for _ in 0..<2 {
                _ = store.lookup(sampleKey(Int.random(in: 0..<20_000, using: &random)), now: self.now)
            }
            largest = max(largest, store.statistics().bytes)
        }
        #expect(largest <= bytes)
        #expect(largest > bytes * 3 / 4)
    }

    @Test(arguments: [MemoryStore.Eviction.adaptive, .lru])
    func aHitTakesNothingFromTheHeapOfAFullStore(eviction: MemoryStore.Eviction) throws {
        let store = self.store(eviction, entries: 300)
        self.ask(store, 0..<1_000)
        let held = (0..<1_000).filter { store.lookup(sampleKey($0), now: self.now) != nil }.map(sampleKey)
        try #require(held.count == 300)
        guard allocationsAreCounted else { return }
        let (now, first, second, absent) = (self.now, held[0], held[299], sampleKey(-1))
        func lookUp() {
            if store.lookup(first, now: now) == nil { Issue.record("no hit") }
            if store.lookup(second, now: now) == nil { Issue.record("no hit") }
            if store.lookup(absent, now: now) != nil { Issue.record("a hit") }
        }
        #expect(allocations(in: lookUp) == 0)
    }
}
