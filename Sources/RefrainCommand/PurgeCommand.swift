import ArgumentParser
import RefrainCore
import RefrainKeys
import RefrainRedis

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `refrain purge`: makes entries of a namespace unreadable, everywhere.
struct PurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Make entries of a namespace unreadable, for every instance that shares it.",
        discussion: """
            It returns when Redis has recorded the purge; instances that reach Redis obey within two seconds. The bytes \
            stay until they expire; --erase deletes them.
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

    @Flag(help: "All entries of the namespace.")
    var all = false

    @Flag(help: "Delete the bytes of what may not be read any more, too.")
    var erase = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var redis: RedisArguments

    func validate() throws {
        let named = self.tag + self.model + self.version + self.key
        guard self.all || self.olderThan != nil || !named.isEmpty || self.erase else {
            throw ValidationError("what? Name --tag, --model, --version, --key, --older-than or --all")
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
        let place = try await self.redis.requiredPlace(
            config: nil, environment: ProcessInfo.processInfo.environment)
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
                Terminal.print("recorded \(asked.count) purge\(asked.count == 1 ? "" : "s") in \(place.namespace)")
                if self.erase { Terminal.print("erased \(erased) entr\(erased == 1 ? "y" : "ies")") }
            }
        }
    }
}
