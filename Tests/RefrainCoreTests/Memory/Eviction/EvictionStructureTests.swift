import RefrainTesting
import Testing

@testable import RefrainCore

/// The parts of the eviction policy, each against a plain model of it.
@Suite struct EvictionStructureTests {
    /// Against Greedy-Dual-Size with priorities in a dictionary, worths rounded down to powers of the square root of 2.
    @Test(arguments: [UInt64(1), 2, 3])
    func worthQueuesAreGreedyDualSize(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let nodes = ShadowEntries(nodes: 64)
        var queues = WorthQueues()
        var priorities: [UInt32: (priority: Double, time: Int)] = [:]
        var inflation = 0.0
        for time in 0..<5_000 {
            let index = UInt32.random(in: 0..<64, using: &random)
            if priorities[index] != nil {
                queues.remove(index, in: nodes)
                priorities[index] = nil
            } else {
                let exponent = Int.random(in: -6...0, using: &random)
                let significand = Bool.random(using: &random) ? 1.0 : 2.0.squareRoot()
                let worth = Double(sign: .plus, exponent: exponent, significand: significand)
                nodes.node(index).pointee = EvictionNode(bytes: 100, cost: 100 * worth * 1.1)
                queues.add(index, in: nodes)
                priorities[index] = (inflation + worth, time)
            }
            guard time % 3 == 0 else { continue }
            let least = priorities.min { ($0.value.priority, $0.value.time) < ($1.value.priority, $1.value.time) }
            let next = queues.least(in: nodes)
            #expect((next == nil) == priorities.isEmpty)
            guard let least, let found = next else { continue }
            // Of two with equal priorities and different worths either may go.
            #expect(priorities[found]?.priority == least.value.priority)
            #expect(nodes.node(found).pointee.priority == least.value.priority)
            queues.passed(priority: least.value.priority)
            queues.remove(found, in: nodes)
            priorities[found] = nil
            inflation = max(inflation, least.value.priority)
        }
        #expect(inflation > 1)
    }

    @Test func worthsAreClassesOfDollarsPerByte() {
        #expect(WorthQueues.worth(cost: 1, bytes: 1) == 62)
        #expect(WorthQueues.worth(cost: 0.9, bytes: 1) == 61)
        #expect(WorthQueues.worth(cost: 0.6, bytes: 1) == 60)
        #expect(WorthQueues.worth(cost: 0.003, bytes: 1_500) == WorthQueues.worth(cost: 0.0035, bytes: 1_500))
        for (cost, bytes) in [(0.0, 10), (-1, 10), (.nan, 10), (1e-30, 10)] {
            #expect(WorthQueues.worth(cost: cost, bytes: bytes) == 0)
        }
        #expect(WorthQueues.worth(cost: 1e9, bytes: 0) == 63)
        #expect(WorthQueues.worth(cost: .infinity, bytes: 1) == 0, "not a number of dollars")
    }

    @Test func namesAreRememberedAsLongAsAskedFor() {
        var random = SeededGenerator(seed: 1)
        let hashes = (0..<2_000).map { _ in random.next() }
        var names = EvictedNames()
        var found = names.take(hashes[0], entries: 100)
        #expect(!found)
        names.note(hashes[0])
        found = names.take(hashes[0], entries: 100)
        #expect(!found, "there is no room yet")
        names.reserve(entries: 1_000)
        for hash in hashes { names.note(hash) }
        found = names.take(hashes[1_999], entries: 100)
        #expect(found)
        found = names.take(hashes[1_999], entries: 100)
        #expect(!found, "it was forgotten")
        found = names.take(hashes[1_500], entries: 100)
        #expect(!found, "it is too old")
        // A set of four can overflow; most do not.
        var young = 0
        for hash in hashes[1_010..<1_900] where names.take(hash, entries: 1_000) { young += 1 }
        #expect(young > 800)
        var old = 0
        for hash in hashes[..<990] where names.take(hash, entries: 1_000) { old += 1 }
        #expect(old == 0)
    }

    @Test func namesOutliveGrowth() {
        var random = SeededGenerator(seed: 2)
        let hashes = (0..<50).map { _ in random.next() }
        var names = EvictedNames()
        names.reserve(entries: 48)
        for hash in hashes { names.note(hash) }
        let growth = names.bytesToGrow(entries: 4_000)
        names.reserve(entries: 4_000)
        let (bytes, rest) = (names.bytes, names.bytesToGrow(entries: 4_000))
        #expect(bytes == growth && rest == 0)
        var found = 0
        for hash in hashes where names.take(hash, entries: 4_000) { found += 1 }
        #expect(found > 40)
    }

    /// A shadow in recency, with entries alike, is an LRU cache; without a node left it evicts as well.
    @Test(arguments: [20, 64, 1_000])
    func aShadowOfEntriesAlikeIsAnLRUCache(capacity: Int) {
        var random = SeededGenerator(seed: 3)
        var shadow = ShadowCache(.recency, nodes: 64)
        var model: [UInt64] = []
        let keys = (0..<120).map { _ in random.next() }
        for _ in 0..<5_000 {
            let key = keys.randomElement(using: &random) ?? 0
            let isThere = shadow.access(key, bytes: 10, worth: 5, capacity: 10 * capacity)
            #expect(isThere == model.contains(key))
            model.removeAll { $0 == key }
            model.append(key)
            if model.count > min(64, capacity) { model.removeFirst() }
        }
        var count = shadow.count
        #expect(count == model.count)
        shadow.drop(bits: 1)
        count = shadow.count
        #expect(count == model.filter { $0 & 1 == 0 }.count)
        #expect(count > 0)
    }
}
