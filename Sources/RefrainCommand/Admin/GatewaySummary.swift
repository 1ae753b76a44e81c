import RefrainCore

/// What `refrain stats` shows of a gateway: the few numbers of its report that an operator looks for first.
struct GatewaySummary: Sendable {
    let json: JSONObject
    private let url: String

    /// Asks the gateway.
    init(_ gateway: GatewayClient) async throws {
        let report = JSONValue.object(try await gateway.get("stats").object)
        guard let memory = report["tiers"]?[0], let mode = report["gateway"]?["mode"] else {
            throw gateway.isNoGateway(200)
        }
        func number(_ value: JSONValue?) -> JSONValue { value ?? .null }
        var tiers = JSONObject()
        for tier in report["tiers"]?.array ?? [] { tiers[tier["name"]?.string ?? ""] = tier["state"] }
        self.url = gateway.url
        self.json = [
            "gateway": .string(gateway.url), "entries": number(memory["entries"]), "bytes": number(memory["bytes"]),
            "purge_clock": number(report["purges"]?["clock"]), "purged_labels": number(report["purges"]?["labels"]),
            "mode": mode, "upstream": number(report["gateway"]?["upstream"]),
            "uptime_seconds": number(report["gateway"]?["uptime_seconds"]), "tiers": .object(tiers),
            "requests": number(report["requests"]), "results": number(report["results"]),
            "upstream_calls": number(report["upstream"]?["calls"]),
            "spent_usd": number(report["money"]?["spent_usd"]), "saved_usd": number(report["money"]?["saved_usd"]),
        ]
    }

    /// The numbers, for a person.
    var lines: [String] {
        func count(_ name: String) -> String { self.json[name]?.int.map(String.init) ?? "not known" }
        func dollars(_ name: String) -> String {
            self.json[name]?.double.map { "$" + $0.text(places: 4) } ?? "not known"
        }
        let results = (self.json["results"]?.object?.members ?? []).filter { $0.value.int != 0 }
            .map { ", \($0.value.int ?? 0) \($0.name)" }
        let tiers = (self.json["tiers"]?.object?.members ?? []).map { "\($0.name) \($0.value.string ?? "")" }
        let uptime = Duration.seconds(self.json["uptime_seconds"]?.int ?? 0).text
        return [
            "gateway        \(self.url), mode \(self.json["mode"]?.string ?? ""), up \(uptime)",
            "upstream       \(self.json["upstream"]?.string ?? "")",
            "tiers          \(tiers.joined(separator: ", "))",
            "entries        \(count("entries")) in memory",
            "bytes          \(count("bytes"))",
            "purges so far  \(count("purge_clock"))",
            "requests       \(count("requests"))\(results.joined())",
            "calls          \(count("upstream_calls")) of upstream",
            "spent          \(dollars("spent_usd")), saved \(dollars("saved_usd"))",
        ]
    }
}
