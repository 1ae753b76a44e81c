import ArgumentParser
import RefrainCore
import RefrainKeys
import RefrainRedis

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain inspect`: what is stored under a key, without its content.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what is stored under a key, without its content.",
        discussion: "Exit status: 0 there is an entry that may be read, 1 there is none.")

    @Argument(help: "The key, as 64 hex digits: see refrain key --scope.")
    var key: String

    @OptionGroup var redis: RedisArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        guard let key = RequestKey(hex: self.key) else { throw ValidationError("a key has 64 hex digits") }
        let place = try await self.redis.requiredPlace(
            config: nil, environment: ProcessInfo.processInfo.environment)
        try await place.withStore { store in
            guard let envelope = try await store.get(key) else {
                Terminal.complain("nothing that may be read is stored under the key")
                throw ExitCode.failure
            }
            let now = TimeSource.system.now()
            let age = Freshness.seconds(since: envelope.created, at: now)
            let left = -Freshness.seconds(since: envelope.freshUntil, at: now)
            let details = envelope.details
            if self.json {
                Terminal.print(
                    JSONObject([
                        ("key", .string(key.hex)), ("age_seconds", .number(JSONNumber(age))),
                        ("fresh_for_seconds", .number(JSONNumber(left))),
                        ("requested_model", .string(details.requestedModel)),
                        ("answering_model", .string(details.answeringModel)),
                        ("input_tokens", .number(JSONNumber(details.usage.inputTokens))),
                        ("output_tokens", .number(JSONNumber(details.usage.outputTokens))),
                        ("bytes", .number(JSONNumber(envelope.body.count))),
                        ("labels", .array(envelope.labels.map { .string($0.description) })),
                    ]))
            } else {
                Terminal.print("age      \(age) s, fresh for \(left) s")
                Terminal.print("model    \(details.requestedModel), answered by \(details.answeringModel)")
                Terminal.print("tokens   \(details.usage.inputTokens) in, \(details.usage.outputTokens) out")
                Terminal.print("bytes    \(envelope.body.count)")
                Terminal.print("labels   \(envelope.labels.map(\.description).joined(separator: ", "))")
            }
        }
    }

    /// Differences of moments, as whole seconds.
    private enum Freshness {
        static func seconds(since moment: Timestamp, at now: Timestamp) -> Int {
            Int(clamping: now.since(moment).components.seconds)
        }
    }
}
