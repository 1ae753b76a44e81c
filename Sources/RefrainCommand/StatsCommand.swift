import ArgumentParser
import RefrainCore
import RefrainRedis

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain stats`: what a cache holds.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show what a running gateway, or a namespace of a Redis, holds.",
        discussion: """
            Of a gateway it shows what is in its memory, and what it has done since its start. In a Redis it looks at \
            every key, with SCAN: that takes a while on a large Redis, and holds up nobody.
            """)

    @OptionGroup var cache: CacheArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        switch try await self.cache.place(ProcessInfo.processInfo.environment) {
        case .gateway(let gateway): self.show(try await GatewaySummary(gateway))
        case .redis(let place): try await place.withStore { try await self.show($0, place.namespace) }
        }
    }

    private func show(_ summary: GatewaySummary) {
        if self.json { Terminal.print(summary.json) } else { summary.lines.forEach { Terminal.print($0) } }
    }

    private func show(_ store: RedisStore, _ namespace: String) async throws {
        let survey = try await store.survey()
        let record = store.generations.record
        if self.json {
            Terminal.print(
                JSONObject([
                    ("namespace", .string(namespace)), ("entries", .number(JSONNumber(survey.entries))),
                    ("bytes", .number(JSONNumber(survey.bytes))),
                    ("purge_clock", .number(JSONNumber(Int(clamping: record.clock)))),
                    ("purged_labels", .number(JSONNumber(record.fields.count))),
                ]))
        } else {
            Terminal.print("namespace      \(namespace)")
            Terminal.print("entries        \(survey.entries)")
            Terminal.print("bytes          \(survey.bytes)")
            Terminal.print("purges so far  \(record.clock)")
        }
    }
}
