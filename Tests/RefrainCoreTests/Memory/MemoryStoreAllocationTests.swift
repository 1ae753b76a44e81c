import CAllocationCounter
import RefrainCore
import RefrainKeys
import Testing

/// What the hit path takes from the heap. Skipped where that cannot be counted: with sanitizers, and without glibc.
@Suite(.enabled(if: allocationsAreCounted)) struct MemoryStoreAllocationTests {
    private let now = Timestamp(milliseconds: 1_500)

    @Test func theCounterCounts() {
        var kept: [[UInt8]] = []
        kept.reserveCapacity(8)
        #expect(allocations { kept.append([UInt8](repeating: 1, count: 100)) } == 1)
        #expect(allocations {} == 0)
    }

    /// Holds in debug builds too.
    @Test func aLookupTakesNothing() {
        let store = sampleStore()
        for number in 0..<1_000 { store.insert(sampleEnvelope(sampleKey(number), labels: [.tag("a")]), now: self.now) }
        let (first, second, absent) = (sampleKey(1), sampleKey(2), sampleKey(-1))
        let now = self.now
        func lookUp() {
            if store.lookup(first, now: now) == nil { Issue.record("no hit") }
            if store.lookup(second, now: now) == nil { Issue.record("no hit") }
            if store.lookup(absent, now: now) != nil { Issue.record("a hit") }
        }
        #expect(allocations(in: lookUp) == 0)
        // After a purge that the entries do not fall under, they are looked at by their labels.
        store.purge(.label(.tag("b")))
        #expect(allocations(in: lookUp) == 0)
    }

    @Test func anEnvelopeIsChargedWhatItTakes() {
        let envelope = sampleEnvelope(sampleKey(1))
        let taken = refrain_usable_bytes(UnsafeRawPointer(Unmanaged.passUnretained(envelope).toOpaque()))
        // The allocator's own word comes on top of what can be used.
        #expect(HeapCost.envelopeInstance == taken + 8)
    }
}
