import Logging
import NIOCore
import RefrainCore
import Testing

@testable import RefrainRedis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The client against a real server, in each way that one is reached.
@Suite("RedisClient and a server", .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(2)))
struct RealServerTests {
    private static func works(_ client: RedisClient) async throws {
        let value = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        try await client.expect(RESPCommand(.text("SET"), .text("key"), .bytes(value)), gives: .simple("OK"))
        try await client.expect(.words("GET", "key"), gives: .bulk(value))
        try await client.expect(.words("GET", "key"), lane: .bulk, gives: .bulk(value))
        try await client.expect(.words("GET", "none"), gives: .bulk(nil))
    }

    @Test("A plain server: values of any bytes, errors as replies, its connections under their name")
    func plain() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url) { client in
                try await client.verify()
                try await Self.works(client)
                #expect(try await client.send(.words("LPUSH", "key", "x")).errorCode == "WRONGTYPE")
                #expect(try await client.send([]) == [])
                let replies = try await client.send([.words("INCR", "n"), .words("NOPE"), .words("INCR", "n")])
                #expect(replies.count == 3 && replies[0] == .integer(1) && replies[2] == .integer(2))
                #expect(replies[1].errorCode == "ERR")
                client.start()
                try await eventually { client.statistics.readyConnections == 3 }
                let names = try await server.clients().map(\.name)
                #expect(names == ["refrain", "refrain", "refrain"])
            }
            try await eventually { try await server.clients().isEmpty }
        }
    }

    @Test("What is sent together is nobody else's: 50 tasks increment a counter in transactions")
    func transactions() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.connections = 1 }) { client in
                let transaction: [RESPCommand] = [
                    .words("MULTI"), .words("INCR", "n"), .words("INCR", "n"), .words("EXEC"),
                ]
                let sums = try await withThrowingTaskGroup(of: [Int64].self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            var seen: [Int64] = []
                            for _ in 0..<20 {
                                let replies = try await client.send(transaction)
                                guard case .array(let sums?) = replies[3] else { continue }
                                let numbers = sums.compactMap { if case .integer(let sum) = $0 { sum } else { nil } }
                                #expect(numbers.count == 2 && numbers[1] == numbers[0] + 1)
                                seen += numbers
                            }
                            return seen
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(sums.sorted() == Array(1...2_000))
            }
        }
    }

    #if os(Linux)
        @Test("Small packets are not held back, and unacknowledged ones are given up after twice a command's time")
        func socketOptions() async throws {
            try await withRedisServer { server in
                try await withRedisClient(server.url, { $0.commandTimeout = .milliseconds(7_500) }) { client in
                    let channel = try await client.dedicated().channel
                    let noDelay = try await channel.getOption(.tcpOption(.tcp_nodelay)).get()
                    let patience = try await channel.getOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT))).get()
                    #expect(noDelay == 1)
                    #expect(patience == 15_000)
                }
            }
        }
    #endif

    // MARK: Credentials

    @Test("A password, right, wrong, missing, and where none is wanted")
    func passwords() async throws {
        try await withRedisServer(.init(password: "se/cr@t")) { server in
            let address = "127.0.0.1:\(server.port)"
            try await withRedisClient("redis://:se%2Fcr%40t@\(address)") { client in
                try await client.verify()
                try await Self.works(client)
            }
            try await withRedisClient("redis://:wrong@\(address)") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "refused: wrong user name or password")
                let sent = await storeError { () throws(StoreError) in try await client.send(.words("PING")) }
                #expect(sent?.code == .refused)
            }
            try await withRedisClient("redis://\(address)") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "refused: the server asks for a password")
            }
        }
        try await withRedisServer { server in
            try await withRedisClient("redis://:pw@127.0.0.1:\(server.port)") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.code == .refused)
                #expect(error?.message.contains("has none") == true)
            }
        }
    }

    @Test("A user who may do little: neither its name nor a ping is needed, but for verifying")
    func limitedUser() async throws {
        let user = RedisServer.Options.User(name: "cache", password: "pw", rights: ["~key", "+get", "+set"])
        try await withRedisServer(.init(user: user)) { server in
            try await withRedisClient(server.url) { client in
                try await client.expect(.words("SET", "key", "1"), gives: .simple("OK"))
                #expect(try await client.send(.words("GET", "other")).errorCode == "NOPERM")
                try await client.expect(.words("GET", "key"), gives: .text("1"))
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "refused: no permission for PING")
            }
            try await withRedisClient(server.url + "/1") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "refused: no permission for SELECT")
            }
        }
    }

    @Test("Databases are apart, and one that does not exist is named")
    func databases() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url + "/3") { client in
                try await client.expect(.words("SET", "key", "3"), gives: .simple("OK"))
                try await client.expect(.words("GET", "key"), lane: .bulk, gives: .text("3"))
            }
            try await withRedisClient(server.url) { client in
                try await client.expect(.words("GET", "key"), gives: .bulk(nil))
            }
            try await withRedisClient(server.url + "/99") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "refused: no such database: 99")
            }
        }
    }

    @Test("A refused password is warned of once, is the reason until it is accepted, and is in no log")
    func refusedPassword() async throws {
        try await withRedisServer(.init(password: "first")) { server in
            var configuration = try RedisConfiguration(url: "redis://:second-secret@127.0.0.1:\(server.port)")
            configuration.reconnectDelay = .milliseconds(1) ... .milliseconds(5)
            configuration.connections = 1
            configuration.commandTimeout = .seconds(20)
            configuration.connectTimeout = .seconds(20)
            let log = LogRecorder()
            try await withRedisClient(configuration, logger: log.logger) { client in
                client.start()
                try await eventually { log.texts(.debug).count >= 6 }
                let error = await storeError { () throws(StoreError) in try await client.send(.words("PING")) }
                #expect(error?.description == "refused: wrong user name or password")
                try await server.cli("CONFIG", "SET", "requirepass", "second-secret")
                try await eventually { client.statistics.readyConnections == 2 }
                try await client.expect(.words("PING"), gives: .simple("PONG"))
            }
            // A second one where an attempt with the old password ended after another had succeeded.
            #expect((1...2).contains(log.texts(.warning).count))
            #expect(log.texts(.debug).contains { $0.contains("Connected") })
            #expect(!log.texts().contains { $0.contains("second-secret") || $0.contains("PING") })
        }
    }

    // MARK: Sockets and TLS

    @Test("A Unix socket")
    func unixSocket() async throws {
        try await withRedisServer(.init(listening: .unixSocket, password: "pw")) { server in
            try await withRedisClient(server.url + "?db=1") { client in
                try await client.verify()
                try await Self.works(client)
            }
        }
        try await withRedisClient("unix:///nowhere/redis.sock") { client in
            let error = await storeError { () throws(StoreError) in try await client.verify() }
            #expect(error?.description == "unavailable: no such socket")
        }
        try await withRedisClient("unix:///\(String(repeating: "a", count: 200))") { client in
            let error = await storeError { () throws(StoreError) in try await client.verify() }
            #expect(error?.description == "unavailable: the path of the socket is too long")
        }
    }

    @Test("TLS with an authority of our own, by name and by address", .enabled(if: RedisServer.isTLSAvailable))
    func tls() async throws {
        let certificates = try await RedisCertificates.make()
        try await withRedisServer(.init(listening: .tls(certificates), password: "pw")) { server in
            for host in ["127.0.0.1", "localhost"] {
                let url = "rediss://:pw@\(host):\(server.port)?ca=\(certificates.authority)"
                try await withRedisClient(url) { client in
                    try await client.verify()
                    try await Self.works(client)
                }
            }
            let url = "rediss://:pw@127.0.0.1:\(server.port)"
            try await withRedisClient(url + "?ca=\(certificates.authority)&server-name=localhost") { client in
                try await client.verify()
            }
            // An authority that is not trusted, files that are not there or hold something else.
            for (query, message) in [
                ("", "TLS failure: the server's certificate is not trusted"),
                ("?ca=/nowhere/ca.pem", "TLS failure: a certificate or key file"),
                ("?ca=\(certificates.serverKey)", "TLS failure: a certificate or key file"),
            ] {
                try await withRedisClient(url + query) { client in
                    let error = await storeError { () throws(StoreError) in try await client.verify() }
                    #expect(error?.code == .unavailable, "\(query)")
                    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "none")")
                }
            }
            try await withRedisClient("redis://127.0.0.1:\(server.port)") { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error != nil)
            }
        }
        try await withRedisServer { server in
            // It takes the greeting of TLS for half a command, and waits for the rest.
            let patience = Duration.milliseconds(200)
            try await withRedisClient("rediss://127.0.0.1:\(server.port)", { $0.connectTimeout = patience }) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.code == .timeout)
            }
        }
    }

    @Test("A certificate for another name is refused", .enabled(if: RedisServer.isTLSAvailable))
    func wrongName() async throws {
        let certificates = try await RedisCertificates.make(for: ["cache.example"])
        try await withRedisServer(.init(listening: .tls(certificates))) { server in
            let url = "rediss://localhost:\(server.port)?ca=\(certificates.authority)"
            try await withRedisClient(url + "&server-name=cache.example") { client in try await client.verify() }
            for query in ["", "&server-name=other.example"] {
                try await withRedisClient(url + query) { client in
                    let error = await storeError { () throws(StoreError) in try await client.verify() }
                    #expect(error?.message == "TLS failure: the server's certificate is for another name")
                }
            }
        }
    }

    @Test("A server that asks for a client's certificate", .enabled(if: RedisServer.isTLSAvailable))
    func clientCertificate() async throws {
        let certificates = try await RedisCertificates.make()
        try await withRedisServer(.init(listening: .tls(certificates, clientAuthentication: .yes))) { server in
            let url = "rediss://127.0.0.1:\(server.port)?ca=\(certificates.authority)"
            let own = "&cert=\(certificates.clientCertificate)&key=\(certificates.clientKey)"
            try await withRedisClient(url + own) { client in
                try await client.verify()
                try await Self.works(client)
            }
            try await withRedisClient(url) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("TLS failure") == true, "\(error?.message ?? "none")")
            }
        }
    }

    // MARK: Nobody there

    @Test("An unknown host, and a port on which nobody listens")
    func nobody() async throws {
        try await withRedisClient("redis://no-such-host.invalid") { client in
            let error = await storeError { () throws(StoreError) in try await client.verify() }
            #expect(error?.description == "unavailable: unknown host")
        }
        let port = try FreePorts.next()
        try await withRedisClient("redis://127.0.0.1:\(port)") { client in
            let error = await storeError { () throws(StoreError) in try await client.verify() }
            #expect(error?.description == "unavailable: connection refused")
            let sent = await storeError { () throws(StoreError) in try await client.send(.words("PING")) }
            #expect(sent?.description == "unavailable: connection refused")
        }
    }

    @Test("A server that takes no more connections")
    func fullServer() async throws {
        try await withRedisServer(.init(configuration: ["maxclients 2"])) { server in
            let other = try await server.connect()
            let another = try await server.connect()
            try await withRedisClient(server.url) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.code == .unavailable)
            }
            await other.close()
            await another.close()
        }
    }

    // MARK: Connections with an owner

    @Test("A dedicated connection gets what is published, in order, beside its own replies")
    func published() async throws {
        try await withRedisServer(.init(password: "pw")) { server in
            try await withRedisClient(server.url) { client in
                let (messages, received) = AsyncStream.makeStream(of: RESPValue.self)
                let connection = try await client.dedicated { received.yield($0) }
                #expect(
                    try await connection.send(.words("SUBSCRIBE", "news"))
                        == .array([.text("subscribe"), .text("news"), .integer(1)]))
                #expect(
                    try await connection.send(.words("PSUBSCRIBE", "n*"))
                        == .array([.text("psubscribe"), .text("n*"), .integer(2)]))
                #expect(try await connection.send(.words("PING")) == .array([.text("pong"), .text("")]))
                try await client.expect(.words("PUBLISH", "news", "one"), gives: .integer(2))
                #expect(try await connection.send(.words("PING", "x")) == .array([.text("pong"), .text("x")]))
                var iterator = messages.makeAsyncIterator()
                #expect(await iterator.next() == .array([.text("message"), .text("news"), .text("one")]))
                #expect(
                    await iterator.next()
                        == .array([.text("pmessage"), .text("n*"), .text("news"), .text("one")]))
                #expect(connection.isOpen)
                await connection.close()
                await connection.close()
                #expect(!connection.isOpen)
                await connection.waitUntilClosed()
                let error = await storeError { () throws(StoreError) in try await connection.send(.words("PING")) }
                #expect(error?.code == .closed)
            }
        }
    }

    @Test("The end of a dedicated connection is told to those who wait for it, and waiting can be cancelled")
    func endOfDedicated() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url) { client in
                let connection = try await client.dedicated()
                let cancelled = Task { await connection.waitUntilClosed() }
                cancelled.cancel()
                await cancelled.value
                #expect(connection.isOpen)
                async let end: Void = connection.waitUntilClosed()
                let id = try await connection.send(.words("CLIENT", "ID"))
                guard case .integer(let number) = id else { return }
                try await server.cli("CLIENT", "KILL", "ID", "\(number)")
                await end
                #expect(!connection.isOpen)
                await client.shutdown()
                let error = await storeError { () throws(StoreError) in try await client.dedicated() }
                #expect(error?.code == .closed)
            }
        }
    }
}
