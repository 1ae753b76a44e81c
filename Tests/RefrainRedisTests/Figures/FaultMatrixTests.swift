import Testing

/// One fault of each kind of the table that ``FaultFigures`` prints, for some hundred requests each.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(5)))
struct FaultMatrixTests {
    @Test(arguments: FaultScenario.everyRun)
    func isSurvived(_ scenario: FaultScenario) async throws {
        try await scenario.outcome(.test).expectInvariants(of: scenario, .test)
    }
}
