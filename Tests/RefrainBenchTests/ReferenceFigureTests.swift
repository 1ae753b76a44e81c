import Refrain
import RefrainBench
import RefrainCore
import Testing

/// The figures that were published with the traces, or made from them by others: a correct reader and simulator
/// comes to the same within a tenth of a percentage point, and half a percent of a sum of money.
@Suite(
    "Reference figures", .serialized,
    .enabled(if: RecordedTraces.allFigures, "the public traces are not here, or REFRAIN_FIGURES is not 1"))
struct ReferenceFigureTests {
    private static let lifetimes: [Duration?] = [.hours(1), .days(1), .days(7), nil]

    /// A share in percent, within a tenth of a point.
    private func expect(_ share: Double, percent: Double, _ location: SourceLocation = #_sourceLocation) {
        #expect(abs(share * 100 - percent) <= 0.1, sourceLocation: location)
    }

    private func rates(_ trace: RequestTrace, keysSample: Bool = true) async throws -> [Double] {
        let report = try await HitRateBench.run(
            trace, .init(lifetimes: Self.lifetimes, keysSample: keysSample, reckonsMoney: false))
        return report.rows.map { $0.saved.share(of: report.total).requests }
    }

    @Test("OpenHands re-runs: with a lifetime that hits extend as the reference has it, and with ours")
    func openHands() async throws {
        let trace = try RecordedTraces.read(.openHands)
        let reference = ReferenceCache.hitRates(of: trace, lifetimes: Self.lifetimes)
        for (share, percent) in zip(reference, [4.5, 41.2, 75.4, 76.7]) { self.expect(share, percent: percent) }
        // A hit does not extend an entry here.
        let ours = try await self.rates(trace)
        for (share, percent) in zip(ours, [4.48, 37.39, 68.16, 76.72]) { self.expect(share, percent: percent) }
        let fixed = ReferenceCache.hitRates(of: trace, lifetimes: Self.lifetimes, extendsOnHit: false)
        for (one, other) in zip(ours, fixed) { #expect(abs(one - other) < 0.0005) }
    }

    @Test("Tree of Thought: by prompt, and with the sample index in the key")
    func treeOfThought() async throws {
        let trace = try RecordedTraces.read(.treeOfThought)
        self.expect(try await self.rates(trace, keysSample: false)[3], percent: 83.9)
        self.expect(try await self.rates(trace)[3], percent: 59.2)
    }

    @Test("Naive samples: every hit of a key without the sample is wrong, and with it there is none")
    func naiveSamples() async throws {
        let trace = try RecordedTraces.read(.naiveSamples)
        let report = try await HitRateBench.run(
            trace, .init(lifetimes: [nil], keysSample: false, reckonsMoney: false))
        #expect(report.rows[0].hits.requests == 9_900)
        #expect(report.rows[0].judged == 9_900)
        #expect(report.rows[0].wrong > 9_000)
        #expect(try await self.rates(trace)[3] == 0)
    }

    @Test("Cassettes: by the reference's key, and by ours")
    func cassettes() async throws {
        let trace = try RecordedTraces.read(.cassettes)
        self.expect(ReferenceCache.hitRates(of: trace, lifetimes: [nil])[0], percent: 33.6)
        self.expect(ReferenceCache.hitRates(of: trace, keying: .bodyWithoutStream, lifetimes: [nil])[0], percent: 35.2)
        let report = try await HitRateBench.run(trace, .init(lifetimes: [nil], reckonsMoney: false))
        self.expect(report.bound.share(of: report.total).requests, percent: 31.34)
        #expect(report.unkeyed.values.reduce(0, +) == 115)
    }

    @Test("Mooncake: exact repeats")
    func mooncakeRepeats() async throws {
        self.expect(try await self.rates(try RecordedTraces.read(.mooncake))[3], percent: 0.981)
    }

    @Test("Claude Code: no exact repeats")
    func claudeCodeRepeats() async throws {
        let report = try await HitRateBench.run(
            try RecordedTraces.read(.claudeCode), .init(lifetimes: [nil], reckonsMoney: false))
        #expect(report.bound.requests == 0)
        #expect(report.rows[0].saved.requests == 0)
    }

    @Test("The lossy export: 77.7 % hits, of which 547 of 580 are wrong")
    func lossyText() async throws {
        let report = try await HitRateBench.run(
            try RecordedTraces.read(.magagent), .init(lifetimes: [nil], reckonsMoney: false))
        self.expect(report.rows[0].saved.share(of: report.total).requests, percent: 77.7)
        #expect(report.rows[0].judged == 580)
        #expect(report.rows[0].wrong == 547)
    }

    @Test("Claude Code: what the prompt cache reads at most, and the bills")
    func claudeCodeBills() async throws {
        let rows = try await PromptCacheBench.run(
            try RecordedTraces.read(.claudeCode),
            .init(strategies: [.nothing, .everything(.fiveMinutes), .everything(.oneHour), .bestLifetime])
        ).rows
        self.expect(rows[1].readShare, percent: 91.68)
        self.expect(rows[2].readShare, percent: 96.05)
        for (row, dollars) in zip(rows, [18_872.0, 3_938, 3_561, 3_408]) {
            #expect(abs(row.dollars / dollars - 1) < 0.005)
        }
    }

    @Test("Mooncake: what the prompt cache reads at most")
    func mooncakePrefixes() async throws {
        let rows = try await PromptCacheBench.run(
            try RecordedTraces.read(.mooncake),
            .init(strategies: [.everything(.fiveMinutes), .everything(.oneHour)])
        ).rows
        self.expect(rows[0].readShare, percent: 29.34)
        // The trace lasts an hour, so that an hour is for ever.
        self.expect(rows[1].readShare, percent: 37.36)
    }

    @Test(
        "Prefixes of prompts that are texts",
        arguments: [("few-shot-bbh", 84.2), ("miniswe", 92.7), ("tau-airline", 92.7)])
    func textPrefixes(_ name: String, _ percent: Double) async throws {
        let rows = try await PromptCacheBench.run(
            try RecordedTraces.read(try PublicTrace.named(name)),
            .init(strategies: [.everything(.oneHour)], usesTexts: true)
        ).rows
        self.expect(rows[0].readShare, percent: percent)
    }

    /// The references for miniswe and tau are .179/.229/.177 and .183/.238/.180. They are those of the whole sets at
    /// their source (402 requests, and 200 conversations); the files here hold 320 and 100 of them, and come to the
    /// figures below.
    @Test(
        "Input costs for five minutes, for an hour, and for who knows the future, from 1,024 tokens on",
        arguments: [
            ("mooncake", [0.947, 1.340, 0.798]), ("openhands", [0.554, 0.833, 0.479]),
            ("cookbook", [0.245, 0.340, 0.222]), ("miniswe", [0.184, 0.239, 0.181]),
            ("tau-airline", [0.184, 0.239, 0.180]),
        ])
    func inputCosts(_ name: String, _ costs: [Double]) async throws {
        let rows = try await PromptCacheBench.run(
            try RecordedTraces.read(try PublicTrace.named(name)),
            .init(
                strategies: [.everything(.fiveMinutes), .everything(.oneHour), .clairvoyant], minimumTokens: 1_024,
                writesNeedMinimum: false, usesTexts: true)
        ).rows
        for (row, cost) in zip(rows, costs) { #expect(abs(row.inputCost - cost) <= 0.001) }
    }
}
