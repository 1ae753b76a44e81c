import Refrain
import RefrainCore
import RefrainKeys

/// What the dashboard shows, as one JSON object: see `docs/gateway.md`.
struct StatisticsReport {
    let json: JSONObject

    init(_ state: GatewayState) {
        let ledger = state.ledger.withLock { $0 }
        let cache = state.cache.statistics
        let now = state.time.now()
        self.json = [
            "time": .string(now.rfc3339), "gateway": Self.gateway(state, now),
            "requests": .count(ledger.totals.requests), "results": Self.results(ledger),
            "reasons": Self.reasons(ledger),
            "money": Self.money(ledger),
            "saved_seconds": .decimal(Double(ledger.millisecondsSaved) / 1_000, places: 1),
            "tokens": ["billed": Self.usage(ledger.billed), "saved": Self.usage(ledger.spared)],
            "latency_ms": Self.latencies(ledger), "tiers": Self.tiers(cache, state.cache.secondTier),
            "purges": Self.purges(state.cache.memory.generations.record),
            "flights": ["under_way": .count(cache.flights), "bytes": .count(cache.inFlightBytes)],
            "upstream": Self.upstream(ledger, cache), "not_stored": Self.notStored(cache),
            "models": Self.totals(ledger.models), "tags": Self.totals(ledger.tags),
            "routes": Self.counts(Self.sorted(ledger.routes)), "series": Self.series(ledger.series(until: now)),
            "recent": Self.recent(ledger),
        ]
    }

    private static func gateway(_ state: GatewayState, _ now: Timestamp) -> JSONValue {
        let dropped: JSONValue = state.requestLog.map { .count($0.dropped) } ?? .null
        return [
            "started": .string(state.started.rfc3339),
            "uptime_seconds": .count(Int(clamping: now.since(state.started).components.seconds)),
            "mode": state.configuration.observes ? "observe" : "normal",
            "upstream": .string(state.upstream.text), "ttl": .string(state.plainPolicy.ttl.text),
            "prompt_caching": .string(state.configuration.promptCaching.description),
            "connections": .count(state.census.count), "request_log_dropped": dropped,
        ]
    }

    private static func results(_ ledger: GatewayLedger) -> JSONValue {
        Self.counts(GatewayLedger.Result.allCases.map { ($0.rawValue, ledger[$0]) })
    }

    private static func money(_ ledger: GatewayLedger) -> JSONValue {
        [
            "spent_usd": .decimal(ledger.totals.spentUSD, places: 6),
            "saved_usd": .decimal(ledger.totals.savedUSD, places: 6),
            "would_save_usd": .decimal(ledger.totals.wouldSaveUSD, places: 6),
            "unpriced_requests": .count(ledger.totals.unpriced),
        ]
    }

    private static func latencies(_ ledger: GatewayLedger) -> JSONValue {
        Self.table(GatewayLedger.Result.allCases.compactMap { Self.latency(ledger, $0) })
    }

    private static func recent(_ ledger: GatewayLedger) -> JSONValue {
        .array(ledger.newest.map { JSONValue.object($0.json) })
    }

    private static func table(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }

    private static func reasons(_ ledger: GatewayLedger) -> JSONValue {
        var members: [(String, JSONValue)] = []
        for result in GatewayLedger.Result.allCases {
            guard let reasons = ledger.reasons[result] else { continue }
            members.append((result.rawValue, Self.counts(Self.sorted(reasons))))
        }
        return Self.table(members)
    }

    private static func upstream(_ ledger: GatewayLedger, _ cache: CacheStatistics) -> JSONValue {
        let statuses = ledger.upstreamStatuses.sorted { $0.key < $1.key }.map { ("\($0.key)", $0.value) }
        return [
            "calls": .count(cache.upstreamCalls), "failures": .count(cache.upstreamFailures),
            "statuses": Self.counts(statuses),
        ]
    }

