import NIOCore
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// Many callers at once, and those who leave.
@Suite("RedisClient and many callers", .timeLimit(.minutes(3)))
struct RedisConcurrencyTests {
    private static func error(_ client: RedisClient, _ command: RESPCommand) async -> StoreError? {
        await storeError { () throws(StoreError) in try await client.send(command) }
    }

    private static func single(_ configuration: RedisConfiguration) -> RedisConfiguration {
        var configuration = configuration
        configuration.connections = 1
        configuration.connectTimeout = .seconds(20)
        configuration.commandTimeout = .seconds(20)
        return configuration
    }

    /// A payload that says whose it is, of a size that depends on it.
    private static func payload(_ index: Int) -> String {
        "\(index)-" + String(repeating: "abcdefghij"[index % 10], count: index % 700)
    }

    @Test(
        "10,000 commands at once are each answered with their own reply",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"), arguments: [1, 3])
    func pipelining(connections: Int) async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.connections = connections }) { client in
                await withTaskGroup(of: Bool.self) { group in
                    for index in 0..<10_000 {
                        group.addTask {
                            let text = Self.payload(index)
                            do throws(StoreError) {
                                if index % 7 == 0 {
                                    return try await client.send([.echo(text), .echo("\(index)")])
                                        == [.text(text), .text("\(index)")]
                                }
                                return try await client.send(.echo(text)) == .text(text)
                            } catch {
                                return false
                            }
                        }
                    }
                    #expect(await group.reduce(into: 0) { $0 += $1 ? 1 : 0 } == 10_000)
                }
                #expect(client.statistics == RedisStatistics(readyConnections: client.statistics.readyConnections))
            }
        }
    }

    /// How many callers cancel at the same time, and how often each.
    private static let cancellations = (callers: 64, each: 1_563)

    @Test(
        "100,000 random cancellations: nobody ever gets another's reply, and nobody waits for ever",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"), arguments: [1, 2])
    func cancellations(seed: UInt64) async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.connections = 1 }) { client in
                let results = await withTaskGroup(of: (Int, Int, Int).self) { group in
                    for worker in 0..<Self.cancellations.callers {
                        group.addTask { await Self.cancelAtRandom(client, worker: worker, seed: seed) }
                    }
                    return await group.reduce(into: (0, 0, 0)) {
                        ($0.0, $0.1, $0.2) = ($0.0 + $1.0, $0.1 + $1.1, $0.2 + $1.2)
                    }
                }
                #expect(results.0 + results.1 == Self.cancellations.callers * Self.cancellations.each)
                #expect(results.2 == 0)
                try await client.expect(.echo("last"), gives: .text("last"))
                #expect(client.statistics.protocolErrors == 0)
                #expect(client.statistics.timeouts == 0)
                #expect(client.statistics.reconnects == 0)
            }
        }
    }

    /// Sends commands one after the other and cancels each at a random moment. Returns how many were answered with their own
    /// reply, how many were cancelled, and how many came to anything else.
    private static func cancelAtRandom(_ client: RedisClient, worker: Int, seed: UInt64) async -> (Int, Int, Int) {
        var random = SeededGenerator(seed: seed &* 1_000 &+ UInt64(worker))
        var (answered, cancelled, wrong) = (0, 0, 0)
        for index in 0..<Self.cancellations.each {
            let text = Self.payload(worker * Self.cancellations.each + index)
            let isBatch = index % 5 == 0
            let task = Task { () -> Result<Bool, StoreError> in
                do throws(StoreError) {
                    if isBatch {
                        return .success(
                            try await client.send([.echo(text), .echo(text)]) == [.text(text), .text(text)])
                    }
                    return .success(try await client.send(.echo(text)) == .text(text))
                } catch {
                    return .failure(error)
                }
            }
            for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
            task.cancel()
            switch await task.value {
            case .success(true): answered += 1
            case .failure(let error) where error.code == .closed: cancelled += 1
            default: wrong += 1
            }
        }
        return (answered, cancelled, wrong)
    }

    @Test(
        "Slices of 1 to 7 bytes, cancellations among them",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func slices() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port, seed: 7) { proxy in
                try await proxy.set(.slice(1...7))
                try await withRedisClient("redis://127.0.0.1:\(proxy.port)", { $0.connections = 1 }) { client in
                    await withTaskGroup(of: Bool.self) { group in
                        for index in 0..<300 {
                            group.addTask {
                                let text = Self.payload(index)
                                let task = Task { try await client.send(.echo(text)) == .text(text) }
                                if index % 3 == 0 {
                                    await Task.yield()
                                    task.cancel()
                                }
                                switch await task.result {
                                case .success(let isRight): return isRight
                                case .failure(let error):
                                    return index % 3 == 0 && (error as? StoreError)?.code == .closed
                                }
                            }
                        }
                        #expect(await group.reduce(into: 0) { $0 += $1 ? 1 : 0 } == 300)
                    }
                    #expect(client.statistics.protocolErrors == 0)
                }
            }
        }
    }

    // MARK: Leaving

    @Test("Who is cancelled while the server thinks hears of it at once, and its late reply is dropped")
    func cancelledInFlight() async throws {
        let (slow, next) = (Gate(), Gate())
        try await withScriptedRedis { _, command in
            if command[0] == "SLOW" { slow.open() } else { next.open() }
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let task = Task { await Self.error(client, .words("SLOW")) }
                try await slow.wait()
                async let reply = client.send(.words("NEXT"))
                try await next.wait()
                task.cancel()
                #expect(await task.value?.code == .closed)
                server.peers.first?.write("+SLOW\r\n+NEXT\r\n")
                #expect(try await reply == .simple("NEXT"))
                #expect(client.statistics.droppedReplies == 1)
            }
        }
    }

    @Test("Who is cancelled before it sends, or while it waits for a connection, sends nothing")
    func cancelledEarly() async throws {
        let commands = Locked<[String]>([])
        let handshake = Locked<ScriptedRedis.Peer?>(nil)
        try await withScriptedRedis(answersHandshake: false) { peer, command in
            guard command[0] != "CLIENT" else { return handshake.withLock { $0 = peer } }
            commands.withLock { $0.append(command[0]) }
            peer.write("+OK\r\n")
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let waiting = Task { await Self.error(client, .words("WAITING")) }
                let staying = Task { await Self.error(client, .words("STAYING")) }
                try await eventually { handshake.withLock { $0 } != nil }
                waiting.cancel()
                #expect(await waiting.value?.code == .closed)
                let early = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await Self.error(client, .words("EARLY"))
                }
                #expect(await early.value?.code == .closed)
                handshake.withLock { $0 }?.write("+OK\r\n")
                #expect(await staying.value == nil)
                let late = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await Self.error(client, .words("LATE"))
                }
                #expect(await late.value?.code == .closed)
                try await client.expect(.words("LAST"), gives: .simple("OK"))
                #expect(commands.withLock { $0 } == ["STAYING", "LAST"])
            }
        }
    }

    @Test("Cancelling the making of a dedicated connection gives it up")
    func cancelledDedicated() async throws {
        try await withScriptedRedis(answersHandshake: false) { _, _ in
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let task = Task { await storeError { () throws(StoreError) in try await client.dedicated() } }
                await server.until { _, open in open == 1 }
                task.cancel()
                #expect(await task.value?.code == .closed)
                await server.until { _, open in open == 0 }
            }
        }
    }

    // MARK: Large values

    @Test("A 5 MB value in its own lane keeps no small one waiting")
    func lanes() async throws {
        let large = [UInt8](repeating: 0x78, count: 5 << 20)
        let half = Locked<ScriptedRedis.Peer?>(nil)
        try await withScriptedRedis { peer, command in
            guard command[0] == "GET" else { return peer.write("+PONG\r\n") }
            // The first half, and the rest when the test says so.
            peer.write("$\(large.count)\r\n" + String(decoding: large[..<(large.count / 2)], as: UTF8.self))
            half.withLock { $0 = peer }
        } _: { server in
            try await withRedisClient(Self.single(server.configuration)) { client in
                let task = Task { try await client.send(.words("GET", "key"), lane: .bulk) }
                try await eventually { half.withLock { $0 } != nil }
                for _ in 0..<100 { try await client.expect(.words("PING"), gives: .simple("PONG")) }
                half.withLock { $0 }?.write(String(decoding: large[(large.count / 2)...], as: UTF8.self) + "\r\n")
                #expect(try await task.value == .bulk(large))
            }
        }
    }

    @Test(
        "5 MB values go there and back while small ones do, unharmed",
        .enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func largeValues() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url, { $0.connections = 1 }) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<4 {
                        group.addTask {
                            // What would tell a mixture: another byte for each, and no power of two.
                            let value = [UInt8](repeating: UInt8(index), count: (5 << 20) + index)
                            let set = RESPCommand(.text("SET"), .text("key \(index)"), .bytes(value))
                            try await client.expect(set, lane: .bulk, gives: .simple("OK"))
                            try await client.expect(.words("GET", "key \(index)"), lane: .bulk, gives: .bulk(value))
                        }
                    }
                    for index in 0..<500 {
                        group.addTask {
                            let text = Self.payload(index)
                            try await client.expect(.echo(text), gives: .text(text))
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}

extension String {
    /// The character at an offset of an ASCII string, as a string.
    fileprivate subscript(offset: Int) -> String { String(self[self.index(self.startIndex, offsetBy: offset)]) }
}
