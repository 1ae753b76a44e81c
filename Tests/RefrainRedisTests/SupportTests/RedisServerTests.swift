import Foundation
import NIOCore
import NIOSSL
import Testing

@Suite(.enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(1)))
struct RedisServerTests {
    @Test func startsAndLeavesNothing() async throws {
        var left: (server: RedisServer, pid: pid_t)?
        try await withRedisServer { server in
            #expect(server.url == "redis://127.0.0.1:\(server.port)")
            #expect(try await server.cli("SET", "key", "value") == "OK")
            #expect(try await server.cli("GET", "key") == "value")
            #expect(try await server.cli("GET", "other").isEmpty)
            #expect(try await server.cli("KEYS", "*") == "key")
            await #expect(throws: RedisServer.Refusal.self) { try await server.cli("LPUSH", "key", "1") }
            let client = try await WireConnection.connect(port: server.port)
            #expect(try await client.command(["GET", "key"]) == .bulk(Array("value".utf8)))
            #expect(try await server.info("process_id") == server.pid.map(String.init))
            left = (server, try #require(server.pid))
        }
        let (server, pid) = try #require(left)
        #expect(server.pid == nil)
        #expect(kill(pid, 0) != 0)
        #expect(!FileManager.default.fileExists(atPath: server.dataDirectory.deletingLastPathComponent().path))
        await #expect(throws: (any Error).self) { try await WireConnection.connect(port: server.port) }
    }

    @Test func isStoppedWhenTheBodyThrowsOrIsCancelled() async throws {
        struct Failure: Error {}
        let (servers, found) = AsyncStream.makeStream(of: RedisServer.self)
        await #expect(throws: Failure.self) {
            try await withRedisServer { server in
                found.yield(server)
                throw Failure()
            }
        }
        var iterator = servers.makeAsyncIterator()
        #expect(await iterator.next()?.pid == nil)
        let task = Task {
            try await withRedisServer { server in
                found.yield(server)
                try await Task.sleep(for: .seconds(1_000))
            }
        }
        let server = try #require(await iterator.next())
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(server.pid == nil)
    }

    @Test func aServerThatDoesNotStartSaysWhy() async throws {
        let failure = await #expect(throws: RedisServer.StartFailure.self) {
            try await withRedisServer(RedisServer.Options(configuration: ["no-such-directive yes"])) { _ in }
        }
        #expect(failure?.description.contains("no-such-directive") == true)
        await #expect(throws: RedisServer.NotInstalled.self) {
            try await withRedisServer(RedisServer.Options(binary: "no-such-server")) { _ in }
        }
    }

    @Test func freezesAndThaws() async throws {
        try await withRedisServer { server in
            let client = try await WireConnection.connect(port: server.port)
            #expect(try await client.command(["PING"]) == .simple("PONG"))
            server.freeze()
            try await client.send("*1\r\n$4\r\nPING\r\n")
            // The kernel still accepts for it.
            let other = try await WireConnection.connect(port: server.port)
            await #expect(throws: WireConnection.TooLate.self) {
                try await other.command(["PING"], within: .milliseconds(100))
            }
            #expect(try await client.pieces.count == 1)
            server.thaw()
            #expect(try await client.reply() == .simple("PONG"))
            server.freeze()
        }
    }

    @Test func isKilledAndStartsAgain() async throws {
        try await withRedisServer { server in
            let client = try await WireConnection.connect(port: server.port)
            let first = server.pid
            try await server.cli("SET", "key", "1")
            try await server.restart(.saved)
            #expect(try await client.end() == .finished)
            #expect(server.pid != first)
            #expect(try await server.cli("GET", "key") == "1")
            // What was last saved, not what was last there.
            try await server.cli("SET", "key", "2")
            await server.kill()
            await #expect(throws: (any Error).self) { try await server.cli("PING") }
            await #expect(throws: (any Error).self) { try await WireConnection.connect(port: server.port) }
            try await server.restart(.saved)
            #expect(try await server.cli("GET", "key") == "1")
            try await server.restart()
            #expect(try await server.cli("DBSIZE") == "0")
            let again = try await WireConnection.connect(port: server.port)
            #expect(try await again.command(["PING"]) == .simple("PONG"))
        }
    }

    @Test(.enabled(if: RedisServer.loadsSlowly, "a server can be made to load slowly from Redis 7 on"))
    func loadsSlowly() async throws {
        try await withRedisServer { server in
            for number in 0..<200 {
                try await server.cli("SET", "key-\(number)", String(repeating: "x", count: 1_000))
            }
            try await server.restart(.saved, loadingEachKeyIn: .milliseconds(5), until: .answering)
            let client = try await WireConnection.connect(port: server.port)
            let reply = try await client.command(["GET", "key-1"])
            #expect(reply.text.hasPrefix("LOADING"))
            try await server.waitUntil(.serving)
            #expect(try await server.cli("DBSIZE") == "200")
        }
    }

    @Test func tellsItsClients() async throws {
        try await withRedisServer { server in
            #expect(try await server.clients().isEmpty)
            let client = try await WireConnection.connect(port: server.port)
            _ = try await client.command(["CLIENT", "SETNAME", "reader"])
            let subscriber = try await WireConnection.connect(port: server.port)
            _ = try await subscriber.command(["SUBSCRIBE", "channel"])
            #expect(try await server.clients().map(\.port) == [client.localPort, subscriber.localPort])
            #expect(try await server.clients(type: "normal").map(\.name) == ["reader"])
            let found = try #require(try await server.clients(type: "pubsub").first)
            #expect(found.port == subscriber.localPort && found.flags.contains("P"))
            try await server.cli("CLIENT", "KILL", "ID", String(found.id))
            #expect(try await subscriber.end() == .finished)
        }
    }
}
