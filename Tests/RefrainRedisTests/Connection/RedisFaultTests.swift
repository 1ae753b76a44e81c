import NIOCore
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// The client against servers and networks that fail.
@Suite("RedisClient and faults", .timeLimit(.minutes(2)))
struct RedisFaultTests {
    private static func isSo(_ error: StoreError?, _ code: StoreError.Code) -> Bool { error?.code == code }

    private static func error(_ client: RedisClient, _ command: RESPCommand) async -> StoreError? {
        await storeError { () throws(StoreError) in try await client.send(command) }
    }

    /// One small connection, and short times.
    private static func single(_ configuration: RedisConfiguration) -> RedisConfiguration {
        var configuration = configuration
        configuration.connections = 1
        configuration.reconnectDelay = .milliseconds(1) ... .milliseconds(20)
        configuration.connectTimeout = .seconds(20)
        configuration.commandTimeout = .seconds(20)
        return configuration
    }

    /// One small connection, and a short time for commands.
    private static func impatient(_ configuration: inout RedisConfiguration) {
        configuration.connections = 1
        configuration.commandTimeout = .seconds(2)
    }

    // MARK: Deadlines

    @Test("A server that drips does not extend the deadline")
    func drip() async throws {
        let reply = Array("$6000\r\n".utf8) + [UInt8](repeating: 0x61, count: 6_000)
        try await withScriptedRedis { peer, command in
            guard command[0] == "GET" else { return peer.write("+OK\r\n") }
            peer.drip(reply[...])
        } _: { server in
            var configuration = Self.single(server.configuration)
            configuration.commandTimeout = .seconds(2)
            try await withRedisClient(configuration) { client in
                try await client.expectEventually(.words("PING"), gives: .simple("OK"))
                let timeouts = client.statistics.timeouts
                let start = ContinuousClock.now
                let error = await Self.error(client, .words("GET", "key"))
                #expect(Self.isSo(error, .timeout))
                #expect(ContinuousClock.now - start >= .seconds(1))
                // Dripped to its end, the reply takes 30 s.
                #expect(ContinuousClock.now - start < .seconds(20))
                await server.until { accepted, open in accepted >= 2 }
                #expect(client.statistics.timeouts == timeouts + 1)
            }
        }
    }

    @Test("A reply that never comes closes the connection: the next command has another one")
    func silence() async throws {
        try await withScriptedRedis { peer, command in
            if command[0] != "GET" { peer.write("+\(peer.id)\r\n") }
        } _: { server in
            var configuration = Self.single(server.configuration)
            configuration.commandTimeout = .seconds(2)
            try await withRedisClient(configuration) { client in
                try await client.expect(.words("PING"), gives: .simple("1"))
                #expect(Self.isSo(await Self.error(client, .words("GET", "key")), .timeout))
                await server.until { accepted, _ in accepted == 2 }
                try await client.expectEventually(.words("PING"), gives: .simple("2"))
                #expect(client.statistics.reconnects == 1)
            }
        }
    }

