import RefrainCore
import RefrainKeys
import Testing

@Suite struct MemoryStoreTests {
    private let now = Timestamp(milliseconds: 1_500)

    @Test func returnsTheVeryEnvelopeThatWasStored() {
        let store = sampleStore()
        let envelope = sampleEnvelope(sampleKey(1), body: [1, 2, 3])
        #expect(store.insert(envelope, now: self.now) == .stored)
        #expect(store.lookup(sampleKey(1), now: self.now) === envelope)
        #expect(store.lookup(sampleKey(2), now: self.now) == nil)
        let statistics = store.statistics()
        #expect(statistics.entries == 1 && statistics.hits == 1 && statistics.misses == 1)
    }

    @Test func replacesWhatIsUnderTheKey() {
        let store = sampleStore()
        store.insert(sampleEnvelope(sampleKey(1), body: [1]), now: self.now)
        let second = sampleEnvelope(sampleKey(1), body: [2])
        store.insert(second, now: self.now)
        #expect(store.lookup(sampleKey(1), now: self.now) === second)
        #expect(store.statistics().entries == 1)
        #expect(store.statistics().evictions == 0)
    }

    @Test func forgetsWhatIsRemoved() {
        let store = sampleStore()
        store.insert(sampleEnvelope(sampleKey(1)), now: self.now)
        store.remove(sampleKey(1))
        store.remove(sampleKey(2))
        #expect(store.lookup(sampleKey(1), now: self.now) == nil)
        #expect(store.statistics().entries == 0)
    }

    @Test func holdsAnEntryUntilJustBeforeItsStaleUntil() {
        let store = sampleStore()
        store.insert(sampleEnvelope(sampleKey(1)), now: self.now)
        #expect(store.lookup(sampleKey(1), now: Timestamp(milliseconds: 2_000)) != nil)
        #expect(store.lookup(sampleKey(1), now: Timestamp(milliseconds: 2_999)) != nil)
        #expect(store.lookup(sampleKey(1), now: Timestamp(milliseconds: 3_000)) == nil)
        #expect(store.statistics().entries == 0)
        #expect(store.statistics().expirations == 1)
        // Gone for good, whatever the clock does.
        #expect(store.lookup(sampleKey(1), now: self.now) == nil)
    }

    @Test func storesNothingThatLivesForNoTime() {
        let store = sampleStore()
        let envelope = sampleEnvelope(sampleKey(1), created: 1_500, freshUntil: 1_500, staleUntil: 1_500)
        #expect(store.insert(envelope, now: self.now) == .expired)
        #expect(store.lookup(sampleKey(1), now: self.now) == nil)
        #expect(store.statistics().insertions == 0)
    }

    @Test func evictsTheLeastRecentlyUsed() {
        let store = sampleStore(MemoryStore.Configuration(entries: 3))
        for number in 1...3 { store.insert(sampleEnvelope(sampleKey(number)), now: self.now) }
        #expect(store.lookup(sampleKey(1), now: self.now) != nil)
        store.insert(sampleEnvelope(sampleKey(4)), now: self.now)
        #expect(store.lookup(sampleKey(2), now: self.now) == nil)
        for number in [1, 3, 4] { #expect(store.lookup(sampleKey(number), now: self.now) != nil) }
        #expect(store.statistics().evictions == 1)
    }

    @Test func doesNotReadWhatAPurgeNames() {
        let store = sampleStore()
        store.insert(sampleEnvelope(sampleKey(1), labels: [.tag("a")]), now: self.now)
        store.insert(sampleEnvelope(sampleKey(2), labels: [.tag("b")]), now: self.now)
        store.purge(.label(.tag("a")))
        #expect(store.lookup(sampleKey(1), now: self.now) == nil)
        #expect(store.lookup(sampleKey(2), now: self.now) != nil)
        let statistics = store.statistics()
        #expect(statistics.hits == 1 && statistics.misses == 1 && statistics.invalidations == 1)
        #expect(store.insert(sampleEnvelope(sampleKey(1), labels: [.tag("a")]), now: self.now) == .invalidated)
        store.purge(.all)
        #expect(store.sweep(now: self.now) == 1)
        #expect(store.statistics().entries == 0)
    }
}
