import Refrain
import RefrainBench
import RefrainCore
import Testing

@Suite("Bounds of the prompt cache") struct PromptCacheBoundTests {
    private func run(
        _ trace: RequestTrace, _ strategies: [PromptCacheBench.Strategy], minimum: Int = 0,
        writesNeedMinimum: Bool = true
    ) async throws -> [PromptCacheReport.Row] {
        try await PromptCacheBench.run(
            trace,
            .init(strategies: strategies, minimumTokens: minimum, writesNeedMinimum: writesNeedMinimum)
        ).rows
    }

    @Test("A prefix is read for as long as it lives, from its last use on")
    func lifetimes() async throws {
        // Ten blocks of 100 tokens each time: read after 290 s twice, gone after 301 s more, but not after an hour.
        let trace = SampleTraces.blocks([0, 290, 580, 881].map { ($0, 0, [0..<10]) })
        let rows = try await self.run(trace, [.nothing, .everything(.fiveMinutes), .everything(.oneHour)])
        #expect(rows[0].read == 0)
        #expect(rows[0].inputCost == 1)
        #expect(rows[1].read == 2_000)
        #expect(rows[1].written5m == 2_000)
        #expect(abs(rows[1].weightedInput - (2_000 * 0.1 + 2_000 * 1.25)) < 1e-6)
        #expect(rows[2].read == 3_000)
        #expect(abs(rows[2].weightedInput - (3_000 * 0.1 + 1_000 * 2)) < 1e-6)
        #expect(abs(rows[2].dollars - rows[2].weightedInput * 3 / 1_000_000) < 1e-9)
    }

    @Test("What is read is the common beginning, to a block")
    func prefixes() async throws {
        let trace = SampleTraces.blocks([(0, 0, [0..<10]), (1, 0, [0..<4, 20..<26]), (2, 0, [0..<4, 20..<23])])
        let rows = try await self.run(trace, [.everything(.fiveMinutes)])
        #expect(rows[0].read == 400 + 700)
    }

    @Test("Groups have nothing in common")
    func groups() async throws {
        let trace = SampleTraces.blocks([(0, 0, [0..<10]), (1, 1, [0..<10])])
        #expect(try await self.run(trace, [.everything(.fiveMinutes)])[0].read == 0)
    }

    @Test("Who knows the future writes what is read again, and nothing else")
    func clairvoyant() async throws {
        let trace = SampleTraces.blocks([(0, 0, [0..<10]), (10, 0, [0..<6, 30..<34]), (1_000, 0, [0..<10])])
        let row = try await self.run(trace, [.clairvoyant])[0]
        #expect(row.written5m == 600)
        #expect(row.read == 600)
        #expect(row.plain == 400 + 400 + 1_000)
    }

    @Test("A prefix below the minimum is not read, and is written in vain where that is asked for")
    func minimum() async throws {
        let trace = SampleTraces.blocks([(0, 0, [0..<5]), (1, 0, [0..<5]), (2, 0, [0..<20]), (3, 0, [0..<20])])
        let real = try await self.run(trace, [.everything(.fiveMinutes)], minimum: 1_000)[0]
        #expect(real.read == 2_000)
        #expect(real.written5m == 2_000)
        let reference = try await self.run(
            trace, [.everything(.fiveMinutes)], minimum: 1_000, writesNeedMinimum: false)[0]
        #expect(reference.written5m == 3_000)
    }

    @Test("Each session has the lifetime that is cheaper for it")
    func bestLifetime() async throws {
        var trace = SampleTraces.blocks([
            (0, 0, [0..<10]), (100, 0, [0..<10]),
            (0, 1, [0..<10]), (1_000, 1, [0..<10]), (2_000, 1, [0..<10]),
        ])
        for index in trace.requests.indices {
            trace.requests[index].session = trace.requests[index].blocks?.group ?? 0
        }
        let row = try await self.run(trace, [.bestLifetime])[0]
        #expect(row.written5m == 1_000)
        #expect(row.written1h == 1_000)
        #expect(row.read == 3_000)
    }

    @Test("Texts are compared in blocks of 256 characters, whatever their bytes are")
    func texts() async throws {
        let common = String(repeating: "é", count: 512)
        let requests = ["one", "two"].enumerated().map { index, end in
            var request = SampleTraces.request(at: Double(index), "", input: 200)
            request.text = Array((common + String(repeating: end, count: 96)).utf8)
            return request
        }
        // 512 of 800 characters, which the trace says are 200 tokens.
        let report = try await PromptCacheBench.run(
            SampleTraces.trace(requests), .init(strategies: [.everything(.fiveMinutes)], usesTexts: true))
        #expect(report.rows[0].read == 128)
    }

    @Test("No marking at the ends of blocks is cheaper than the clairvoyant's, whatever the bodies")
    func boundOfMarks() async throws {
        for workload in GeneratedTraffic.all {
            let rows = try await PromptCacheBench.run(
                workload.trace(scale: 0.01),
                .init(strategies: [.client(.automatic), .everything(.fiveMinutes), .clairvoyant])
            ).rows
            #expect(rows[2].weightedInput <= rows[0].weightedInput * 1.000_001, "\(workload.name)")
            #expect(rows[2].weightedInput <= rows[1].weightedInput * 1.000_001, "\(workload.name)")
        }
    }

    @Test("No bound is below the clairvoyant's, which is never above a prompt without marks", arguments: 1...20)
    func order(_ seed: Int) async throws {
        var state = UInt64(seed)
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        // Prompts that leave one common line of blocks at some depth and go on for themselves.
        let trace = SampleTraces.blocks(
            (0..<60).map { index in
                let own = Int32(1_000 + index * 100)
                return (
                    Double(index) * Double(next(400)), 0, [0..<Int32(1 + next(30)), own..<own + Int32(1 + next(20))]
                )
            })
        let rows = try await self.run(
            trace, [.nothing, .everything(.fiveMinutes), .clairvoyant])
        #expect(rows[2].weightedInput <= rows[0].weightedInput + 1e-6)
        #expect(rows[2].weightedInput <= rows[1].weightedInput + 1e-6)
        #expect(rows.allSatisfy { abs($0.input - Double(trace.inputTokens)) < 1e-6 })
    }
}