    @Test(
        "A frozen server: all time out within the deadline; thawed, its late replies reach nobody",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func frozen() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.commandTimeout = .seconds(2) }) { client in
                try await client.expectEventually(.echo("before"), gives: .text("before"))
                server.freeze()
                let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
                    for index in 0..<100 {
                        group.addTask { await Self.error(client, .echo("frozen \(index)"))?.code }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.allSatisfy { $0 == .timeout || $0 == .unavailable }, "\(codes)")
                #expect(codes.contains(.timeout))
                server.thaw()
                for index in 0..<200 {
                    try await client.expectEventually(.echo("after \(index)"), gives: .text("after \(index)"))
                }
                #expect(client.statistics.protocolErrors == 0)
            }
        }
    }

    @Test(
        "A half-open connection: commands time out, so do new connections, and all is well when the network is",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func halfOpen() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                let url = "redis://127.0.0.1:\(proxy.port)"
                try await withRedisClient(url, Self.impatient) { client in
                    try await client.expectEventually(.echo("a"), gives: .text("a"))
                    let timeouts = client.statistics.timeouts
                    try await proxy.set(.blackhole(.losing))
                    let start = ContinuousClock.now
                    for _ in 0..<2 {
                        let error = await Self.error(client, .echo("b"))
                        #expect(
                            Self.isSo(error, .timeout) || Self.isSo(error, .unavailable), "\(String(describing: error))"
                        )
                    }
                    #expect(ContinuousClock.now - start < .seconds(10))
                    #expect(client.statistics.timeouts == timeouts + 1)
                    try await proxy.heal()
                    // What hangs in a hole is lost for ever: the attempt that is under way too, until its own deadline.
                    try await proxy.end(.reset)
                    try await client.expectEventually(.echo("c"), gives: .text("c"))
                }
            }
        }
    }

    @Test("A server that accepts and says nothing: senders wait until their own deadline, attempts until theirs")
    func silentHandshake() async throws {
        try await withScriptedRedis(answersHandshake: false) { _, _ in
        } _: { server in
            var configuration = Self.single(server.configuration)
            configuration.commandTimeout = .milliseconds(100)
            try await withRedisClient(configuration) { client in
                let error = await Self.error(client, .words("PING"))
                #expect(error?.description == "timeout: there was no connection in time")
                let batch = await storeError { () throws(StoreError) in try await client.send([.words("PING")]) }
                #expect(Self.isSo(batch, .timeout))
            }
            configuration.connectTimeout = .milliseconds(150)
            configuration.commandTimeout = .seconds(20)
            try await withRedisClient(configuration) { client in
                let verified = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(verified?.code == .timeout)
                let error = await Self.error(client, .words("PING"))
                #expect(Self.isSo(error, .unavailable))
            }
            await server.until { _, open in open == 0 }
        }
    }

    @Test("While it backs off, commands fail at once, with the reason")
    func backingOff() async throws {
        let port = try FreePorts.next()
        var configuration = RedisConfiguration(address: .tcp(host: "127.0.0.1", port: port))
        configuration.reconnectDelay = .seconds(3_600) ... .seconds(7_200)
        try await withRedisClient(configuration) { client in
            #expect(await Self.error(client, .words("PING"))?.description == "unavailable: connection refused")
            for _ in 0..<100 {
                #expect(await Self.error(client, .words("PING"))?.description == "unavailable: connection refused")
            }
        }
    }

    // MARK: Broken connections and protocol errors

    @Test(
        "A reset in the middle of a reply fails what is outstanding, and nothing partial is ever a value",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"), arguments: [FaultProxy.Ending.finish, .reset])
    func cutMidReply(_ ending: FaultProxy.Ending) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                try await withRedisClient("redis://127.0.0.1:\(proxy.port)", { $0.connections = 1 }) { client in
                    let value = String(repeating: "x", count: 100_000)
                    try await client.expect(.words("SET", "key", value), gives: .simple("OK"))
                    for cut in [1, 8, 9, 70_000, 100_009] {
                        try await eventually { client.statistics.readyConnections >= 1 }
                        try await proxy.end(ending, after: cut)
                        let error = await Self.error(client, .words("GET", "key"))
                        #expect(Self.isSo(error, .unavailable), "cut after \(cut): \(String(describing: error))")
                    }
                    try await eventually { client.statistics.readyConnections >= 1 }
                    try await client.expect(.words("GET", "key"), gives: .text(value))
                    #expect(client.statistics.reconnects == 5)
                }
            }
        }
    }

    @Test(
        "A swallowed reply ends in a timeout, a duplicated one in a protocol error; neither in another's reply",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func swallowedAndDuplicated() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                let url = "redis://127.0.0.1:\(proxy.port)"
                try await withRedisClient(url, Self.impatient) { client in
                    try await client.expectEventually(.echo("a"), gives: .text("a"))
                    try await proxy.arm(.swallow)
                    #expect(Self.isSo(await Self.error(client, .echo("b")), .timeout))
                    try await client.expectEventually(.echo("c"), gives: .text("c"))
                    try await proxy.arm(.duplicate)
                    try await client.expect(.echo("d"), gives: .text("d"))
                    try await eventually { client.statistics.protocolErrors == 1 }
                    try await client.expectEventually(.echo("e"), gives: .text("e"))
                    #expect(client.statistics.reconnects >= 2)
                }
            }
        }
    }

    @Test(
        "What is no protocol closes the connection, and fails what is outstanding as corrupt",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "$3\r\nabcXY", "$x\r\n", "*2147483647\r\n",
            "$9223372036854775807\r\n", "%1\r\n+a\r\n+b\r\n", ":12a\r\n", "\r\n", "$-2\r\n",
        ])
    func nonsense(_ text: String) async throws {
        try await withScriptedRedis { peer, command in
            if command[0] == "PING" { peer.write("+PONG\r\n") } else { peer.write(text) }
        } _: { server in
            var configuration = Self.single(server.configuration)
            configuration.commandTimeout = .seconds(5)
            try await withRedisClient(configuration) { client in
                try await client.expect(.words("PING"), gives: .simple("PONG"))
                #expect(Self.isSo(await Self.error(client, .words("GET", "key")), .corrupt))
                try await eventually { client.statistics.readyConnections == 1 }
                try await client.expect(.words("PING"), gives: .simple("PONG"))
                #expect(client.statistics.protocolErrors == 1)
            }
        }
    }

    @Test("What came in order before the nonsense is delivered")
    func nonsenseLater() async throws {
        try await withScriptedRedis { peer, command in
            if command[0] == "LAST" { peer.write("+1\r\n+2\r\n!\r\n") }
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let replies = try await withThrowingTaskGroup(of: [RESPValue].self) { group in
                    group.addTask { try await client.send([.words("FIRST"), .words("LAST")]) }
                    return try await group.next()
                }
                #expect(replies == [.simple("1"), .simple("2")])
                await server.until { accepted, _ in accepted == 2 }
            }
        }
    }

    @Test("A reply in the handshake that is none, and an unasked greeting")
    func nonsenseInHandshake() async throws {
        try await withScriptedRedis(answersHandshake: false) { peer, _ in
            peer.write("HTTP/1.1 400 Bad Request\r\n\r\n")
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(Self.isSo(error, .corrupt))
            }
        }
        try await withScriptedRedis(greeting: "-ERR max number of clients reached\r\n") { _, _ in
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(error?.description == "unavailable: the server takes no more connections")
            }
        }
        try await withScriptedRedis(greeting: "+hello\r\n") { peer, _ in
            peer.write("+PONG\r\n")
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let error = await storeError { () throws(StoreError) in try await client.verify() }
                // The greeting is taken for the name's answer, and that one is then asked for by nobody.
                #expect(error == nil || Self.isSo(error, .corrupt))
            }
        }
    }

    @Test("An unasked reply closes an idle connection")
    func unasked() async throws {
        try await withScriptedRedis { peer, _ in
            peer.write("+PONG\r\n+PONG\r\n")
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                try await client.expect(.words("PING"), gives: .simple("PONG"))
                await server.until { accepted, _ in accepted == 2 }
                #expect(client.statistics.protocolErrors >= 1)
            }
        }
    }

    @Test("A demoted master is left: its error is delivered, the others fail, and another connection is made")
    func demoted() async throws {
        try await withScriptedRedis { peer, command in
            switch command[0] {
            case "SET":
                peer.write(peer.id == 1 ? "-READONLY You can't write against a read only replica.\r\n" : "+OK\r\n")
            case "PING": peer.write("+\(peer.id)\r\n")
            default: break
            }
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                try await client.expect(.words("PING"), gives: .simple("1"))
                #expect(try await client.send(.words("SET", "key", "1")).errorCode == "READONLY")
                await server.until { accepted, _ in accepted == 2 }
                try await eventually { client.statistics.readyConnections == 1 }
                try await client.expect(.words("SET", "key", "1"), gives: .simple("OK"))
                try await client.expect(.words("PING"), gives: .simple("2"))
            }
        }
    }

    @Test(
        "A killed server: commands fail until it is back, then they work without help",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func killed() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url) { client in
                client.start()
                try await eventually { client.statistics.readyConnections == 3 }
                await server.kill()
                try await eventually { client.statistics.readyConnections == 0 }
                let error = await Self.error(client, .words("PING"))
                #expect(Self.isSo(error, .unavailable))
                try await server.restart()
                try await eventually { client.statistics.readyConnections == 3 }
                try await client.expect(.echo("again"), gives: .text("again"))
                #expect(client.statistics.reconnects == 3)
            }
        }
    }

    @Test("What is unanswered is bounded")
    func bounded() async throws {
        let asked = Gate()
        try await withScriptedRedis { _, _ in
            asked.open()
        } _: { server in
            var configuration = Self.single(server.configuration)
            configuration.maximumOutstandingBytes = 1_000
            try await withRedisClient(configuration) { client in
                async let first = Self.error(client, .words("SET", "a", String(repeating: "x", count: 800)))
                try await asked.wait()
                let error = await storeError { () throws(StoreError) in
                    try await client.send([.words("SET", "b", String(repeating: "x", count: 200))])
                }
                #expect(error?.description == "unavailable: too many bytes wait for the server to answer")
                let small = Task { await Self.error(client, .words("GET", "c")) }
                small.cancel()
                #expect(Self.isSo(await small.value, .closed))
                await client.shutdown()
                #expect(Self.isSo(await first, .closed))
            }
        }
    }

    // MARK: The end

    @Test("Shutting down fails what is outstanding, closes every socket, and can be repeated")
    func shutdown() async throws {
        try await withScriptedRedis { _, _ in
        } _: { server in
            try await withRedisClient(server.configuration) { client in
                client.start()
                let dedicated = try await client.dedicated()
                async let one = Self.error(client, .words("GET", "a"))
                async let two = storeError { () throws(StoreError) in try await dedicated.send(.words("GET", "b")) }
                await server.until { _, open in open == 4 }
                await client.shutdown()
                await client.shutdown()
                #expect(Self.isSo(await one, .closed))
                #expect(Self.isSo(await two, .closed))
                #expect(!dedicated.isOpen)
                await server.until { _, open in open == 0 }
                #expect(Self.isSo(await Self.error(client, .words("PING")), .closed))
                let verified = await storeError { () throws(StoreError) in try await client.verify() }
                #expect(Self.isSo(verified, .closed))
                client.start()
                #expect(client.statistics.readyConnections == 0)
                #expect(server.accepted == 4)
            }
        }
    }

    @Test("Shutting down while connecting gives it up")
    func shutdownWhileConnecting() async throws {
        try await withScriptedRedis(answersHandshake: false) { _, _ in
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                async let sent = Self.error(client, .words("PING"))
                async let dedicated = storeError { () throws(StoreError) in try await client.dedicated() }
                await server.until { _, open in open == 2 }
                await client.shutdown()
                #expect(Self.isSo(await sent, .closed))
                #expect(Self.isSo(await dedicated, .closed))
                await server.until { _, open in open == 0 }
            }
        }
    }

    @Test("A hundred starts and shutdowns leave no socket, at whatever moment the one meets the other")
    func manyShutdowns() async throws {
        try await withScriptedRedis { peer, _ in
            peer.write("+PONG\r\n")
        } _: { server in
            for round in 0..<100 {
                let client = RedisClient(Self.single(server.configuration), logger: LogRecorder().logger)
                let sending = Task { await Self.error(client, .words("PING")) }
                let verifying = Task { await storeError { () throws(StoreError) in try await client.verify() } }
                for _ in 0..<round { await Task.yield() }
                await client.shutdown()
                let codes = [await sending.value?.code, await verifying.value?.code]
                #expect(codes.allSatisfy { $0 == nil || $0 == .closed }, "\(codes)")
            }
            await server.until { _, open in open == 0 }
        }
    }
}

extension ScriptedRedis.Peer {
    /// Sends bytes one at a time, each 5 ms after the one before.
    fileprivate func drip(_ bytes: ArraySlice<UInt8>) {
        guard let byte = bytes.first else { return }
        self.write(String(decoding: [byte], as: UTF8.self))
        self.later(.milliseconds(5)) { self.drip(bytes.dropFirst()) }
    }
}
