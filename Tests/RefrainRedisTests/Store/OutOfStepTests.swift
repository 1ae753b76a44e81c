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
                }
            }
        }
    }

    /// What is damaged in the server itself is taken away all the same, whether or not it is read in two parts.
    @Test(arguments: [7, 100_000])
    func damageIsProvedAndTakenAway(bytes: Int) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let name = "refrain:test:{\(Fixture.key.hex)}:v"
                _ = try await server.cli("SET", name, String(repeating: "g", count: bytes))
                #expect(try await store.get(Fixture.key) == nil)
                #expect(store.statistics().unreadable == 1)
                try await Fixture.until { try await server.cli("EXISTS", name) == "0" }
                try await Fixture.until { store.examined.withLock { $0.isEmpty } }
                #expect(store.client.statistics.protocolErrors == 0)
            }
        }
    }

    /// A large entry whose header is damaged does not say how long it is.
    @Test func damageOfALargeHeaderIsProvedToo() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.compression = .off }) { store in
                let name = store.names.value(Fixture.key)
                let body = SampleMessage.json(String(repeating: "long ", count: 20_000))
                try await store.set(Fixture.key, try await Fixture.envelope(in: store, body: body))
                #expect(try await store.get(Fixture.key) != nil)
                // The raw length: see docs/envelope.md.
                _ = try await server.cli("SETRANGE", name, "137", "x")
                #expect(try await store.get(Fixture.key) == nil)
                try await Fixture.until { try await server.cli("EXISTS", name) == "0" }
            }
        }
    }

    /// A server whose values are all damaged, and that notes what it is asked. `answer` answers the word of a `PING`.
    private static func damaged(
        _ commands: Locked<[String]>, _ answer: @escaping @Sendable (ScriptedRedis.Peer, String) -> Void
    ) async throws -> ScriptedRedis {
        try await ScriptedRedis.start { peer, command in
            if peer.answersRecord(command) { return }
            commands.withLock { $0.append(command[0]) }
            switch command[0] {
            case "GETRANGE": peer.bulk(Array("garbage".utf8))
            case "PING": answer(peer, command[1])
            default: peer.write(":1\r\n")
            }
        }
    }

    /// Whoever reads it has a miss at once: proving it is not on their time, and is one round trip, however many read it.
    @Test func whoeverReadsDamageDoesNotWaitForTheProof() async throws {
        let commands = Locked<[String]>([])
        let words = Locked<[String]>([])
        let server = try await Self.damaged(commands) { _, word in words.withLock { $0.append(word) } }
        try await Fixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            commands.withLock { $0 = [] }
            for _ in 0..<10 {
                let entry = try await store.get(Fixture.key)
                #expect(entry == nil)
            }
            // The server has not answered a question yet, and has all of them: they are sent at once, with the command.
            try await Fixture.until { words.withLock { $0.count } == 2 }
            #expect(store.examined.withLock { $0.count } == 1)
            let sent = commands.withLock { $0 }
            #expect(sent.count { $0 == "GETRANGE" } == 11 && sent.count { $0 == "PING" } == 2)
            #expect(!sent.contains("UNLINK"))
        }
        try await server.stop()
    }

    /// Where the question is not answered, nothing is proved, and nothing is taken away: not permitted, or a proxy that knows
    /// `PING` without a word alone.
    @Test(arguments: ["-NOPERM this user has no permissions to run the 'ping' command", "+PONG"])
    func withoutAProofNothingIsTakenAway(answer: String) async throws {
        let commands = Locked<[String]>([])
        let server = try await Self.damaged(commands) { peer, _ in peer.write("\(answer)\r\n") }
        try await Fixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            #expect(try await store.get(Fixture.key) == nil)
            #expect(store.statistics().unreadable == 1)
            try await Fixture.until { store.examined.withLock { $0.values.allSatisfy { $0 < .max } } }
            // It is left alone for a while: reading all of it again would prove no more.
            for _ in 0..<10 { #expect(try await store.get(Fixture.key) == nil) }
            try await Self.checkSteps(of: store)
            #expect(store.client.statistics.protocolErrors == 0)
            let asked = commands.withLock { $0 }
            #expect(asked.count { $0 == "PING" } == 2 + 3 && !asked.contains("UNLINK"))
        }
        try await server.stop()
    }

    /// Asks all connections, and returns when they have answered: what is asked behind it has been answered.
    private static func checkSteps(of store: RedisStore) async throws {
        try await Fixture.until { store.client.statistics.readyConnections == 3 }
        store.client.checkSteps()
        try await Fixture.until { !store.client.isCheckingSteps }
    }

    enum Slip: CaseIterable {
        /// The answer of the first question comes twice.
        case questionRepeated
        /// The command is not answered, and somebody else's answer comes after the second question's.
        case commandSwallowed
        /// Both, so that there are three replies.
        case both
    }

    /// A reply that slips after the first question.
    @Test(arguments: Slip.allCases)
    func whatFollowsTheQuestionIsNotBelievedByItself(slip: Slip) async throws {
        let commands = Locked<[[String]]>([])
        let server = try await ScriptedRedis.start { peer, command in
            if peer.answersRecord(command) { return }
            let questions = commands.withLock { commands in
                commands.append(command)
                return commands.count { $0[0] == "PING" }
            }
            switch command[0] {
            case "PING":
                peer.bulk(Array(command[1].utf8))
                if slip != .commandSwallowed, questions == 1 { peer.bulk(Array(command[1].utf8)) }
                if slip == .commandSwallowed, questions == 2 { peer.bulk(Array("another's".utf8)) }
            // The first reading, which seems damaged, and the second one, which is not.
            case "GETRANGE": if questions == 0 || slip == .questionRepeated { peer.bulk(Array("garbage".utf8)) }
            default: peer.write(":1\r\n")
            }
        }
        try await Fixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            #expect(try await store.get(Fixture.key) == nil)
            try await Fixture.until { store.client.statistics.protocolErrors == 1 }
            try await Fixture.until { store.examined.withLock { $0.isEmpty } }
            // All that came on that connection was one fault.
            #expect(store.client.statistics.protocolErrors == 1)
            let sent = commands.withLock { $0.map { $0[0] } }
            #expect(sent.count { $0 == "GETRANGE" } == 2 && !sent.contains("UNLINK"))
        }
        try await server.stop()
    }

    /// Callers do not wait for the questions, and share them: a round that is under way, and one more for who came meanwhile.
    @Test func manyWhoWantConnectionsAskedShareTheQuestions() async throws {
        let isHolding = Locked(false)
        let held = Locked<[(peer: ScriptedRedis.Peer, command: [String])]>([])
        let server = try await ScriptedRedis.start { peer, command in
            // Whatever comes is answered in its turn.
            if isHolding.withLock({ $0 }) {
                held.withLock { $0.append((peer, command)) }
            } else {
                _ = peer.answersRecord(command)
            }
        }
        try await Fixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            try await Fixture.until { store.client.statistics.readyConnections == 3 }
            isHolding.withLock { $0 = true }
            for _ in 0..<1_000 { store.client.checkSteps() }
            for _ in 1...2 {
                try await Fixture.until { held.withLock { $0.count { $0.command[0] == "PING" } } == 3 }
                let answered = held.withLock { held in
                    defer { held = [] }
                    return held
                }
                for (peer, command) in answered where !peer.answersRecord(command) {
                    if command[0] == "PING" { peer.bulk(Array(command[1].utf8)) }
                }
            }
            try await Fixture.until { !store.client.isCheckingSteps }
            #expect(held.withLock { $0.allSatisfy { $0.command[0] != "PING" } })
            #expect(store.client.statistics.protocolErrors == 0)
        }
        try await server.stop()
    }
}

extension ScriptedRedis.Peer {
    /// Answers what reads the generation record, with one that knows of no purge. Whether it was such a command.
    func answersRecord(_ command: [String]) -> Bool {
        switch command[0] {
        case "HMGET": self.write("*3\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n7\r\n")
        case "HGETALL":
            self.write("*8\r\n")
            for text in ["epoch", "1", "clock", "0", "floor", "0", "write", "7"] { self.bulk(Array(text.utf8)) }
        default: return false
        }
        return true
    }
}
