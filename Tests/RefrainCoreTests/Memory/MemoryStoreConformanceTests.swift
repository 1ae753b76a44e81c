import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct MemoryStoreConformanceTests {
    @Test(arguments: StoreConformance.Check.all)
    func conforms(_ check: StoreConformance.Check) async throws {
        try await StoreConformance { MemoryStore(time: $0) }.run(check)
    }

    @Test(arguments: StoreConformance.Check.all)
    func conformsWithOneShard(_ check: StoreConformance.Check) async throws {
        try await StoreConformance { MemoryStore(.init(bytes: 8 << 20, shards: 1), time: $0) }.run(check)
    }

    @Test func namesAreUnique() {
        #expect(Set(StoreConformance.Check.all).count == StoreConformance.Check.all.count)
    }
}

/// The suite is worth something only if it notices stores that are wrong.
@Suite struct StoreConformanceTests {
    /// A store that does one thing wrong.
    private struct WrongStore: ResponseStore {
        enum Fault: CaseIterable {
            case ignoresKeys, ignoresPurges, ignoresLatePurges, ignoresTime, ignoresRemoval, keepsOldest
        }

        let fault: Fault
        let good: MemoryStore
        let time: TimeSource
        private let entries = Locked<[RequestKey: Envelope]>([:])
        private let last = Locked<Envelope?>(nil)

        func get(_ key: RequestKey) -> Envelope? {
            switch self.fault {
            case .ignoresKeys: self.last.withLock { $0 }
            case .ignoresPurges, .ignoresTime: self.entries.withLock { $0[key] }
            default: self.good.get(key)
            }
        }

        func set(_ key: RequestKey, _ envelope: Envelope) throws(StoreError) {
            if self.fault == .keepsOldest, self.good.get(key) != nil { return }
            if self.time.now() < envelope.staleUntil {
                self.last.withLock { $0 = envelope }
                self.entries.withLock { $0[key] = envelope }
            }
            guard self.fault == .ignoresLatePurges else { return try self.good.set(key, envelope) }
            try self.good.set(
                key,
                Envelope(
                    key: envelope.key, form: envelope.form, created: envelope.created,
                    freshUntil: envelope.freshUntil, staleUntil: envelope.staleUntil,
                    generation: self.good.generation(), labels: envelope.labels, details: envelope.details,
                    headers: envelope.headers, body: envelope.body))
        }

        func remove(_ key: RequestKey) {
            if self.fault != .ignoresRemoval { self.good.remove(key) }
        }

        func generation() -> GenerationStamp { self.good.generation() }

        func purge(_ purge: Purge) -> GenerationStamp {
            if self.fault == .ignoresTime { self.entries.withLock { $0 = [:] } }
            return self.good.purge(purge)
        }

        func statistics() -> StoreStatistics { self.good.statistics() }

        func shutdown() { self.good.shutdown() }
    }

    @Test(arguments: WrongStore.Fault.allCases)
    private func noticesAFault(_ fault: WrongStore.Fault) async {
        let conformance = StoreConformance { WrongStore(fault: fault, good: MemoryStore(time: $0), time: $0) }
        await #expect(throws: StoreConformance.Failure.self) { try await conformance.runAll() }
    }

    @Test func aFailureSaysHowToRepeatIt() async throws {
        let conformance = StoreConformance(seed: 7) {
            WrongStore(fault: .keepsOldest, good: MemoryStore(time: $0), time: $0)
        }
        let check = try #require(StoreConformance.Check.all.first { $0.description == "setReplaces" })
        let failure = await #expect(throws: StoreConformance.Failure.self) { try await conformance.run(check) }
        #expect(failure?.description == "setReplaces: after a second set: another labels (seed 7)")
    }
}
