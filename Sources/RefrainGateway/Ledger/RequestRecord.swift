import RefrainCore
import RefrainKeys

/// What became of one request of `/v1/messages`: all that is counted, logged and shown of it. No content is in it.
struct RequestRecord: Sendable {
    /// How a request was answered.
    enum Result: String, Sendable, CaseIterable {
        case hitMemory = "hit-memory"
        case hitRedis = "hit-redis"
        case hitDisk = "hit-disk"
        case joined, stale, miss, bypass
        /// Nothing was answered but an error: the gateway's own, or upstream's.
        case error
        // What an observing gateway sends upstream, by what a cache would have done.
        case observedHit = "observed-hit"
        case observedJoin = "observed-join"
        case observedMiss = "observed-miss"

        init(_ status: CacheStatus) {
            switch status {
            case .hit(.memory, _): self = .hitMemory
            case .hit(.redis, _): self = .hitRedis
            case .hit: self = .hitDisk
            case .joined: self = .joined
            case .stale: self = .stale
            case .miss: self = .miss
            case .bypassed(.observedHit): self = .observedHit
            case .bypassed(.observedJoin): self = .observedJoin
            case .bypassed(.observedMiss): self = .observedMiss
            case .bypassed: self = .bypass
            }
        }

        /// Whether no call was paid for.
        var isSaved: Bool {
            switch self {
            case .hitMemory, .hitRedis, .hitDisk, .joined, .stale: true
            case .miss, .bypass, .error, .observedHit, .observedJoin, .observedMiss: false
            }
        }

        /// Whether no call would have been paid for, had the gateway not observed only.
        var wouldBeSaved: Bool { self == .observedHit || self == .observedJoin }
    }

    /// When the request came.
    var time: Timestamp
    /// The request's key; nil where it has none.
    var key: RequestKey?
    /// Whose answers it shares; nil where that is not known.
    var scope: String?
    /// The model that was asked for; empty where there is none.
    var model = ""
    /// The tags that the request named.
    var tags: [String] = []
    var isStreaming = false
    var requestBytes = 0
    var responseBytes = 0
    /// The HTTP status of the answer.
    var status = 200
    var result = Result.error
    /// Why it was not answered from a store, or with an error.
    var reason: String?
    /// The id that an error was given, by upstream or by the gateway; nil for anything else.
    var requestID: String?
    /// The tokens of the answer; nil where they are not known.
    var usage: Usage?
    /// US dollars paid; nil where that is not known.
    var spent: Double?
    /// US dollars not paid, at least; nil where that is not known.
    var saved: Double?
    /// US dollars that a cache would not have paid, at least, where it is observed only; nil where that is not known.
    var wouldSave: Double?
    /// From the request's last byte to the answer's last byte, in nanoseconds.
    var nanoseconds: UInt64 = 0
    /// How much longer the upstream call took that this answer comes from, in milliseconds.
    var millisecondsSaved: Int = 0

    init(time: Timestamp) { self.time = time }

    /// The record as a line of the request log, and as an entry of the dashboard: see `docs/gateway.md`.
    var json: JSONObject {
        func count(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        var members: [(String, JSONValue)] = [
            ("time", .string(self.time.rfc3339WithMilliseconds)), ("key", self.key.map { .string($0.hex) } ?? .null),
            ("scope", self.scope.map(JSONValue.string) ?? .null), ("model", .string(self.model)),
            ("stream", .bool(self.isStreaming)), ("status", count(self.status)),
            ("result", .string(self.result.rawValue)), ("reason", self.reason.map(JSONValue.string) ?? .null),
            ("latency_ms", .decimal(Double(self.nanoseconds) / 1e6, places: 3)),
            ("request_bytes", count(self.requestBytes)), ("response_bytes", count(self.responseBytes)),
        ]
        if let usage {
            members += [
                ("input_tokens", count(usage.inputTokens)), ("output_tokens", count(usage.outputTokens)),
                ("cache_read_tokens", count(usage.cacheReadTokens)),
                ("cache_write_5m_tokens", count(usage.cacheWrite5mTokens)),
                ("cache_write_1h_tokens", count(usage.cacheWrite1hTokens)),
            ]
        }
        members += [
            ("spent_usd", self.spent.map { .decimal($0, places: 8) } ?? .null),
            ("saved_usd", self.saved.map { .decimal($0, places: 8) } ?? .null),
            ("saved_ms", count(self.millisecondsSaved)),
        ]
        if let wouldSave { members.append(("would_save_usd", .decimal(wouldSave, places: 8))) }
        if let requestID { members.append(("request_id", .string(requestID))) }
        if !self.tags.isEmpty { members.append(("tags", .array(self.tags.map(JSONValue.string)))) }
        return JSONObject(members)
    }
}
