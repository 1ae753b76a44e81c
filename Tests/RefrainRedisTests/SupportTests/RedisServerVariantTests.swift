import Foundation
import NIOCore
import NIOSSL
import Testing

@Suite(.enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(1)))
struct RedisServerVariantTests {
    @Test func asksForAPassword() async throws {
        try await withRedisServer(RedisServer.Options(password: "secret")) { server in
            #expect(server.url == "redis://:secret@127.0.0.1:\(server.port)")
            let client = try await WireConnection.connect(port: server.port)
            #expect(try await client.command(["GET", "key"]).text.hasPrefix("NOAUTH"))
            #expect(try await client.command(["AUTH", "wrong"]).text.hasPrefix("WRONGPASS"))
            #expect(try await client.command(["AUTH", "secret"]) == .simple("OK"))
            #expect(try await client.command(["GET", "key"]) == .bulk(nil))
            // Another password, and all connections that know only the old one gone (F10).
            try await server.cli("CONFIG", "SET", "requirepass", "other")
            try await server.cli("CLIENT", "KILL", "USER", "default")
            #expect(try await client.end() == .finished)
            let again = try await WireConnection.connect(port: server.port)
            #expect(try await again.command(["AUTH", "secret"]).text.hasPrefix("WRONGPASS"))
            #expect(try await server.cli("PING") == "PONG")
        }
    }

    @Test func hasAUserWithFewRights() async throws {
        let user = RedisServer.Options.User(
            name: "refrain", password: "secret", rights: ["~refrain:*", "+get", "+set", "+ping"])
        try await withRedisServer(RedisServer.Options(user: user)) { server in
            #expect(server.url == "redis://refrain:secret@127.0.0.1:\(server.port)")
            let client = try await WireConnection.connect(port: server.port)
            #expect(try await client.command(["PING"]).text.hasPrefix("NOAUTH"))
            #expect(try await client.command(["AUTH", "refrain", "secret"]) == .simple("OK"))
            #expect(try await client.command(["SET", "refrain:1", "x"]) == .simple("OK"))
            #expect(try await client.command(["GET", "other"]).text.hasPrefix("NOPERM"))
            #expect(try await client.command(["FLUSHALL"]).text.hasPrefix("NOPERM"))
            #expect(try await server.cli("KEYS", "*") == "refrain:1")
        }
    }

    @Test func hasASocketOnly() async throws {
        try await withRedisServer(RedisServer.Options(listening: .unixSocket)) { server in
            #expect(server.url == "unix://\(server.socketPath)")
            let client = try await WireConnection.connect(path: server.socketPath)
            #expect(try await client.command(["PING"]) == .simple("PONG"))
            try await withFaultProxy(to: .unixSocket(server.socketPath)) { proxy in
                let client = try await WireConnection.connect(port: proxy.port)
                #expect(try await client.command(["PING"]) == .simple("PONG"))
            }
            await client.close()
            try await server.restart()
            #expect(try await server.cli("PING") == "PONG")
        }
    }

    @Test(.enabled(if: RedisServer.isTLSAvailable, "needs openssl"))
    func speaksTLS() async throws {
        let certificates = try await RedisCertificates.make()
        try await withRedisServer(RedisServer.Options(listening: .tls(certificates))) { server in
            #expect(server.url == "rediss://127.0.0.1:\(server.port)")
            let trusting = try certificates.client(showingCertificate: false)
            let client = try await WireConnection.connect(port: server.port, tls: trusting, serverName: "localhost")
            #expect(try await client.command(["PING"]) == .simple("PONG"))
            let byAddress = try await WireConnection.connect(port: server.port, tls: trusting)
            #expect(try await byAddress.command(["PING"]) == .simple("PONG"))
            let distrusting = try await WireConnection.connect(
                port: server.port, tls: .makeClientConfiguration(), serverName: "localhost")
            await #expect(throws: NIOSSLError.self) { try await distrusting.command(["PING"]) }
            let plain = try await WireConnection.connect(port: server.port)
            await #expect(throws: (any Error).self) { try await plain.command(["PING"]) }
            // A proxy carries it, in slices too.
            try await withFaultProxy(to: server.port) { proxy in
                try await proxy.set(.slice(1...7))
                let client = try await WireConnection.connect(port: proxy.port, tls: trusting, serverName: "localhost")
                #expect(try await client.command(["PING"]) == .simple("PONG"))
            }
        }
    }

