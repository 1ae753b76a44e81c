import RefrainBench
import RefrainCore
import Testing

/// The hit ratios that a correct reader and simulator of the public traces come to, at a tenth of the unique keys: made
/// with a program that shares no code with this one.
///
/// Skipped where the traces are not at hand. The long traces are run with `REFRAIN_FIGURES=1` only.
@Suite(.enabled(if: RecordedTraces.isThere, "the public traces are not beside the checkout"))
struct PublishedFigures {
    struct Figures: Sendable, CustomTestStringConvertible {
        var trace: String
        var isShort = false
        var lru: Double
        var fifo: Double
        var s3FIFO: Double
        var sieve: Double
        var wTinyLFU: Double
        var arc: Double
        var testDescription: String { self.trace }
    }

    static let all = [
        Figures(
            trace: "multi1", isShort: true, lru: 0.434, fifo: 0.339, s3FIFO: 0.498, sieve: 0.469, wTinyLFU: 0.483,
            arc: 0.483),
        Figures(trace: "loop", lru: 0, fifo: 0, s3FIFO: 0.090, sieve: 0, wTinyLFU: 0.096, arc: 0),
        Figures(
            trace: "gli", isShort: true, lru: 0.009, fifo: 0.009, s3FIFO: 0.160, sieve: 0.014, wTinyLFU: 0.161,
            arc: 0.014),
        Figures(
            trace: "2_pools", lru: 0.544, fifo: 0.499, s3FIFO: 0.543, sieve: 0.543, wTinyLFU: 0.544, arc: 0.543),
        Figures(trace: "sprite", lru: 0.865, fifo: 0.820, s3FIFO: 0.860, sieve: 0.815, wTinyLFU: 0.751, arc: 0.855),
        Figures(
            trace: "cpp", isShort: true, lru: 0.757, fifo: 0.628, s3FIFO: 0.804, sieve: 0.735, wTinyLFU: 0.794,
            arc: 0.804),
        Figures(trace: "scan", isShort: true, lru: 0, fifo: 0, s3FIFO: 0.086, sieve: 0, wTinyLFU: 0.077, arc: 0),
        Figures(
            trace: "zigzag", isShort: true, lru: 0.096, fifo: 0.096, s3FIFO: 0.009, sieve: 0.096, wTinyLFU: 0.080,
            arc: 0.092),
        Figures(trace: "OLTP", lru: 0.665, fifo: 0.633, s3FIFO: 0.677, sieve: 0.667, wTinyLFU: 0.638, arc: 0.673),
        Figures(trace: "web07", lru: 0.557, fifo: 0.531, s3FIFO: 0.582, sieve: 0.579, wTinyLFU: 0.560, arc: 0.581),
        Figures(
            trace: "orm-busy", lru: 0.880, fifo: 0.868, s3FIFO: 0.889, sieve: 0.881, wTinyLFU: 0.882, arc: 0.880),
        Figures(
            trace: "corda", lru: 0.333, fifo: 0.333, s3FIFO: 0.333, sieve: 0.067, wTinyLFU: 0.333, arc: 0.333),
    ]

    /// W-TinyLFU depends on its sketch: over the widths and periods in use, its figure goes from .71 to .82 on sprite, from .01
    /// to .09 on zigzag, and from .81 to .87 on orm-busy. Elsewhere it is within .02.
    static let sketchBound: Set = ["sprite", "zigzag", "orm-busy"]

    @Test(arguments: Self.all.filter { $0.isShort || RecordedTraces.runsAll })
    func areReproduced(_ figures: Figures) throws {
        let folder = try #require(RecordedTraces.folder)
        let file = try #require(EvictionTraceFile.all.first { $0.name == figures.trace })
        let policies: [(EvictionCompetitor, Double, within: Double)] = [
            (.lru, figures.lru, 0.001), (.fifo, figures.fifo, 0.001), (.s3FIFO, figures.s3FIFO, 0.001),
            (.sieve, figures.sieve, 0.001), (.arc, figures.arc, 0.001),
            (.wTinyLFUFixed, figures.wTinyLFU, Self.sketchBound.contains(figures.trace) ? 0.05 : 0.02),
        ]
        let rows = EvictionBench.run(
            traces: [try file.read(folder: "\(folder)/eviction")], shares: [0.1], policies: policies.map(\.0))
        let row = try #require(rows.first)
        for (policy, published, tolerance) in policies {
            let outcome = try #require(row[policy.name])
            // Published figures have three digits.
            #expect(abs(outcome.hitRatio - published) <= tolerance + 0.0005, "\(policy.name): \(outcome.hitRatio)")
            #expect(outcome.hitRatio <= row.ceiling.hitRatio, "\(policy.name) is better than the best possible")
        }
    }

    /// What the memory store's default was chosen for: see `docs/decisions/002-eviction.md`.
    @Test func theStoresPolicyIsNeverFarFromTheBest() throws {
        let folder = try #require(RecordedTraces.folder)
        let names = Set(Self.all.filter { $0.isShort || RecordedTraces.runsAll }.map(\.trace))
        let traces = try EvictionTraceFile.all.filter { names.contains($0.name) }
            .map { try $0.read(folder: "\(folder)/eviction") }
        let own = EvictionCompetitor.store(.adaptive).name
        let rows = EvictionBench.run(traces: traces, shares: [0.1])
        #expect(rows.count == names.count)
        var gaps: [Double] = []
        for row in rows {
            let gap = try #require(row.gap(of: own, in: \.hitRatio))
            let ratio = try #require(row[own]).hitRatio
            gaps.append(max(0, gap))
            #expect(gap <= 0.03, "\(row.trace)")
            #expect(ratio >= (try #require(row[EvictionCompetitor.lru.name])).hitRatio - 0.01, "\(row.trace)")
        }
        #expect(gaps.reduce(0, +) / Double(gaps.count) <= 0.01)
    }
}
