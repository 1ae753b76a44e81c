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
        discussion: """
            A gateway looks in its memory, and then in the Redis that it uses. Exit status: 0 there is an entry that may \
            be read, 1 there is none.
            """)

    @Argument(help: "The key, as 64 hex digits: see refrain key --scope, or an answer's x-refrain-key.")
    var key: String

    @OptionGroup var cache: CacheArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        guard let key = RequestKey(hex: self.key) else { throw ValidationError("a key has 64 hex digits") }
        switch try await self.cache.place(ProcessInfo.processInfo.environment) {
        case .gateway(let gateway): try self.show(try await Self.entry(key, gateway))
        case .redis(let place): try await place.withStore { try self.show(try await Self.entry(key, $0)) }
        }
    }

    private func show(_ entry: JSONObject?) throws {
        guard let entry else {
            Terminal.complain("nothing that may be read is stored under the key")
            throw ExitCode.failure
        }
        guard !self.json else { return Terminal.print(entry) }
        func number(_ name: String) -> Int { entry[name]?.int ?? 0 }
        func text(_ name: String) -> String { entry[name]?.string ?? "" }
        let labels = (entry["labels"]?.array ?? []).compactMap(\.string)
        if let tier = entry["tier"]?.string { Terminal.print("tier     \(tier)") }
        Terminal.print("age      \(number("age_seconds")) s, fresh for \(number("fresh_for_seconds")) s")
        Terminal.print("model    \(text("requested_model")), answered by \(text("answering_model"))")
        Terminal.print("tokens   \(number("input_tokens")) in, \(number("output_tokens")) out")
        Terminal.print("bytes    \(number("bytes"))")
        Terminal.print("labels   \(labels.joined(separator: ", "))")
    }

    /// What a gateway has under a key, in the words of its API; nil where it has nothing that may be read.
    private static func entry(_ key: RequestKey, _ gateway: GatewayClient) async throws -> JSONObject? {
        let answer = try await gateway.get("entries/" + key.hex, expecting: [404])
        let object = JSONValue.object(answer.object)
        if answer.status == 404, object["error"]?["details"]?["error_code"]?.string == "no_entry" { return nil }
        guard answer.status == 200, object["key"]?.string == key.hex else { throw gateway.isNoGateway(answer.status) }
        return answer.object
    }

    /// What a Redis has under a key; nil where it has nothing that may be read.
    private static func entry(_ key: RequestKey, _ store: RedisStore) async throws -> JSONObject? {
        guard let envelope = try await store.get(key) else { return nil }
        let now = TimeSource.system.now()
        let details = envelope.details
        return JSONObject([
            ("key", .string(key.hex)), ("age_seconds", Self.seconds(now.since(envelope.created))),
            ("fresh_for_seconds", Self.seconds(envelope.freshUntil.since(now))),
            ("requested_model", .string(details.requestedModel)),
            ("answering_model", .string(details.answeringModel)),
            ("input_tokens", .number(JSONNumber(details.usage.inputTokens))),
            ("output_tokens", .number(JSONNumber(details.usage.outputTokens))),
            ("bytes", .number(JSONNumber(envelope.body.count))),
            ("labels", .array(envelope.labels.map { .string($0.description) })),
        ])
    }

    private static func seconds(_ duration: Duration) -> JSONValue {
        .number(JSONNumber(Int(clamping: duration.components.seconds)))
    }
}
