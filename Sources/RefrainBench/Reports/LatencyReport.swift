extension BenchReport {
    /// What operations take: a section for each part, and one for threads.
    ///
    /// - Parameters:
    ///   - outcomes: What was measured, in the order of the sections.
    ///   - scaling: Throughput by threads, as it was measured beside; empty where it cannot be measured here, and nil where
    ///     nobody asked for it.
    ///   - bench: How it was measured.
    package init(latency outcomes: [LatencyBench.Outcome], scaling: [ThreadScaling]?, bench: LatencyBench) {
        let shortest = Format.nanoseconds.text(bench.shortestSample / .nanoseconds(1))
        self.init(
            title: "Latency",
            method: [
                "Each operation is timed for \(Format.nanoseconds.text(bench.duration / .nanoseconds(1))), in turn with its reference "
                    + "where it has one, so that what else the machine does falls on both alike; a ratio is of their medians.",
                "Operations that take less than \(shortest) are timed several at a time, as many as the column \"at once\" says: "
                    + "their quantiles are of such means. Each result is checked.",
            ])
        for part in LatencyCase.Part.allCases {
            let own = outcomes.filter { $0.measured.part == part }
            if !own.isEmpty { self.sections.append(Section(latency: own, of: part)) }
        }
        if let scaling { self.sections.append(Section(scaling: scaling)) }
    }
}

extension BenchReport.Section {
    /// What the charts show of a distribution.
    private static let quantiles: [(name: String, share: Double)] = [
        ("least", 0), ("p10", 0.1), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99),
        ("p99.9", 0.999),
    ]

    fileprivate init(latency outcomes: [LatencyBench.Outcome], of part: LatencyCase.Part) {
        var table = BenchReport.Table([
            "operation": "Operation", "at_once": "at once", "samples": "samples", "p50_ns": "p50", "p90_ns": "p90",
            "p99_ns": "p99", "most_ns": "most", "bytes_per_second": "bytes/s", "reference": "Reference",
            "reference_p50_ns": "its p50", "ratio": "ratio", "aim": "Aim", "met": "Met",
        ])
        for outcome in outcomes {
            let samples = outcome.samples
            func time(_ quantile: Double) -> BenchReport.Cell {
                samples.quantile(quantile).map { .number($0, .nanoseconds) } ?? .none
            }
            table.append([
                .text(outcome.measured.name), .number(Double(samples.operationsPerSample), .count),
                .number(Double(samples.count), .count), time(0.5), time(0.9), time(0.99), time(1),
                outcome.throughput.map { .number($0, .bytes) } ?? .none,
                outcome.measured.reference.map { .text($0.name) } ?? .none,
                outcome.reference.map { .number($0.median, .nanoseconds) } ?? .none,
                outcome.ratio.map { .number($0, .decimal(2)) } ?? .none,
                outcome.measured.aim.map { .text($0.description) } ?? .none,
                outcome.meetsAim.map { .text($0 ? "yes" : "no") } ?? .none,
            ])
        }
        let chart = BenchReport.Chart(
            .lines, title: "Distribution of times, \(part.rawValue)", places: Self.quantiles.map(\.name),
            format: .nanoseconds,
            series: outcomes.map { outcome in
                .init(outcome.measured.name, Self.quantiles.map { outcome.samples.quantile($0.share) })
            },
            isLogarithmic: true)
        self.init(title: part.title, notes: part.notes, table: table, charts: [chart])
    }

    fileprivate init(scaling: [ThreadScaling]) {
        var table = BenchReport.Table([
            "operation": "Operation", "one_per_second": "1 thread, a second", "two_per_second": "2 threads, a second",
            "ratio": "ratio", "aim": "Aim", "met": "Met",
        ])
        for row in scaling {
            table.append([
                .text(row.name), .number(row.one, .count), .number(row.two, .count), .number(row.ratio, .decimal(2)),
                row.aim.map { .text("\($0) at least") } ?? .none,
                row.aim.map { .text(row.ratio >= $0 ? "yes" : "no") } ?? .none,
            ])
        }
        let notes =
            scaling.isEmpty
            ? ["Not measured: this process may run on one processor only."]
            : [
                "One thread and two are measured in turn, \(ThreadScaling.rounds) times; the figures are medians. Two begin together, "
                    + "and what they do counts from then until the last has ended.",
                "What shares nothing shows what the machine allows: two processors may be one with two threads.",
            ]
        self.init(title: "Two threads", notes: notes, table: table)
    }
}

extension LatencyCase.Part {
    /// What is to be said about its figures.
    fileprivate var notes: [String] {
        switch self {
        case .flights:
            [
                "All callers come before upstream answers, and all but one join its call: a round in which one did not is "
                    + "repeated."
            ]
        case .redis:
            [
                "Values are random bytes, which compression, though it is tried, makes no smaller: about as many bytes as the row says go "
                    + "through the connection. Answers become less than half of their size.",
                "What has over 64 KiB, with what stands before the body, is read in two parts: values of the last two sizes are.",
            ]
        case .keys, .memory, .client, .streams, .envelopes, .gateway: []
        }
    }

    /// A heading.
    fileprivate var title: String {
        switch self {
        case .keys: "Keys from bytes"
        case .memory: "Hits in memory"
        case .client: "Hits of the client"
        case .streams: "Server-sent events"
        case .envelopes: "Envelopes"
        case .flights: "Callers that share a call"
        case .redis: "The shared tier in Redis"
        case .gateway: "The gateway"
        }
    }
}
