import RefrainCore
import RefrainKeys

/// The metrics in Prometheus's text format (version 0.0.4).
struct MetricsText {
    private(set) var text = ""

    init(_ state: GatewayState) {
        let ledger = state.ledger.withLock { $0 }
        let cache = state.cache.statistics
        self.requests(ledger)
        self.money(ledger)
        self.upstream(ledger, cache)
        self.tiers(cache, state.cache.secondTier)
        self.gauge("refrain_flights", "Calls under way that requests can join.", [("", Double(cache.flights))])
        self.gauge("refrain_in_flight_bytes", "Bytes that calls under way hold.", [("", Double(cache.inFlightBytes))])
        self.gauge("refrain_connections", "Open client connections.", [("", Double(state.census.count))])
        if let log = state.requestLog {
            self.counter(
                "refrain_request_log_dropped_total", "Lines that could not be written.", [("", Double(log.dropped))])
        }
    }

    private mutating func requests(_ ledger: GatewayLedger) {
        let results = GatewayLedger.Result.allCases
        self.counter(
            "refrain_requests_total", "Requests of /v1/messages, by where their answer came from.",
            results.map { ("result=\"\($0.rawValue)\"", Double(ledger[$0])) })
        self.counter(
            "refrain_request_reasons_total", "Why requests were not answered from a store.",
            results.flatMap { result in
                (ledger.reasons[result] ?? [:]).sorted { $0.key < $1.key }.map {
                    ("result=\"\(result.rawValue)\",reason=\"\(Self.escaped($0.key))\"", Double($0.value))
                }
            })
        self.counter(
            "refrain_passed_through_total", "Requests that went through as they came, by route.",
            ledger.routes.sorted { $0.key < $1.key }.map { ("route=\"\(Self.escaped($0.key))\"", Double($0.value)) })
        self.head("refrain_request_seconds", "From a request's last byte to its answer's.", "histogram")
        for result in results where ledger.latency(of: result).count > 0 {
            let histogram = ledger.latency(of: result)
            var sum = 0
            for (bound, count) in zip(LatencyHistogram.bounds, histogram.counts) {
                sum += count
                self.line(
                    "refrain_request_seconds_bucket", "result=\"\(result.rawValue)\",le=\"\(bound)\"", Double(sum))
            }
            self.line(
                "refrain_request_seconds_bucket", "result=\"\(result.rawValue)\",le=\"+Inf\"", Double(histogram.count))
            self.line("refrain_request_seconds_sum", "result=\"\(result.rawValue)\"", histogram.sum)
            self.line("refrain_request_seconds_count", "result=\"\(result.rawValue)\"", Double(histogram.count))
        }
    }

    private mutating func money(_ ledger: GatewayLedger) {
        self.counter("refrain_spent_usd_total", "US dollars paid, as far as known.", [("", ledger.totals.spentUSD)])
        self.counter(
            "refrain_saved_usd_total", "US dollars not paid, at least: prompt-cache writes are priced as reads.",
            [("", ledger.totals.savedUSD)])
        self.counter(
            "refrain_would_save_usd_total", "US dollars that a cache would not have paid, where it is observed only.",
            [("", ledger.totals.wouldSaveUSD)])
        self.counter(
            "refrain_unpriced_requests_total", "Requests whose price is not known.",
            [("", Double(ledger.totals.unpriced))])
        self.counter(
            "refrain_saved_seconds_total", "Time that callers did not wait.",
            [("", Double(ledger.millisecondsSaved) / 1_000)])
        self.counter(
            "refrain_tokens_total", "Tokens, by kind and by whether they were paid for.",
            [("billed", ledger.billed), ("saved", ledger.spared)].flatMap { name, usage in
                [
                    ("input", usage.inputTokens), ("output", usage.outputTokens),
                    ("cache_read", usage.cacheReadTokens),
                    ("cache_write", usage.cacheWrite5mTokens.addingAtMost(usage.cacheWrite1hTokens)),
                ].map { ("kind=\"\($0.0)\",account=\"\(name)\"", Double($0.1)) }
            })
    }

    private mutating func upstream(_ ledger: GatewayLedger, _ cache: CacheStatistics) {
        self.counter("refrain_upstream_calls_total", "Calls made for the cache.", [("", Double(cache.upstreamCalls))])
        self.counter(
            "refrain_upstream_failures_total", "Calls for the cache that brought no whole answer.",
            [("", Double(cache.upstreamFailures))])
        self.counter(
            "refrain_upstream_responses_total", "Upstream's answers to /v1/messages, by status.",
            ledger.upstreamStatuses.sorted { $0.key < $1.key }.map { ("status=\"\($0.key)\"", Double($0.value)) })
        self.counter(
            "refrain_leases_total", "Calls made on behalf of every process that shares the second tier.",
            [("", Double(cache.leases))])
        self.counter("refrain_stored_total", "Answers stored.", [("", Double(cache.stored))])
        self.counter(
            "refrain_not_stored_total", "Answers not stored, by reason.",
            cache.refused.map { ($0.key.description, $0.value) }.sorted { $0.0 < $1.0 }
                .map { ("reason=\"\(Self.escaped($0.0))\"", Double($0.1)) })
    }

    private mutating func tiers(_ cache: CacheStatistics, _ second: ResponseCache.TierHealth?) {
        self.gauge("refrain_tier_entries", "Entries held.", [("tier=\"memory\"", Double(cache.memory.entries))])
        self.gauge("refrain_tier_bytes", "Bytes held.", [("tier=\"memory\"", Double(cache.memory.bytes))])
        self.counter(
            "refrain_tier_evictions_total", "Entries removed to make room.",
            [("tier=\"memory\"", Double(cache.memory.evictions))])
        self.counter(
            "refrain_tier_expirations_total", "Entries removed because they were past their time.",
            [("tier=\"memory\"", Double(cache.memory.expirations))])
        self.counter(
            "refrain_tier_invalidations_total", "Entries that a purge made unreadable.",
            [("tier=\"memory\"", Double(cache.memory.invalidations))])
        self.counter(
            "refrain_reads_on_grace_total", "Reads from memory while others' purges could not be asked for.",
            [("", Double(cache.readsOnGrace))])
        guard let second else { return }
        let tier = "tier=\"\(second.tier.description)\""
        self.counter(
            "refrain_tier_failures_total", "Calls that failed or were late.", [(tier, Double(cache.tierFailures))])
        self.counter("refrain_tier_skips_total", "Calls that the breaker kept back.", [(tier, Double(cache.tierSkips))])
        self.counter("refrain_breaker_openings_total", "How often it opened.", [(tier, Double(cache.breakerOpenings))])
        self.gauge("refrain_breaker_open", "1 while the tier is left alone.", [(tier, second.isLeftAlone ? 1 : 0)])
        self.gauge("refrain_tier_up", "1 while the tier is heard of.", [(tier, second.isHeard ? 1 : 0)])
    }

    // MARK: The format

    private mutating func counter(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
        self.metric(name, help, "counter", values)
    }

    private mutating func gauge(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
        self.metric(name, help, "gauge", values)
    }

    private mutating func metric(
        _ name: String, _ help: String, _ type: String, _ values: [(labels: String, value: Double)]
    ) {
        guard !values.isEmpty else { return }
        self.head(name, help, type)
        for (labels, value) in values { self.line(name, labels, value) }
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: String, _ value: Double) {
        let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        self.text += labels.isEmpty ? "\(name) \(number)\n" : "\(name){\(labels)} \(number)\n"
    }

    /// A label's value: its backslashes, quotes and line feeds escaped.
    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
