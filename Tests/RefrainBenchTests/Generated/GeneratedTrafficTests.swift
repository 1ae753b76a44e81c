import Refrain
import RefrainBench
import RefrainCore
import Testing

@Suite("Generated traffic") struct GeneratedTrafficTests {
    private func bodies(_ trace: RequestTrace) -> [[UInt8]] {
        trace.requests.map { if case .body(let body) = $0.content { body } else { [] } }
    }

    @Test("A seed makes one trace, another seed another", arguments: GeneratedTraffic.all.map(\.name))
    func seeds(_ name: String) throws {
        let workload = try GeneratedTraffic.named(name)
        let (one, same, other) = (
            workload.trace(seed: 7, scale: 0.01), workload.trace(seed: 7, scale: 0.01),
            workload.trace(seed: 8, scale: 0.01)
        )
        #expect(!one.requests.isEmpty)
        #expect(self.bodies(one) == self.bodies(same))
        #expect(one.requests.map(\.time) == same.requests.map(\.time))
        #expect(
            self.bodies(one) != self.bodies(other) || one.requests.map(\.time) != other.requests.map(\.time)
                || name == "evaluation")
        #expect(one.kind == workload.kind)
    }

    @Test("Equal requests have equal answers, so that no hit is wrong", arguments: GeneratedTraffic.all.map(\.name))
    func answers(_ name: String) async throws {
        let report = try await HitRateBench.run(
            try GeneratedTraffic.named(name).trace(scale: 0.01), .init(lifetimes: [nil], reckonsMoney: false))
        #expect(report.unkeyed.isEmpty)
        #expect(report.rows[0].judged == report.rows[0].saved.requests)
        #expect(report.rows[0].wrong == 0)
        #expect(report.rows[0].saved == report.bound)
    }

    @Test("Bursts are joined, not asked again")
    func bursts() async throws {
        let report = try await HitRateBench.run(
            GeneratedTraffic.bursts.trace(scale: 0.05), .init(lifetimes: [.minutes(5)], reckonsMoney: false))
        #expect(report.rows[0].joined.requests == report.bound.requests)
        #expect(report.bound.requests == report.total.requests / 50 * 49)
    }

    @Test("An unknown name: the error says which there are")
    func unknown() {
        let error = #expect(throws: BenchError.self) { try GeneratedTraffic.named("nothing") }
        #expect(error?.message.contains("zipf-questions") == true)
    }

    @Test(
        "Chat, re-runs and evaluation come near the figures that they are fitted to",
        .enabled(if: RecordedTraces.allFigures, "slow without optimisation: set REFRAIN_FIGURES=1"))
    func fits() async throws {
        let chat = GeneratedTraffic.chat.trace()
        let chatRows = try await PromptCacheBench.run(
            chat, .init(strategies: [.everything(.fiveMinutes), .everything(.oneHour)])
        ).rows
        #expect(abs(chatRows[0].readShare - 0.293) < 0.03)
        #expect(abs(chatRows[1].readShare - 0.374) < 0.03)
        #expect(abs(Double(chat.inputTokens) / Double(chat.requests.count) - 12_035) < 2_500)
        let suite = try await HitRateBench.run(
            GeneratedTraffic.continuousIntegration.trace(),
            .init(lifetimes: [.hours(1), .days(1), .days(7), nil], reckonsMoney: false))
        for (row, wanted) in zip(suite.rows, [0.045, 0.374, 0.682, 0.767]) {
            #expect(abs(row.saved.share(of: suite.total).requests - wanted) < 0.04)
        }
        let evaluation = try await PromptCacheBench.run(
            GeneratedTraffic.evaluation.trace(), .init(strategies: [.everything(.oneHour)]))
        #expect(abs(evaluation.rows[0].readShare - 0.842) < 0.03)
    }
}
