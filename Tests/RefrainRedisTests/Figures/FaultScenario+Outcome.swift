import RefrainCore
import Testing

@testable import RefrainRedis

extension FaultScenario {
    /// Brings the fault upon a bench, and looks what is left of that afterwards.
    func outcome(_ extent: FaultBench.Extent) async throws -> FaultBench.Outcome {
        try await withRedisServer(self.options) { server in
            guard self.isProxied else { return try await self.outcome(extent, server, nil) }
            return try await withFaultProxy(to: server.port, seed: 7) { try await self.outcome(extent, server, $0) }
        }
    }

    private func outcome(
        _ extent: FaultBench.Extent, _ server: RedisServer, _ proxy: FaultProxy?
    ) async throws -> FaultBench.Outcome {
        // The connection for administration is there before as well as afterwards.
        try await server.cli("PING")
        let before = ProcessHoldings.descriptors()
        var (outcome, isLeft) = try await self.run(FaultBench(server, through: proxy, extent))
        func descriptors() -> Int? { before.flatMap { before in ProcessHoldings.descriptors().map { $0 - before } } }
        do {
            try await StoreFixture.until(.seconds(10)) {
                guard !isLeft(), (descriptors() ?? 0) <= 0 else { return false }
                return try await server.clients().isEmpty
            }
        } catch is StoreFixture.TimedOut {
            // Told by what is still there.
        }
        outcome.descriptors = descriptors()
        let clients = try await server.clients()
        outcome.isLeft = isLeft() || !clients.isEmpty
        return outcome
    }

    /// In a function of its own, so that nobody holds the bench any more when it returns.
    private func run(
        _ bench: FaultBench
    ) async throws -> (outcome: FaultBench.Outcome, isLeft: @Sendable () -> Bool) {
        (try await bench.run(self.strike), bench.isLeft)
    }
}

extension FaultBench.Outcome {
    /// How much memory a fault may cost, in bytes: what three memories may hold, and some; half of what a lie announces.
    static let memoryBound = 256 << 20
    /// What a request may spend on Redis, by default.
    private static let budget = Duration.milliseconds(50)

    /// Checks what must be so under any fault.
    func expectInvariants(of scenario: FaultScenario, _ extent: FaultBench.Extent) {
        #expect(
            self.wrongAnswers == 0 && self.errors.isEmpty, "I1, I2, I8: \(scenario.name): \(self.errors.prefix(3))")
        #expect(self.requests >= extent.requests, "\(scenario.name)")
        // Each of three instances by itself at the worst; twice where memory was forgotten in between.
        #expect(self.mostCalls <= (scenario.losesRecord ? 6 : 3), "I4: \(scenario.name)")
        // What is beyond the budget is left to the machine, which has other things to do. Without a budget it would be as
        // long as the fault, or as a command may take.
        #expect(self.slow < Self.budget + .milliseconds(450), "I5: \(scenario.name): p99 \(self.slow)")
        let wait = scenario.bringsBackLeases ? RedisStore.Configuration().leaseDuration : .zero
        #expect(self.worst < Self.budget + .milliseconds(1_950) + wait, "I5: \(scenario.name): \(self.worst)")
        #expect(self.healing != nil, "I7: \(scenario.name) does not heal")
        #expect(!self.isLeft, "I7: \(scenario.name) left tasks or connections")
    }
}
