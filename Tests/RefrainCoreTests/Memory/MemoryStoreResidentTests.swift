#if os(Linux)
    import CAllocationCounter
    import RefrainCore
    import RefrainKeys
    import RefrainTesting
    import TestSupport
    import Testing

    /// What the accounting says against what the machine says. In a process of its own, so that other tests take no part
    /// in the figure; skipped with sanitizers, whose allocators keep what is freed.
    @Suite(.enabled(if: allocationsAreCounted), .serialized) struct MemoryStoreResidentTests {
        @Test func residentMemoryStaysWithinAQuarterOfTheBound() async {
            await #expect(processExitsWith: .success) {
                let measured = try ResidentMemory.ofAStore(bound: 48 << 20, filledTimes: 5)
                // The values in words: a failure in another process is reported without them.
                let report: Comment = "resident \(measured.resident), accounted \(measured.accounted)"
                #expect(measured.accounted <= 48 << 20, report)
                #expect(measured.accounted >= (48 << 20) * 9 / 10, report)
                #expect(measured.resident <= (48 << 20) * 5 / 4, report)
                // Accounting for much more than is there would waste the bound.
                #expect(measured.resident >= measured.accounted * 3 / 4, report)
            }
        }
    }

    extension ResidentMemory {
        /// Fills a store several times over with entries of many sizes, reading and removing some, and tells by how much
        /// the process grew beside what the store accounts for.
        static func ofAStore(bound: Int, filledTimes: Int) throws -> (resident: Int, accounted: Int, entries: Int) {
            let now = Timestamp(milliseconds: 1_500)
            var random = SeededGenerator(seed: 11)
            let store = sampleStore(.init(bytes: bound))
            // What every process takes once, before the first look.
            _ = sampleStore().insert(sampleEnvelope(sampleKey(0)), now: now)
            let before = try ResidentMemory.bytes()
            var offered = 0
            var number = 0
            while offered < bound * filledTimes {
                // Phases of small and of large entries, since it is their change that leaves holes.
                let isLarge = (offered / (bound / 2)).isMultiple(of: 2)
                let size =
                    isLarge
                    ? Int.random(in: 1_000...60_000, using: &random) : Int.random(in: 50...3_000, using: &random)
                let envelope = sampleEnvelope(
                    sampleKey(number),
                    labels: [.tag("tenant-\(number % 100)-of-the-test"), .model("claude-sonnet-4-5")],
                    details: .init(
                        requestedModel: "claude-sonnet-4-5", answeringModel: "claude-sonnet-4-5-20250929"),
                    headers: [HTTPHeader("request-id", "req_0123456789abcdef\(number)")],
                    body: [UInt8](repeating: 1, count: size))
                store.insert(envelope, now: now)
                offered += size + 600
                number += 1
                for _ in 0..<3 {
                    _ = store.lookup(sampleKey(number - Int.random(in: 0..<20_000, using: &random)), now: now)
                }
                if number % 20 == 0 { store.remove(sampleKey(number - Int.random(in: 0..<20_000, using: &random))) }
            }
            let after = try ResidentMemory.bytes()
            let statistics = store.statistics()
            return (after - before, statistics.bytes, statistics.entries)
        }
    }
#endif
