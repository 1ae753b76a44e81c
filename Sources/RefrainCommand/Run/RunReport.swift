import RefrainCore

/// What a run did, counted as its answers come in. A value without I/O.
struct RunReport: Sendable {
    /// Where an answer came from, as the report counts it.
    enum Outcome: String, Sendable {
        case hit, joined, miss, bypassed, stale, error
    }

    /// What one request contributes.
    struct Entry: Sendable {
        var outcome: Outcome
        /// Why, for a miss, a bypass or an error: a short name.
        var reason: String?
        /// The tokens that the API billed for this request; nil where it was not asked.
        var billed: Usage?
        /// What those tokens cost in US dollars; nil where the model has no known price.
        var spent: Double?
        /// What the cache saved in US dollars; nil where nothing was, or the model has no known price.
        var saved: Double?
        /// From the request to the whole answer.
        var latency: Duration
    }

    private(set) var counts: [Outcome: Int] = [:]
    private(set) var reasons: [Outcome: [String: Int]] = [:]
    private(set) var billed = Usage()
    private(set) var spent = 0.0
    private(set) var saved = 0.0
    /// Requests that were billed, or saved, at a price that is not known.
    private(set) var unpriced = 0
    /// Calls that reached the API, retries included.
    var upstreamCalls = 0
    /// Lines that were no requests.
    var malformedLines = 0
    /// Answers that were not kept, by the reason.
    var notStored: [String: Int] = [:]
    private var latencies: [Duration] = []

    /// How many requests were answered or failed.
    var requests: Int { self.latencies.count }
    /// How many of them failed.
    var errors: Int { self.count(.error) }

    func count(_ outcome: Outcome) -> Int { self.counts[outcome, default: 0] }

    /// Counts one request.
    mutating func add(_ entry: Entry) {
        self.counts[entry.outcome, default: 0] += 1
        if let reason = entry.reason { self.reasons[entry.outcome, default: [:]][reason, default: 0] += 1 }
        if let billed = entry.billed {
            self.billed = self.billed + billed
            if let spent = entry.spent { self.spent += spent } else { self.unpriced += 1 }
        }
        switch entry.outcome {
        case .hit, .joined, .stale:
            if let saved = entry.saved { self.saved += saved } else { self.unpriced += 1 }
        case .miss, .bypassed, .error: break
        }
        self.latencies.append(entry.latency)
    }

    /// The latency that `percent` of the requests did not exceed, by the nearest-rank method; nil without requests.
    func latency(percentile percent: Double) -> Duration? {
        guard !self.latencies.isEmpty else { return nil }
        let sorted = self.latencies.sorted()
        let rank = Int((percent / 100 * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// The report as one JSON object, its members in the documented order.
    var json: JSONObject {
        func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        func rounded(_ value: Double, _ places: Int) -> JSONValue {
            JSONNumber(literal: value.text(places: places)).map(JSONValue.number) ?? .null
        }
        func breakdown(_ reasons: [String: Int]?) -> JSONValue {
            .object(JSONObject(Self.sorted(reasons).map { ($0.reason, number($0.count)) }))
        }
        func milliseconds(_ percent: Double) -> JSONValue {
            self.latency(percentile: percent).map { rounded($0 / .milliseconds(1), 3) } ?? .null
        }
        return [
            "requests": number(self.requests),
            "hits": number(self.count(.hit)),
            "joined": number(self.count(.joined)),
            "misses": number(self.count(.miss)),
            "bypassed": number(self.count(.bypassed)),
            "stale": number(self.count(.stale)),
            "errors": number(self.errors),
            "malformed_lines": number(self.malformedLines),
            "upstream_calls": number(self.upstreamCalls),
            "input_tokens": number(self.billed.inputTokens),
            "cache_write_5m_tokens": number(self.billed.cacheWrite5mTokens),
            "cache_write_1h_tokens": number(self.billed.cacheWrite1hTokens),
            "cache_read_tokens": number(self.billed.cacheReadTokens),
            "output_tokens": number(self.billed.outputTokens),
            "spent_usd": rounded(self.spent, 6),
            "saved_usd": rounded(self.saved, 6),
            "unpriced": number(self.unpriced),
            "miss_reasons": breakdown(self.reasons[.miss]),
            "bypass_reasons": breakdown(self.reasons[.bypassed]),
            "error_reasons": breakdown(self.reasons[.error]),
            "not_stored_reasons": breakdown(self.notStored),
            "latency_ms": ["p50": milliseconds(50), "p90": milliseconds(90), "p99": milliseconds(99)],
        ]
    }

    /// The report for people.
    var table: String {
        func share(_ outcome: Outcome) -> String {
            let count = self.count(outcome)
            guard self.requests > 0 else { return "\(count)" }
            return "\(count)".leftPadded(to: 8)
                + ((100 * Double(count) / Double(self.requests)).text(places: 1) + " %").leftPadded(to: 9)
        }
        func milliseconds(_ percent: Double) -> String {
            self.latency(percentile: percent).map { ($0 / .milliseconds(1)).text(places: 2) + " ms" } ?? "-"
        }
        var lines: [(String, String)] = [
            ("requests", "\(self.requests)".leftPadded(to: 8)),
            ("hits", share(.hit)), ("joined", share(.joined)), ("misses", share(.miss)),
        ]
        lines += Self.breakdown(self.reasons[.miss])
        lines.append(("bypassed", share(.bypassed)))
        lines += Self.breakdown(self.reasons[.bypassed])
        lines.append(("stale", share(.stale)))
        lines.append(("errors", share(.error)))
        lines += Self.breakdown(self.reasons[.error])
        if !self.notStored.isEmpty {
            lines.append(("not stored", "\(self.notStored.values.reduce(0, +))".leftPadded(to: 8)))
            lines += Self.breakdown(self.notStored)
        }
        if self.malformedLines > 0 { lines.append(("malformed lines", "\(self.malformedLines)".leftPadded(to: 8))) }
        lines += [
            ("calls to Claude", "\(self.upstreamCalls)".leftPadded(to: 8)),
            ("", ""),
            ("input tokens", self.billed.inputTokens.thousandsSeparated),
            ("cache writes (5m)", self.billed.cacheWrite5mTokens.thousandsSeparated),
            ("cache writes (1h)", self.billed.cacheWrite1hTokens.thousandsSeparated),
            ("cache reads", self.billed.cacheReadTokens.thousandsSeparated),
            ("output tokens", self.billed.outputTokens.thousandsSeparated),
            ("", ""),
            ("spent", "$" + self.spent.text(places: 6)),
            ("saved", "$" + self.saved.text(places: 6)),
        ]
        if self.unpriced > 0 { lines.append(("without a price", "\(self.unpriced) requests, not in the two sums")) }
        lines.append(
            ("latency", "p50 \(milliseconds(50))   p90 \(milliseconds(90))   p99 \(milliseconds(99))"))
        return lines.map { label, value in
            label.isEmpty ? "" : "  " + label + String(repeating: " ", count: max(1, 22 - label.count)) + value
        }.joined(separator: "\n")
    }

    private static func breakdown(_ reasons: [String: Int]?) -> [(String, String)] {
        self.sorted(reasons).map { ("  " + $0.reason, "\($0.count)".leftPadded(to: 8)) }
    }

    /// The most frequent first; those that are equally frequent by name.
    private static func sorted(_ reasons: [String: Int]?) -> [(reason: String, count: Int)] {
        (reasons ?? [:]).sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { (reason: $0.key, count: $0.value) }
    }
}

extension String {
    /// The string with spaces before it, up to `width` characters in all.
    func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - self.count)) + self
    }
}
