import Foundation
import RefrainCore
import RefrainKeys
import RefrainTesting
import TestSupport
import Testing

/// Prints what a hit costs and what an entry takes; asserts nothing about time. Run with `REFRAIN_FIGURES=1`, in release.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["REFRAIN_FIGURES"] != nil), .serialized)
struct MemoryStoreFigures {
    private static let now = Timestamp(milliseconds: 1_500)
    private static let entries = 50_000

    private static func filled(_ eviction: MemoryStore.Eviction = .adaptive) -> (MemoryStore, [RequestKey]) {
        let store = sampleStore(.init(eviction: eviction))
        var random = SeededGenerator(seed: 1)
        let keys = (0..<Self.entries).map { number in
            RequestKey(bytes: random.bytes(RequestKey.byteCount)) ?? sampleKey(number)
        }
        for key in keys { store.insert(sampleEnvelope(key, body: [UInt8](repeating: 0, count: 1_500)), now: Self.now) }
        return (store, keys)
    }

    /// Nanoseconds that each of `threads` threads takes for a hit, while all of them are at it: by the clock, and of the
    /// processor's time. They differ where the machine has other work, or threads wait for a lock.
    private static func nanosecondsPerHit(
        _ store: MemoryStore, _ keys: [RequestKey], threads: Int
    ) async -> (clock: Double, processor: Double) {
        let rounds = 1_000_000
        let elapsed = await withTaskGroup(of: (UInt64, UInt64).self) { group in
            for thread in 0..<threads {
                group.addTask {
                    let start = (TimeSource.system.monotonicNanoseconds(), Self.processorNanoseconds())
                    var hits = 0
                    // At random: where the same order comes again and again, an LRU list brings the next entry along.
                    var random = UInt64(thread) &+ 1
                    keys.withUnsafeBufferPointer { keys in
                        for _ in 0..<rounds {
                            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            let at = Int(truncatingIfNeeded: ((random &>> 32) &* UInt64(keys.count)) &>> 32)
                            if store.lookup(keys[at], now: Self.now) != nil { hits += 1 }
                        }
                    }
                    #expect(hits == rounds)
                    // No suspension since the start, so it is the same thread.
                    return (
                        TimeSource.system.monotonicNanoseconds() - start.0, Self.processorNanoseconds() - start.1
                    )
                }
            }
            return await group.reduce((0, 0)) { (max($0.0, $1.0), max($0.1, $1.1)) }
        }
        return (Double(elapsed.0) / Double(rounds), Double(elapsed.1) / Double(rounds))
    }

    private static func processorNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    @Test(arguments: [MemoryStore.Eviction.adaptive, .lru])
    func hits(eviction: MemoryStore.Eviction) async {
        let (store, keys) = Self.filled(eviction)
        let few = Array(keys.prefix(1_000))
        for (name, keys) in [("50,000 keys", keys), ("1,000 keys", few), ("one key", [keys[0]])] {
            let one = await Self.nanosecondsPerHit(store, keys, threads: 1)
            let two = await Self.nanosecondsPerHit(store, keys, threads: 2)
            print(
                "\(eviction), \(name): on one thread \(one.clock.rounded()) ns a hit (\(one.processor.rounded()) of the processor), "
                    + "on two at once \(two.clock.rounded()) ns each (\(two.processor.rounded())): "
                    + "\((one.clock / two.clock * 200).rounded() / 100) times the throughput")
        }
    }

    /// In full stores, in which hits are noted in shadow caches: all of them where few entries fit, some where many do.
    @Test(arguments: [MemoryStore.Eviction.adaptive, .lru], [1_000, 25_000])
    func hitsInAFullStore(eviction: MemoryStore.Eviction, entries: Int) async {
        let store = sampleStore(.init(entries: entries, eviction: eviction, shards: 4))
        let keys = (0..<2 * entries).map(sampleKey)
        for key in keys { store.insert(sampleEnvelope(key, body: [UInt8](repeating: 0, count: 1_500)), now: Self.now) }
        let held = keys.filter { store.lookup($0, now: Self.now) != nil }
        let one = await Self.nanosecondsPerHit(store, held, threads: 1)
        print(
            "\(eviction), full of \(held.count) entries: \(one.clock.rounded()) ns a hit "
                + "(\(one.processor.rounded()) of the processor)")
    }

    @Test func bytes() {
        let (store, _) = Self.filled()
        let statistics = store.statistics()
        let each = Double(statistics.bytes) / Double(statistics.entries)
        print("\(statistics.entries) bodies of 1,500 bytes take \(each.rounded()) bytes each, as accounted")
    }

    #if os(Linux)
        @Test func residentMemory() throws {
            // Right only where nothing ran in the process before: freed memory would be used again.
            let measured = try ResidentMemory.ofAStore(bound: 128 << 20, filledTimes: 5)
            print(
                "128 MiB filled five times: \(measured.accounted >> 10) KiB accounted in "
                    + "\(measured.entries) entries, \(measured.resident >> 10) KiB resident")
        }
    #endif
}
