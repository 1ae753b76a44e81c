import RefrainCore

extension BenchReport {
    /// What the API's prompt cache makes of some traces.
    package init(promptCaches reports: [PromptCacheReport]) {
        self.init(
            title: "Prompt cache: what is read, written and paid",
            method: [
                "Each row is who places the marks: the client's settings, and bounds that no client reaches. Shares are of all "
                    + "input tokens. The input's cost is relative to the same input without a prompt cache: 1 means that the "
                    + "prompt cache neither saves nor costs anything, more means that it loses money.",
                "Ideal: a breakpoint at any block, no look-back limit, a write that can be read at once. Real: the model's "
                    + "minimum, four marks, a look-back of twenty blocks, a lifetime from the request's start that reads "
                    + "renew, and a write that can be read once its answer has begun.",
            ],
            sections: reports.map(\.section))
    }
}

extension PromptCacheReport {
    /// A row for each strategy and bound.
    var section: BenchReport.Section {
        var table = BenchReport.Table([
            "strategy": "Marks", "bound": "", "read": "Read", "written_5m": "Written 5m", "written_1h": "Written 1h",
            "input_cost": "Input cost", "usd": "Bill", "usd_after_response_cache": "Bill after the response cache",
        ])
        for row in self.rows {
            let after = self.afterResponseCache?.rows.first { $0.strategy == row.strategy }
            let input = max(row.input, 1)
            table.append([
                .text(row.strategy.description), .text(row.strategy.isBound ? "bound" : ""),
                .number(row.readShare, .percent(2)), .number(row.written5m / input, .percent(2)),
                .number(row.written1h / input, .percent(2)), .number(row.inputCost, .decimal(3)),
                .number(row.dollars, .dollars), after.map { .number($0.dollars, .dollars) } ?? .none,
            ])
        }
        var notes = ["\(self.requests) requests, \(Int(self.inputTokens)) input tokens."]
        if !self.note.isEmpty { notes.append(self.note) }
        if self.withoutPrompt > 0 { notes.append("\(self.withoutPrompt) requests without a prompt are left out.") }
        if self.unpriced > 0 { notes.append("\(self.unpriced) requests are of models whose price is not known.") }
        if let after = self.afterResponseCache {
            let lifetime = after.lifetime?.text ?? "ever"
            notes.append(
                "The response cache, which keeps answers for \(lifetime), answers \(after.saved) requests with "
                    + "\(Int(after.savedInputTokens)) input tokens: these are sent no more, and keep nothing alive.")
        }
        let names = self.rows.map(\.strategy.description)
        var series = [BenchReport.Chart.Series("all requests", self.rows.map(\.dollars))]
        if let after = self.afterResponseCache {
            series.append(
                .init(
                    "after the response cache",
                    self.rows.map { row in after.rows.first { $0.strategy == row.strategy }?.dollars }))
        }
        let chart = BenchReport.Chart(
            .bars, title: "Bill by strategy", places: names, format: .dollars, series: series)
        return BenchReport.Section(
            title: "\(self.trace), \(self.mode.rawValue)", label: self.kind.description, notes: notes, table: table,
            charts: [chart])
    }
}
