import RefrainCore
import Testing

@testable import RefrainBench

/// Each case does what it says: its operation checks its own results, so that it runs is that it is right.
@Suite struct LatencyCaseTests {
    @Test func everyCaseRuns() async throws {
        let cases = try await LatencyCase.inProcess()
        #expect(Set(cases.map(\.name)).count == cases.count)
        #expect(Set(cases.map(\.part)) == Set(LatencyCase.Part.allCases).subtracting([.redis, .gateway]))
        for measured in cases {
            do {
                try await measured.operation(3)
                try await measured.reference?.operation(3)
            } catch {
                Issue.record("\(measured.name): \(error)")
            }
        }
    }

    /// The sizes in the names are those of the bytes.
    @Test(arguments: SampleRequest.allCases, [1, 4, 16, 100, 1_024])
    func bodiesAreAsLongAsTheySay(kind: SampleRequest, kilobytes: Int) throws {
        let body = kind.body(bytes: kilobytes << 10)
        #expect(body.count == kilobytes << 10)
        #expect(throws: Never.self) { try JSONValue(body) }
    }

    @Test func theReportHasASectionForEachPartAndTheThreads() async throws {
        let bench = LatencyBench(duration: .milliseconds(1))
        var outcomes: [LatencyBench.Outcome] = []
        for measured in try await LatencyCase.inProcess() { outcomes.append(try await bench.run(measured)) }
        let scaling = try await ThreadScaling.hits(duration: .milliseconds(2))
        let report = BenchReport(latency: outcomes, scaling: scaling, bench: bench)
        #expect(report.sections.count == Set(outcomes.map(\.measured.part)).count + 1)
        #expect(report.sections.map(\.table.rows.count).reduce(0, +) == outcomes.count + scaling.count)
        let text = report.text(width: 200)
        #expect(text.contains("1.6 x reference + 300 ns at most") && text.contains("hit from bytes"))
        let html = report.html
        #expect(html.contains("Distribution of times, keys") && !html.contains("NaN"))
        #expect(scaling.allSatisfy { $0.one > 0 && $0.two > 0 })
    }
}
