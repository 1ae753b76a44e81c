import RefrainCore

/// What a new connection says before it carries commands, as a value: who it is, what it is called, which database.
///
/// All of it is sent at once. The database is asked for before anything else is, since a command in another one would read
/// and write where it should not. `HELLO` is never sent: it would change the protocol.
struct RedisHandshake {
    /// A command of the handshake.
    enum Step: Hashable {
        case authenticate, setName, selectDatabase
        /// Where nothing else is asked: proves that something answers.
        case ping
    }

    /// What is to be done after a reply.
    enum Action {
        /// Wait for the next one.
        case wait
        /// The connection is ready.
        case ready
        /// It is of no use.
        case fail(StoreError)
    }

    /// The commands, to be written together.
    let commands: [RESPCommand]
    private let database: Int
    private var awaited: ArraySlice<Step>

    init(_ configuration: RedisConfiguration) {
        var steps: [Step] = []
        var commands: [RESPCommand] = []
        if configuration.username != nil || configuration.password != nil {
            steps.append(.authenticate)
            let user = configuration.username.map { [RESPArgument.text($0)] } ?? []
            commands.append(RESPCommand([.text("AUTH")] + user + [.text(configuration.password ?? "")]))
        }
        if !configuration.clientName.isEmpty {
            steps.append(.setName)
            commands.append(RESPCommand(.text("CLIENT"), .text("SETNAME"), .text(configuration.clientName)))
        }
        if configuration.database != 0 {
            steps.append(.selectDatabase)
            commands.append(RESPCommand(.text("SELECT"), .integer(Int64(configuration.database))))
        }
        if steps.isEmpty {
            steps.append(.ping)
            commands.append(RESPCommand(.text("PING")))
        }
        self.commands = commands
        self.database = configuration.database
        self.awaited = steps[...]
    }

    /// A reply has come.
    mutating func received(_ reply: RESPValue) -> Action {
        guard let step = self.awaited.popFirst() else {
            return .fail(StoreError(.corrupt, "the server sent a reply to no command"))
        }
        switch reply {
        case .error(let text):
            if let error = Self.failure(of: step, text, database: self.database) { return .fail(error) }
        case .simple:
            break
        case .integer, .bulk, .array:
            return .fail(StoreError(.corrupt, "the server answered the handshake with what cannot be right"))
        }
        return self.awaited.isEmpty ? .ready : .wait
    }

    /// What an error reply means. The server's own text is not repeated: it may quote the command's arguments.
    private static func failure(of step: Step, _ text: String, database: Int) -> StoreError? {
        let code = text.prefix { $0 != " " }
        switch code {
        case "NOAUTH": return StoreError(.refused, "the server asks for a password")
        case "DENIED": return StoreError(.refused, "the server is in protected mode: it wants a password or a bind")
        case "LOADING": return StoreError(.unavailable, "the server is loading its data")
        case "MASTERDOWN": return StoreError(.unavailable, "the server is a replica without its master")
        case "ERR" where text.contains("max number of clients"):
            return StoreError(.unavailable, "the server takes no more connections")
        default: break
        }
        switch step {
        case .authenticate:
            if code == "WRONGPASS" || text.contains("invalid password") {
                return StoreError(.refused, "wrong user name or password")
            }
            if text.contains("without any password") || text.contains("no password is set") {
                return StoreError(.refused, "a password is configured, but the server has none for the default user")
            }
            return StoreError(.refused, "the server refused AUTH")
        case .selectDatabase:
            if code == "NOPERM" { return StoreError(.refused, "no permission for SELECT") }
            return StoreError(.refused, "no such database: \(database)")
        case .setName, .ping:
            // An access-control list may forbid either. What matters is that something answered.
            return nil
        }
    }
}
