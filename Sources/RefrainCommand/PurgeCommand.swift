import ArgumentParser
import RefrainCore
import RefrainKeys
import RefrainRedis

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain purge`: makes entries unreadable, for a gateway and whoever shares with it.
struct PurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Make entries unreadable, for every instance that shares them.",
        discussion: """
            It returns when the gateway has obeyed, and Redis, where there is one, has recorded the purge; instances \
            that reach Redis obey within two seconds. In Redis the bytes stay until they expire; --erase deletes them.

            Exit status: 0 done, 1 Redis has not recorded it, 2 bad usage.
            """)

    @Option(help: ArgumentHelp("Entries with this tag. May be given again.", valueName: "name"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("Entries of this model, as requested or as it answered.", valueName: "id"))
    var model: [String] = []

    @Option(help: ArgumentHelp("Entries of this version of yours.", valueName: "text"))
    var version: [String] = []

    @Option(help: ArgumentHelp("The entry under this key, as 64 hex digits. May be given again.", valueName: "key"))
    var key: [String] = []

    @Option(help: ArgumentHelp("Entries that are older.", valueName: "duration"))
    var olderThan: HumanDuration?

    @Flag(help: "All entries.")
    var all = false

    @Flag(help: "Delete the bytes of what may not be read any more from the Redis, too.")
    var erase = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var cache: CacheArguments

    func validate() throws {
        let named = self.tag + self.model + self.version + self.key
        guard self.all || self.olderThan != nil || !named.isEmpty || self.erase else {
            throw ValidationError("what? Name --tag, --model, --version, --key, --older-than or --all")
        }
        guard !self.erase || self.cache.gateway == nil else {
            throw ValidationError("--erase is for a Redis: name it with --redis")
        }
        for key in self.key where RequestKey(hex: key) == nil {
            throw ValidationError("--key \(key): a key has 64 hex digits")
        }
        for label in self.labels where label.description.utf8.count > Label.maximumBytes {
            throw ValidationError("a label has at most \(Label.maximumBytes) bytes, its kind included")
        }
    }

    private var labels: [Label] {
        self.tag.map(Label.tag) + self.model.map(Label.model) + self.version.map(Label.version)
    }

    func run() async throws {
        switch try await self.cache.place(ProcessInfo.processInfo.environment) {
        case .gateway(let gateway): try await self.purge(gateway)
        case .redis(let place): try await self.purge(place)
        }
    }

    // MARK: A Redis

    private func purge(_ place: RedisArguments.Place) async throws {
        var purges = self.labels.map(Purge.label) + self.key.compactMap { RequestKey(hex: $0) }.map(Purge.key)
        if let age = self.olderThan {
            purges.append(.before(TimeSource.system.now().advanced(by: .zero - age.duration)))
        }
        if self.all { purges.append(.all) }
        let asked = purges
        try await place.withStore { store in
            for purge in asked { try await store.purge(purge) }
            let erased = self.erase ? try await store.erase() : 0
            if self.json {
                Terminal.print(
                    JSONObject([
                        ("purges", .number(JSONNumber(asked.count))), ("erased", .number(JSONNumber(erased))),
                    ]))
            } else {
                Self.tell(asked.count, place.namespace)
                if self.erase { Terminal.print("erased \(erased) entr\(erased == 1 ? "y" : "ies")") }
            }
        }
    }

    private static func tell(_ count: Int, _ place: String) {
        Terminal.print("recorded \(count) purge\(count == 1 ? "" : "s") in \(place)")
    }

    // MARK: A gateway

    private func purge(_ gateway: GatewayClient) async throws {
        let answer = try await gateway.post("purge", self.order, expecting: [502])
        guard let count = answer.object["purges"]?.int else { throw gateway.isNoGateway(answer.status) }
        if self.json { Terminal.print(answer.object) } else { Self.tell(count, gateway.url) }
        guard answer.status == 200 else {
            Terminal.complain("the gateway at \(gateway.url): \(answer.object["message"]?.string ?? "not recorded")")
            throw ExitCode.failure
        }
    }

    /// What the gateway's API takes.
    private var order: JSONObject {
        var order = JSONObject()
        for (name, values) in [
            ("tags", self.tag), ("models", self.model), ("versions", self.version), ("keys", self.key),
        ] where !values.isEmpty {
            order[name] = .array(values.map(JSONValue.string))
        }
        if let olderThan { order["older_than"] = .string(olderThan.description) }
        if self.all { order["all"] = true }
        return order
    }
}
