import RefrainKeys

/// Tasks of which none goes on before all are there.
struct Crowd: Sendable {
    private let size: Int
    private let arrived = Arrivals()

    private final class Arrivals: Sendable { let count = Locked(0) }

    init(_ size: Int) { self.size = size }

    /// Returns when everybody has come.
    func gather() async throws {
        for _ in 0..<10_000_000 {
            if self.arrived.count.withLock({ $0 }) == self.size { return }
            try Task.checkCancellation()
            await Task.yield()
        }
        throw LatencyCase.wrong("callers that do not come")
    }

    /// Runs `body` once for each of them, at once, and returns what came of it, in no order.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            for _ in 0..<self.size {
                group.addTask {
                    self.arrived.count.withLock { $0 += 1 }
                    return try await body()
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
