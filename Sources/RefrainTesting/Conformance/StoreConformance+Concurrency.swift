import RefrainCore
import RefrainKeys

extension StoreConformance.Check {
    /// Checks of use by many tasks at once.
    static let concurrency: [Self] = [
        Self("concurrentUseKeepsKeysAndPurgesApart") { bench in
            let history = PurgeHistory(keys: 12)
            try await Self.inParallel(6) { task in
                var random = SeededGenerator(seed: bench.seed &+ UInt64(task))
                for _ in 0..<150 {
                    let number = Int.random(in: 0..<history.count, using: &random)
                    switch Int.random(in: 0..<20, using: &random) {
                    case 0: try await history.purge(number, on: bench)
                    case 1: try await bench.remove(number)
                    case 2..<7: try await history.write(number, on: bench)
                    default: try await history.read(number, on: bench)
                    }
                }
            }
        },
        Self("concurrentSetsOfOneKeyLeaveOneOfThem") { bench in
            let stamp = try await bench.store.generation()
            try await Self.inParallel(8) { task in
                let body = [UInt8](repeating: UInt8(task), count: 1_000)
                for _ in 0..<25 { try await Self.setAndRead(body, generation: stamp, on: bench) }
            }
        },
    ]

    /// Stores a body, and reads it or another task's.
    private static func setAndRead(
        _ body: [UInt8], generation: GenerationStamp, on bench: StoreConformance.Bench
    ) async throws {
        let stored = try await bench.put(1, body: body, generation: generation)
        guard let found = try await bench.store.get(stored.key) else {
            throw Unmet(message: "a miss, although nothing was removed")
        }
        guard Self.isOneOfTheBodies(found.body) else { throw Unmet(message: "a body that nobody stored") }
    }

    private static func isOneOfTheBodies(_ body: [UInt8]) -> Bool {
        (UInt8(0)..<8).contains { body == [UInt8](repeating: $0, count: 1_000) }
    }

    /// Runs `body` in `count` tasks at once, and throws what the first of them to fail threw.
    private static func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<count { group.addTask { try await body(task) } }
            for try await _ in group {}
        }
    }
}

/// Who did what when, in an order that all tasks see: proves a read wrong without trusting the store's own clock.
///
/// Each number is drawn from one counter. An entry carries one drawn after its generation was read; a purge draws one
/// before it begins, and makes it known after it has returned. So an entry whose number is smaller than a purge's was
/// asked for before that purge, and a read that begins after the purge's number is known must not give it.
private struct PurgeHistory: Sendable {
    private struct State {
        var counter: UInt64 = 0
        var purged: [UInt64]
    }
    private let state: Locked<State>
    let count: Int

    init(keys: Int) {
        self.count = keys
        self.state = Locked(State(purged: [UInt64](repeating: 0, count: keys)))
    }

    private func draw() -> UInt64 {
        self.state.withLock { state in
            state.counter += 1
            return state.counter
        }
    }

    private func label(_ number: Int) -> Label { .tag("key-\(number)") }

    func purge(_ number: Int, on bench: StoreConformance.Bench) async throws {
        let began = self.draw()
        try await bench.store.purge(.label(self.label(number)))
        self.state.withLock { $0.purged[number] = max($0.purged[number], began) }
    }

    func write(_ number: Int, on bench: StoreConformance.Bench) async throws {
        let stamp = try await bench.store.generation()
        let asked = self.draw()
        let body = withUnsafeBytes(of: (UInt64(number), asked)) { Array($0) }
        try await bench.put(number, body: body, labels: [self.label(number)], generation: stamp)
    }

    func read(_ number: Int, on bench: StoreConformance.Bench) async throws {
        let purged = self.state.withLock { $0.purged[number] }
        guard let found = try await bench.get(number) else { return }
        try bench.expect(found.body.count == 16, "a body that nobody stored")
        let (owner, asked) = found.body.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64).self) }
        try bench.expect(owner == UInt64(number), "the entry of key \(owner) under key \(number)")
        try bench.expect(
            asked > purged, "an entry asked for at \(asked), after a purge begun at \(purged) had returned")
    }
}