    @Test(.enabled(if: RedisServer.isTLSAvailable, "needs openssl"))
    func asksForACertificate() async throws {
        let certificates = try await RedisCertificates.make()
        let options = RedisServer.Options(listening: .tls(certificates, clientAuthentication: .yes))
        try await withRedisServer(options) { server in
            let client = try await WireConnection.connect(
                port: server.port, tls: certificates.client(), serverName: "localhost")
            #expect(try await client.command(["PING"]) == .simple("PONG"))
            let nameless = try await WireConnection.connect(
                port: server.port, tls: certificates.client(showingCertificate: false), serverName: "localhost")
            await #expect(throws: (any Error).self) { try await nameless.command(["PING"]) }
        }
    }

    @Test(.enabled(if: RedisServer.isTLSAvailable, "needs openssl"))
    func hasACertificateForAnotherHost() async throws {
        let certificates = try await RedisCertificates.make(for: ["elsewhere.example"])
        try await withRedisServer(RedisServer.Options(listening: .tls(certificates))) { server in
            let client = try await WireConnection.connect(
                port: server.port, tls: certificates.client(), serverName: "localhost")
            await #expect(throws: NIOSSLExtraError.self) { try await client.command(["PING"]) }
        }
    }

    @Test func runsOutOfMemory() async throws {
        let options = RedisServer.Options(configuration: ["maxmemory 1mb", "maxmemory-policy noeviction"])
        try await withRedisServer(options) { server in
            let client = try await WireConnection.connect(port: server.port)
            let value = String(repeating: "x", count: 100_000)
            let replies = try await client.pipeline((0..<20).map { ["SET", "key-\($0)", value] })
            #expect(replies.last?.text.hasPrefix("OOM") == true)
            try await server.cli("CONFIG", "SET", "maxmemory", "0")
            #expect(try await client.command(["SET", "key", "value"]) == .simple("OK"))
        }
    }

    @Test func refusesClients() async throws {
        try await withRedisServer(RedisServer.Options(configuration: ["maxclients 2"])) { server in
            try await server.cli("PING")
            let first = try await WireConnection.connect(port: server.port)
            #expect(try await first.command(["PING"]) == .simple("PONG"))
            let second = try await WireConnection.connect(port: server.port)
            #expect(try await second.reply() == .error("ERR max number of clients reached"))
            await first.close()
        }
    }

    @Test func refusesWrites() async throws {
        try await withRedisServer { server in
            let client = try await WireConnection.connect(port: server.port)
            try await server.cli("REPLICAOF", "127.0.0.1", "1")
            #expect(try await client.command(["SET", "key", "1"]).text.hasPrefix("READONLY"))
            try await server.cli("REPLICAOF", "NO", "ONE")
            try await server.cli("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try await client.command(["SET", "key", "1"]).text.hasPrefix("NOREPLICAS"))
            try await server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            try await server.breakSnapshots()
            #expect(try await client.command(["SET", "key", "1"]).text.hasPrefix("MISCONF"))
            try await server.repairSnapshots()
            #expect(try await client.command(["SET", "key", "1"]) == .simple("OK"))
            try await server.restart()
            #expect(try await server.cli("DBSIZE") == "0")
        }
    }

    @Test func isBusy() async throws {
        try await withRedisServer(RedisServer.Options(configuration: ["lua-time-limit 10"])) { server in
            // For a script that has not written, and only such a one can be killed.
            let looping = try await server.connect()
            try await looping.send("*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n")
            let client = try await WireConnection.connect(port: server.port)
            var reply = try await client.command(["GET", "key"])
            // Until the script has begun, and has had its time, it is served.
            while reply == .bulk(nil) { reply = try await client.command(["GET", "key"]) }
            #expect(reply.text.hasPrefix("BUSY"))
            try await server.cli("SCRIPT", "KILL")
            #expect(try await looping.reply().text.contains("killed"))
            #expect(try await client.command(["GET", "key"]) == .bulk(nil))
        }
    }

    @Test func sleepsAndPauses() async throws {
        try await withRedisServer(RedisServer.Options(allowsDebug: true)) { server in
            let client = try await WireConnection.connect(port: server.port)
            let begin = ContinuousClock.now
            #expect(try await server.connect().command(["DEBUG", "SLEEP", "0.05"]) == .simple("OK"))
            #expect(ContinuousClock.now - begin >= .milliseconds(50))
            try await server.cli("CLIENT", "PAUSE", "50", "ALL")
            #expect(try await client.command(["PING"]) == .simple("PONG"))
            #expect(ContinuousClock.now - begin >= .milliseconds(100))
        }
    }
}
