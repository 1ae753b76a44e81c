import RefrainCore

extension BenchReport {
    /// What the response cache would have answered of some traces.
    package init(hitRates reports: [HitRateReport]) {
        self.init(
            title: "Response cache: hit rates",
            method: [
                "Each trace is replayed through the cache itself, with its keys and its memory store, on a virtual clock. "
                    + "Shares are of all requests and of all their tokens, those without a key included. The bound is what a "
                    + "cache of infinite size and lifetime could have answered: a request counts whose key came before.",
                "Money is net of the API's prompt cache at its best, which a hit takes reads from: it is a lower bound. "
                    + "Wrong hits are those for which the trace holds another answer than was given.",
                "Live traffic, re-runs and searches repeat for different reasons: do not average over the labels.",
            ],
            sections: reports.map(\.section))
    }
}

extension HitRateReport {
    /// A row for each lifetime and size, and the hits by lifetime and by size beside the bound.
    var section: BenchReport.Section {
        var table = BenchReport.Table([
            "ttl_seconds": "TTL", "bytes": "Size", "hits": "Hits", "joined": "Joined", "saved": "Saved",
            "bound": "Bound",
            "saved_input_tokens": "Input tokens", "bound_input_tokens": "Bound", "saved_output_tokens": "Output tokens",
            "lost_to_expiry": "Expired", "lost_to_size": "Evicted", "lost_to_policy": "By policy", "wrong": "Wrong",
            "judged": "Judged", "net_usd": "Net saved", "bill_usd": "Bill without",
        ])
        let bound = self.bound.share(of: self.total)
        for row in self.rows {
            let saved = row.saved.share(of: self.total)
            func share(_ tally: Tally) -> BenchReport.Cell {
                .number(tally.share(of: self.total).requests, .percent(1))
            }
            let cells: [BenchReport.Cell] = [
                row.lifetime.map { .number($0 / .seconds(1), .seconds) } ?? .text("inf"),
                row.bytes.map { .number(Double($0), .bytes) } ?? .text("no bound"),
                share(row.hits), share(row.joined), share(row.saved), share(self.bound),
                .number(saved.inputTokens, .percent(1)), .number(bound.inputTokens, .percent(1)),
                .number(saved.outputTokens, .percent(1)),
                share(row.lostToExpiry), share(row.lostToSize), share(row.lostToPolicy),
                .number(Double(row.wrong), .count), .number(Double(row.judged), .count),
                row.money.map { .number($0.net, .dollars) } ?? .none,
                row.money.map { .number($0.promptCacheOnly, .dollars) } ?? .none,
            ]
            table.append(cells)
        }
        var notes = [
            "\(self.total.requests) requests, \(self.total.inputTokens) input and \(self.total.outputTokens) output tokens."
        ]
        if !self.note.isEmpty { notes.append(self.note) }
        if !self.unkeyed.isEmpty {
            let reasons = self.unkeyed.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            notes.append("Not keyed: " + reasons.map { "\($0.value) \($0.key)" }.joined(separator: ", ") + ".")
        }
        if let unpriced = self.rows.compactMap(\.money?.unpriced).max(), unpriced > 0 {
            notes.append("\(unpriced) requests are of models whose price is not known; they are in no sum of money.")
        }
        return BenchReport.Section(
            title: self.trace, label: self.kind.description, notes: notes, table: table, charts: self.charts)
    }

    private var charts: [BenchReport.Chart] {
        func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
            var seen: Set<Value> = []
            return values.filter { seen.insert($0).inserted }
        }
        let lifetimes = distinct(self.rows.map(\.lifetime))
        let sizes = distinct(self.rows.map(\.bytes))
        let bound = self.bound.share(of: self.total).requests
        func saved(_ lifetime: Duration?, _ size: Int?) -> Double? {
            self.rows.first { $0.lifetime == lifetime && $0.bytes == size }?.saved.share(of: self.total).requests
        }
        func name(_ size: Int?) -> String {
            size.map { BenchReport.Format.bytes.text(Double($0)) } ?? "no bound on size"
        }
        func name(_ lifetime: Duration?) -> String { lifetime?.text ?? "inf" }
        func chart(_ title: String, _ places: [String], _ series: [BenchReport.Chart.Series]) -> BenchReport.Chart {
            let limit = BenchReport.Chart.Series("bound", places.map { _ in bound }, isBound: true)
            return BenchReport.Chart(
                .lines, title: title, places: places, format: .percent(0), series: series + [limit])
        }
        var charts: [BenchReport.Chart] = []
        if lifetimes.count > 1 {
            charts.append(
                chart(
                    "Requests saved by lifetime", lifetimes.map(name),
                    sizes.map { size in .init(name(size), lifetimes.map { saved($0, size) }) }))
        }
        if sizes.count > 1 {
            charts.append(
                chart(
                    "Requests saved by size", sizes.map(name),
                    lifetimes.map { lifetime in .init(name(lifetime), sizes.map { saved(lifetime, $0) }) }))
        }
        return charts
    }
}
