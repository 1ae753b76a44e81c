import Foundation
import Testing

/// What the figures of the shared tier have in common. They are measured where `REFRAIN_FIGURES` is set, one suite
/// after the other: `scripts/figures`. Little is asserted about time, with wide bounds, but everything about answers.
enum Figures {
    static let areWanted = ProcessInfo.processInfo.environment["REFRAIN_FIGURES"] != nil && RedisServer.isAvailable

    /// The value that a share of the sorted values does not exceed.
    static func percentile(_ share: Double, of sorted: [Duration]) -> Duration {
        guard !sorted.isEmpty else { return .zero }
        return sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
    }

    /// `p50 / p99 / max` of durations.
    static func spread(_ durations: [Duration]) -> String {
        let sorted = durations.sorted()
        return [0.5, 0.99, 1].map { Self.milliseconds(Self.percentile($0, of: sorted)) }.joined(separator: " / ")
    }

    static func milliseconds(_ duration: Duration) -> String {
        String(format: "%.1f ms", duration / .milliseconds(1))
    }

    static func seconds(_ duration: Duration?) -> String {
        duration.map { String(format: "%.2f s", $0 / .seconds(1)) } ?? "never"
    }
}

/// A table that is printed line by line, as its rows become known.
struct FigureTable {
    private let widths: [Int]

    init(_ columns: [(title: String, width: Int)]) {
        self.widths = columns.map(\.width)
        self.row(columns.map(\.title))
        print(String(repeating: "-", count: self.widths.reduce(0) { $0 + $1 + 2 }))
    }

    func row(_ cells: [String]) {
        let padded = zip(cells, self.widths).map { cell, width in
            cell + String(repeating: " ", count: max(0, width - cell.count))
        }
        print(padded.joined(separator: "  "))
        fflush(nil)
    }
}
