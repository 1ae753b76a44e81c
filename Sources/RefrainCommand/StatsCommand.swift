import ArgumentParser
import RefrainCore
import RefrainRedis

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain stats`: what a namespace holds.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show what a namespace of a Redis holds.",
        discussion: "It looks at every key, with SCAN: that takes a while on a large Redis, and holds up nobody.")

    @OptionGroup var redis: RedisArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let place = try await self.redis.requiredPlace(
            config: nil, environment: ProcessInfo.processInfo.environment)
        try await place.withStore { store in
            let survey = try await store.survey()
            let record = store.generations.record
            if self.json {
                Terminal.print(
                    JSONObject([
                        ("namespace", .string(place.namespace)), ("entries", .number(JSONNumber(survey.entries))),
                        ("bytes", .number(JSONNumber(survey.bytes))),
                        ("purge_clock", .number(JSONNumber(Int(clamping: record.clock)))),
                        ("purged_labels", .number(JSONNumber(record.fields.count))),
                    ]))
            } else {
                Terminal.print("namespace      \(place.namespace)")
                Terminal.print("entries        \(survey.entries)")
                Terminal.print("bytes          \(survey.bytes)")
                Terminal.print("purges so far  \(record.clock)")
            }
        }
    }
}
