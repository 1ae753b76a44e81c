import RefrainCore
import Testing

@testable import RefrainBench

@Suite struct BenchReportTests {
    private static var report: BenchReport {
        var table = BenchReport.Table(["trace": "Trace", "hits": "Hits", "saved_usd": "Saved", "gap": "Gap"])
        table.append([.text("a<b> & \"c\""), .number(0.98765, .percent(1)), .number(1_234_567.894, .dollars)])
        table.append([
            .text("d"), .number(.infinity, .percent(1)), .number(-0.5, .dollars), .number(2, .decimal(2)), .none,
        ])
        let chart = BenchReport.Chart(
            .lines, title: "Hits <by> size", places: ["1 h", "1 d", "7 d"], format: .percent(0),
            series: [.init("ours", [0.1, nil, 0.9]), .init("bound", [1, 1, 1], isBound: true)])
        return BenchReport(
            title: "Hit rates", method: ["Replayed through the cache."],
            sections: [.init(title: "All", label: "re-run", notes: ["A note."], table: table, charts: [chart])])
    }

    @Test(
        arguments: [
            (1_234_567, .count, "1,234,567"), (-1_234, .count, "-1,234"), (999, .count, "999"),
            (0.0449, .percent(1), "4.5 %"),
            (0, .percent(0), "0 %"), (18_872.4, .dollars, "$18,872.40"), (-0.004, .dollars, "-$0.00"),
            (0.05, .decimal(3), "0.050"),
            (850, .nanoseconds, "850 ns"), (1_500, .nanoseconds, "1.5 µs"), (2_000_000_000, .nanoseconds, "2.0 s"),
            (268_435_456, .bytes, "268 MB"), (.nan, .count, "-"),
        ] as [(Double, BenchReport.Format, String)])
    func numbersAreWrittenForPeople(_ value: Double, _ format: BenchReport.Format, _ text: String) {
        #expect(format.text(value) == text)
    }

    @Test func textIsAligned() {
        let lines = Self.report.text(width: 20).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        #expect(lines.contains("All [re-run]"))
        #expect(lines.contains("Trace         Hits          Saved   Gap"))
        #expect(lines.contains("a<b> & \"c\"  98.8 %  $1,234,567.89"))
        #expect(lines.contains("d                -         -$0.50  2.00"))
        #expect(lines.contains("Replayed through the") && lines.contains("cache."))
    }

    @Test func jsonIsNotRounded() throws {
        let text = String(decoding: JSONValue.object(Self.report.json).encoded(), as: UTF8.self)
        #expect(text.contains(#""rows":[{"trace":"a<b> & \"c\"","hits":0.98765,"saved_usd":1234567.894,"gap":null}"#))
        #expect(text.contains(#"{"trace":"d","hits":null,"saved_usd":-0.5,"gap":2}"#) || text.contains(#""gap":2.0}"#))
    }

    @Test func pagesNeedNothingElseAndEscapeWhatTheyShow() {
        let html = Self.report.html
        #expect(!html.contains("<b>") && html.contains("a&lt;b&gt; &amp; &quot;c&quot;"))
        #expect(!html.contains("<script") && !html.contains("http"))
        #expect(html.contains("aria-label=\"Hits &lt;by&gt; size"))
        // A line that is broken where there is no value, and one that is not.
        #expect(html.count(of: "M") >= 3 && html.contains("class=\"bound\""))
    }

    @Test(arguments: [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 0.937, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 18, [-5, 0, 5, 10, 15, 20]),
    ])
    func ticksAreRoundAndEncloseTheValues(_ low: Double, _ high: Double, _ ticks: [Double]) {
        let found = ChartDrawing.ticks(from: low, to: high)
        #expect(found.count == ticks.count)
        #expect(zip(found, ticks).allSatisfy { abs($0 - $1) < 1e-9 })
    }

    @Test func chartsWithoutValuesAreDrawn() {
        for values in [[], [nil], [.nan], [0]] as [[Double?]] {
            for kind in [BenchReport.Chart.Kind.lines, .bars] {
                let chart = BenchReport.Chart(
                    kind, title: "", places: ["x"], format: .count, series: [.init("s", values)])
                let svg = ChartDrawing(chart).svg
                #expect(svg.hasSuffix("</svg>") && !svg.contains("nan") && !svg.contains("inf"))
            }
        }
    }

    @Test func decadesEncloseTheRange() {
        #expect(ChartDrawing.decades(from: 250, to: 99_000) == [100, 1_000, 10_000, 100_000])
        #expect(ChartDrawing.decades(from: 100, to: 100) == [100, 1_000])
        #expect(ChartDrawing.decades(from: 0, to: 0).count >= 2)
    }

    @Test func aLogarithmicAxisHasAStepForEachTenfold() {
        let chart = BenchReport.Chart(
            .lines, title: "Times", places: ["p50", "p99"], format: .nanoseconds,
            series: [.init("a", [1_000, 1_000_000])], isLogarithmic: true)
        let svg = ChartDrawing(chart).svg
        #expect(svg.contains("1.0 µs") && svg.contains("10.0 µs") && svg.contains("1.0 ms"))
    }
}

extension String {
    fileprivate func count(of part: String) -> Int { self.ranges(of: part).count }
}