    private static func notStored(_ cache: CacheStatistics) -> JSONValue {
        let counts = cache.refused.map { ($0.key.description, $0.value) }
        return Self.counts(Self.sorted(Dictionary(uniqueKeysWithValues: counts)))
    }

    private static func counts(_ counts: [(String, Int)]) -> JSONValue {
        Self.table(counts.map { ($0.0, JSONValue.count($0.1)) })
    }

    /// The largest first; those of one size by name.
    private static func sorted(_ counts: [String: Int]) -> [(String, Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }

    private static func usage(_ usage: Usage) -> JSONValue {
        [
            "input": .count(usage.inputTokens), "output": .count(usage.outputTokens),
            "cache_read": .count(usage.cacheReadTokens),
            "cache_write": .count(usage.cacheWrite5mTokens.addingAtMost(usage.cacheWrite1hTokens)),
        ]
    }

    private static func latency(_ ledger: GatewayLedger, _ result: GatewayLedger.Result) -> (String, JSONValue)? {
        let histogram = ledger.latency(of: result)
        guard histogram.count > 0 else { return nil }
        func milliseconds(_ share: Double) -> JSONValue {
            histogram.quantile(share).map { .decimal($0 * 1_000, places: 3) } ?? .null
        }
        let values: JSONValue = [
            "count": .count(histogram.count), "p50": milliseconds(0.5), "p95": milliseconds(0.95),
            "p99": milliseconds(0.99),
        ]
        return (result.rawValue, values)
    }

    private static func tiers(_ cache: CacheStatistics, _ second: ResponseCache.TierHealth?) -> JSONValue {
        var tiers: [JSONValue] = [
            [
                "name": "memory", "state": "ok", "entries": .count(cache.memory.entries),
                "bytes": .count(cache.memory.bytes), "evictions": .count(cache.memory.evictions),
                "expirations": .count(cache.memory.expirations), "rejections": .count(cache.memory.rejections),
            ]
        ]
        if let second {
            tiers.append([
                "name": .string(second.tier.description),
                "state": second.isLeftAlone ? "left-alone" : second.isHeard ? "ok" : "unreachable",
                "failures": .count(cache.tierFailures), "skips": .count(cache.tierSkips),
                "breaker_openings": .count(cache.breakerOpenings), "reads_on_grace": .count(cache.readsOnGrace),
                "leases": .count(cache.leases), "lease_waits": .count(cache.leaseWaits),
            ])
        }
        return .array(tiers)
    }

    private static func purges(_ record: GenerationRecord) -> JSONValue {
        ["clock": .count(Int(clamping: record.clock)), "labels": .count(record.fields.count)]
    }

    private static func totals(_ table: [String: GatewayLedger.Totals]) -> JSONValue {
        let largest = table.sorted { ($1.value.requests, $0.key) < ($0.value.requests, $1.key) }.prefix(20)
        return .array(
            largest.map { name, totals in
                [
                    "name": .string(name), "requests": .count(totals.requests), "saved": .count(totals.saved),
                    "spent_usd": .decimal(totals.spentUSD, places: 6),
                    "saved_usd": .decimal(totals.savedUSD, places: 6),
                ]
            })
    }

    private static func series(_ buckets: [GatewayLedger.Bucket]) -> JSONValue {
        let names = GatewayLedger.Result.allCases.map { JSONValue.string($0.rawValue) }
        let seconds = GatewayLedger.bucketSeconds
        let rows = buckets.map { bucket -> JSONValue in
            let time = Timestamp(milliseconds: bucket.number * seconds * 1_000)
            return [
                "time": .string(time.rfc3339), "counts": .array(bucket.results.map { JSONValue.count($0) }),
                "spent_usd": .decimal(bucket.spentUSD, places: 6), "saved_usd": .decimal(bucket.savedUSD, places: 6),
            ]
        }
        return ["seconds": .count(Int(seconds)), "results": .array(names), "buckets": .array(rows)]
    }
}
