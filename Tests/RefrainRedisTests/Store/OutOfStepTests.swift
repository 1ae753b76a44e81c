import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// Replies that are out of their places and stay there: with a command always under way, the connection never learns that there is
/// one reply too many or too few.
@Suite(.enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(2)))
struct OutOfStepTests {
    private typealias Fixture = StoreFixture

    private static let count = 48

    private static func body(_ number: Int) -> [UInt8] { SampleMessage.json("answer \(number)") }

    @Test(arguments: [FaultProxy.ReplyFault.swallow, .duplicate])
    func aConnectionThatIsOutOfStepIsClosedAndNothingIsTakenAway(fault: FaultProxy.ReplyFault) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: .port(server.port), seed: 3) { proxy in
                try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)", { redis, _ in redis.connections = 1 }) {
                    store in
                    for number in 0..<Self.count {
                        let envelope = try await Fixture.envelope(
                            Fixture.key(number), in: store, body: Self.body(number))
                        try await store.set(Fixture.key(number), envelope)
                    }
                    let isOver = Locked(false)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<Self.count {
                            group.addTask {
                                while !isOver.withLock({ $0 }) {
                                    do throws(StoreError) {
                                        let found = try await store.get(Fixture.key(number))
                                        #expect(found == nil || found?.body == Self.body(number))
                                    } catch {
                                        // A miss to whoever asks; not at once again, where there is no connection.
                                        await Task.yield()
                                    }
                                }
                            }
                        }
                        defer { isOver.withLock { $0 = true } }
                        try await proxy.arm(fault, next: 1, atLeast: 100)
                        try await Fixture.until { store.client.statistics.protocolErrors > 0 }
                        try await Fixture.until { store.client.statistics.readyConnections > 0 }
                    }
                    // The last of the connections may be closing still.
                    try await Fixture.until { (try? await store.get(Fixture.key(0))) != nil }
                    for number in 0..<Self.count {
                        #expect(try await store.get(Fixture.key(number))?.body == Self.body(number))
                    }
                    #expect(store.statistics().unreadable == 0)
                }
            }
        }
    }

    /// What is damaged in the server itself is taken away all the same.
    @Test func damageIsProvedAndTakenAway() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let name = "refrain:test:{\(Fixture.key.hex)}:v"
                _ = try await server.cli("SET", name, "garbage")
                #expect(try await store.get(Fixture.key) == nil)
                #expect(try await server.cli("EXISTS", name) == "0")
                #expect(store.client.statistics.protocolErrors == 0)
            }
        }
    }

    /// Where the question is not answered, nothing is proved, and nothing is taken away.
    @Test func withoutAProofNothingIsTakenAway() async throws {
        let commands = Locked<[String]>([])
        let server = try await ScriptedRedis.start { peer, command in
            commands.withLock { $0.append(command.first ?? "") }
            switch command.first {
            case "GETRANGE": peer.bulk(Array("garbage".utf8))
            case "PING": peer.write("-NOPERM this user has no permissions to run the 'ping' command\r\n")
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await Fixture.withStore("redis://127.0.0.1:\(server.port)", isReachable: false) { store in
            let prefix = try await store.client.send(RedisCommands.prefix(of: "any"))
            await #expect { _ = try await store.reading(prefix, under: Fixture.key) } throws: {
                ($0 as? StoreError)?.code == .refused
            }
            #expect(store.client.statistics.protocolErrors == 0)
            let asked = commands.withLock { $0 }
            #expect(asked.contains("PING") && !asked.contains("UNLINK"))
        }
        try await server.stop()
    }
}
