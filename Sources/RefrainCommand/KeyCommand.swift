import ArgumentParser
import RefrainCore
import RefrainKeys

/// `refrain key`: the key of a request body.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Print the cache key of a request body.",
        discussion: """
            Two requests with the same key share an answer. Without --scope the key is one that nothing is stored under, \
            good for comparing. A body that cannot be keyed is not cached either: the reason is printed, and the exit \
            status is 1.
            """)

    @Argument(help: "The file that holds the body, - for standard input.")
    var file = "-"

    @Flag(help: "Print what is hashed instead of the hash.")
    var canonical = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var key: KeyArguments

    func run() async throws {
        let body = try CommandInput.read(self.file)
        let deriver = KeyDeriver(self.key.context)
        switch deriver.derive(body) {
        case .bypass(let reason):
            if self.json {
                Terminal.print(
                    JSONObject([
                        ("key", .null), ("reason", .string(reason.code.description)),
                        ("detail", .string(reason.detail)),
                    ]))
            } else {
                Terminal.complain("not cached, \(reason)")
            }
            throw ExitCode.failure
        case .key(let keyed):
            let canonical = self.canonical ? try deriver.canonical(body) : nil
            if self.json {
                var object = JSONObject([
                    ("key", .string(keyed.key.hex)),
                    ("scope", self.key.scope == nil ? .null : .string(self.key.context.scope.fingerprint)),
                ])
                if let canonical { object["canonical"] = .string(String(decoding: canonical, as: UTF8.self)) }
                Terminal.print(object)
            } else if let canonical {
                Terminal.write(canonical + [UInt8(ascii: "\n")])
            } else {
                Terminal.print(keyed.key.hex)
            }
            if self.key.scope == nil {
                Terminal.complain("unscoped: nothing is stored under this key; --scope NAME gives the one that is")
            }
        }
    }
}
