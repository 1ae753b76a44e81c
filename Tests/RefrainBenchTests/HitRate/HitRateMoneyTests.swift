import RefrainBench
import RefrainCore
import RefrainKeys
import Testing

@Suite("Money saved") struct HitRateMoneyTests {
    @Test("A hit saves the price of its call, and less where the prompt cache would have read its prompt")
    func netOfPromptCache() async throws {
        // 2,000 tokens each.
        let text = String(repeating: "abcdefgh", count: 1_000)
        let requests = [0.0, 60].map { SampleTraces.request(at: $0, text, input: 2_000, output: 1_000) }
        let report = try await HitRateBench.run(SampleTraces.trace(requests), .init(lifetimes: [nil]))
        let money = try #require(report.rows[0].money)
        // $3 and $15 a million tokens.
        let (input, output) = (0.006, 0.015)
        #expect(abs(money.uncached - 2 * (input + output)) < 1e-9)
        #expect(abs(money.gross - (input + output)) < 1e-9)
        // Both calls with the prompt cache: written at 1.25, read at 0.1. One call alone writes nothing.
        #expect(abs(money.promptCacheOnly - (1.35 * input + 2 * output)) < 1e-9)
        #expect(abs(money.both - (input + output)) < 1e-9)
        #expect(abs(money.net - (0.35 * input + output)) < 1e-9)
    }

    @Test("Outside the prompt cache's lifetime a hit saves all of it")
    func coldPromptCache() async throws {
        let requests = [0.0, 4_000].map { SampleTraces.request(at: $0, "a", input: 1_000_000, output: 0) }
        let money = try #require(
            try await HitRateBench.run(SampleTraces.trace(requests), .init(lifetimes: [nil])).rows[0].money)
        #expect(abs(money.net - money.gross) < 1e-9)
    }

    @Test("A log's hits save what their calls were billed, writes to the prompt cache priced as reads")
    func requestLog() async throws {
        let key = RequestKey(memoizing: "a", in: "tests")
        let requests = [0, 1].map { second in
            RequestTrace.Request(
                time: Timestamp(milliseconds: second * 1_000), content: .key(key), model: "claude-sonnet-4-5",
                usage: Usage(cacheWrite5mTokens: 1_000_000), latency: .zero)
        }
        let money = try #require(
            try await HitRateBench.run(SampleTraces.trace(requests), .init(lifetimes: [nil])).rows[0].money)
        #expect(abs(money.promptCacheOnly - 7.5) < 1e-9)
        #expect(abs(money.net - 0.3) < 1e-9)
    }

    @Test("Where no model has a price there is no sum of money")
    func unknownPrice() async throws {
        let requests = [0.0, 1].map { SampleTraces.request(at: $0, "a", model: "unheard-of") }
        let report = try await HitRateBench.run(SampleTraces.trace(requests), .init(lifetimes: [nil]))
        #expect(report.rows[0].money == nil)
        #expect(report.rows[0].hits.requests == 1)
    }

    @Test("Requests without a price are counted, not priced at nothing")
    func someUnknownPrices() async throws {
        let requests = [
            SampleTraces.request(at: 0, "a", model: "unheard-of"), SampleTraces.request(at: 1, "b", input: 1_000_000),
        ]
        let money = try #require(
            try await HitRateBench.run(SampleTraces.trace(requests), .init(lifetimes: [nil])).rows[0].money)
        #expect(money.unpriced == 1)
    }
}
