extension BenchReport {
    /// What eviction policies do: `recorded` are traces of keys alone, `priced` are requests with sizes and costs, which have
    /// tables of their own for each kind of traffic.
    package init(eviction recorded: [EvictionBench.Row], priced: [EvictionBench.Row]) {
        self.init(
            title: "Eviction policies",
            method: [
                "Each policy is run over each trace from its first request, at a capacity that is a share of what all keys take. "
                    + "The ceiling is what no policy can exceed: Belady's optimum where entries have one size and cost, else "
                    + "a bound that knows the future and may hold parts of entries.",
                "What the store ships is run by the store's own code.",
            ],
            sections: [])
        if !recorded.isEmpty {
            self.sections.append(
                EvictionBench.section(recorded, title: "Hit ratio, traces of keys", of: \.hitRatio))
        }
        for kind in TrafficKind.allCases.map(Optional.some) + [nil] {
            let rows = priced.filter { $0.kind == kind }
            guard !rows.isEmpty else { continue }
            var traces: Set<String> = []
            var notes = rows.filter { !$0.note.isEmpty && traces.insert($0.trace).inserted }
                .map { "\($0.trace): \($0.note)." }
            for (title, ratio) in [
                ("Money saved, requests to models", \EvictionOutcome.savedCostRatio),
                ("Hit ratio, requests to models", \.hitRatio), ("Byte hit ratio, requests to models", \.sizeHitRatio),
            ] {
                self.sections.append(EvictionBench.section(rows, title: title, of: ratio, notes: notes))
                // What the traces are is said once.
                notes = []
            }
        }
    }
}

extension EvictionBench {
    fileprivate static func section(
        _ rows: [Row], title: String, of ratio: KeyPath<EvictionOutcome, Double>, notes: [String] = []
    ) -> BenchReport.Section {
        let policies = rows[0].outcomes.map(\.policy)
        let names = ["Trace", "Capacity"] + policies + ["ceiling"]
        var table = BenchReport.Table(
            members: ["trace", "capacity_share"] + policies + ["ceiling"], columns: names)
        for row in rows {
            var cells: [BenchReport.Cell] = [.text(row.trace), .number(row.share, .percent(0))]
            cells += policies.map { policy in row[policy].map { .number($0[keyPath: ratio], .percent(1)) } ?? .none }
            cells.append(.number(row.ceiling[keyPath: ratio], .percent(1)))
            table.append(cells)
        }
        // How far each falls short of the best of the others.
        let gaps = policies.map { policy in
            let gaps = rows.compactMap { $0.gap(of: policy, in: ratio) }
            let mean = gaps.reduce(0, +) / Double(max(1, gaps.count))
            let worst = rows.max { ($0.gap(of: policy, in: ratio) ?? 0) < ($1.gap(of: policy, in: ratio) ?? 0) }
            let gap = worst?.gap(of: policy, in: ratio) ?? 0
            func points(_ value: Double) -> String { BenchReport.Format.decimal(1).text(value * 100) }
            return "\(policy): behind the best other by \(points(mean)) points in the mean, \(points(gap)) at worst"
                + (worst.map { " (\($0.trace) at \(BenchReport.Format.percent(0).text($0.share)))" } ?? "") + "."
        }
        let shares = Set(rows.map(\.share))
        let chart = BenchReport.Chart(
            .bars, title: title,
            places: rows.map { row in
                shares.count > 1 ? "\(row.trace) \(BenchReport.Format.percent(0).text(row.share))" : row.trace
            },
            format: .percent(0),
            series: policies.map { policy in .init(policy, rows.map { $0[policy]?[keyPath: ratio] }) }
                + [.init("ceiling", rows.map { $0.ceiling[keyPath: ratio] }, isBound: true)])
        return BenchReport.Section(
            title: title, label: rows[0].kind?.description, notes: notes + gaps, table: table,
            charts: rows.count <= 16 ? [chart] : [])
    }
}
