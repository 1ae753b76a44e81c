import NIOCore
import RefrainCore
import Testing

@testable import RefrainRedis

@Suite("RedisHandshake")
struct RedisHandshakeTests {
    private static func handshake(_ url: String) throws -> RedisHandshake {
        RedisHandshake(try RedisConfiguration(url: url))
    }

    /// The commands as they are written, a line each.
    private static func commands(_ url: String) throws -> [String] {
        try Self.handshake(url).commands.map { command in
            var buffer = ByteBuffer()
            command.write(into: &buffer)
            let lines = String(buffer: buffer).split(separator: "\r\n", omittingEmptySubsequences: false).dropFirst()
            return lines.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }.joined(separator: " ")
        }
    }

    private static func outcome(_ url: String, _ replies: RESPValue...) throws -> String {
        var handshake = try Self.handshake(url)
        for reply in replies {
            switch handshake.received(reply) {
            case .wait: continue
            case .ready: return "ready"
            case .fail(let error): return "\(error)"
            }
        }
        return "waiting"
    }

    private static let ok = RESPValue.simple("OK")
    private static let all = "redis://user:pw@h/2"

    @Test("What is said, in order, and never HELLO")
    func commands() throws {
        #expect(try Self.commands("redis://h") == ["CLIENT SETNAME refrain"])
        #expect(try Self.commands("redis://:pw@h") == ["AUTH pw", "CLIENT SETNAME refrain"])
        #expect(try Self.commands(Self.all) == ["AUTH user pw", "CLIENT SETNAME refrain", "SELECT 2"])
        #expect(try Self.commands("redis://user@h?client-name=") == ["AUTH user "])
        #expect(try Self.commands("redis://h?client-name=") == ["PING"])
    }

    @Test("It is ready after the last answer, not before")
    func ready() throws {
        #expect(try Self.outcome(Self.all, Self.ok, Self.ok) == "waiting")
        #expect(try Self.outcome(Self.all, Self.ok, Self.ok, Self.ok) == "ready")
        #expect(try Self.outcome("redis://h?client-name=", .simple("PONG")) == "ready")
    }

    @Test("A name that may not be set is none; the rest goes on")
    func nameRefused() throws {
        #expect(try Self.outcome("redis://h", .error("NOPERM no permissions")) == "ready")
        #expect(try Self.outcome("redis://h", .error("ERR unknown command 'CLIENT'")) == "ready")
        #expect(try Self.outcome(Self.all, Self.ok, .error("NOPERM x"), Self.ok) == "ready")
        #expect(try Self.outcome("redis://h?client-name=", .error("NOPERM x")) == "ready")
    }

    @Test(
        "What is refused, and why",
        arguments: [
            ("WRONGPASS invalid username-password pair or user is disabled.", "refused: wrong user name or password"),
            ("ERR invalid password", "refused: wrong user name or password"),
            (
                "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
                "refused: a password is configured, but the server has none for the default user"
            ),
            (
                "ERR Client sent AUTH, but no password is set",
                "refused: a password is configured, but the server has none for the default user"
            ),
            ("ERR unknown command `AUTH`, with args beginning with: `pw`", "refused: the server refused AUTH"),
            ("NOPERM x", "refused: the server refused AUTH"),
            (
                "DENIED Redis is running in protected mode",
                "refused: the server is in protected mode: it wants a password or a bind"
            ),
            ("LOADING Redis is loading the dataset in memory", "unavailable: the server is loading its data"),
            ("MASTERDOWN Link with MASTER is down", "unavailable: the server is a replica without its master"),
            ("ERR max number of clients reached", "unavailable: the server takes no more connections"),
        ])
    func authentication(_ text: String, failure: String) throws {
        #expect(try Self.outcome(Self.all, .error(text)) == failure)
        #expect(!failure.contains("pw"))
    }

    @Test("A password that is asked for, a server that is loading, a database that does not exist")
    func others() throws {
        let asked = RESPValue.error("NOAUTH Authentication required.")
        #expect(try Self.outcome("redis://h", asked) == "refused: the server asks for a password")
        #expect(try Self.outcome("redis://h?client-name=", asked) == "refused: the server asks for a password")
        #expect(
            try Self.outcome("redis://h", .error("LOADING x")) == "unavailable: the server is loading its data")
        #expect(
            try Self.outcome("redis://h/99", Self.ok, .error("ERR DB index is out of range"))
                == "refused: no such database: 99")
        #expect(
            try Self.outcome("redis://h/9", Self.ok, .error("NOPERM x")) == "refused: no permission for SELECT")
    }

    @Test("An answer of another kind, or one too many, is no Redis")
    func nonsense() throws {
        for reply in [RESPValue.integer(1), .bulk([1]), .bulk(nil), .array([]), .array(nil)] {
            #expect(try Self.outcome("redis://h", reply).hasPrefix("corrupt"))
        }
        var handshake = try Self.handshake("redis://h")
        _ = handshake.received(Self.ok)
        guard case .fail(let error) = handshake.received(Self.ok) else { Issue.record("took one too many"); return }
        #expect(error.code == .corrupt)
    }
}
