import Refrain
import RefrainCore
import TestSupport
import Testing

/// Two or three processes of `refrain serve --redis` in front of one simulated Claude, on one Redis.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct SharedGatewayTests {
    @Test func whatOneWasToldTheOtherKnows() async throws {
        try await Self.withPair { first, second, _ in
            let (question, body) = try await Self.share(first, second, "question")
            let kept = try await second.ask(question)
            #expect(kept.cache == "HIT-MEMORY" && kept.body == body)
            let stream = try await second.ask(question, isStreaming: true)
            #expect(try stream.cache == "HIT-MEMORY" && stream.body == MessageReplayer.stream(for: body))
        }
    }

    @Test func aPurgeByTagOnOneIsObeyedByTheOther() async throws {
        try await Self.withPair { first, second, _ in
            let tagged = try await first.ask("tagged", tags: "release")
            let other = try await first.ask("other", tags: "another")
            for answer in [tagged, other] {
                try await StoreFixture.until { try await second.find(answer.key) == "redis" }
            }
            _ = try await second.ask("tagged", tags: "release")
            _ = try await second.ask("other", tags: "another")
            #expect(try await second.ask("tagged").cache == "HIT-MEMORY")
            #expect(try await first.purge(tag: "release") == 200)
            #expect(try await first.find(tagged.key) == nil, "at once where it was asked")
            try await StoreFixture.until { try await second.find(tagged.key) == nil }
            #expect(try await second.ask("tagged").cache == "MISS")
            #expect(try await second.ask("other").cache == "HIT-MEMORY")
        }
    }

    @Test func withoutRedisTheyAnswerByThemselvesAndHeal() async throws {
        try await Self.withPair { first, second, server in
            let known = try await first.ask("known")
            try await StoreFixture.until { try await second.find(known.key) == "redis" }
            _ = try await second.ask("known")
            #expect(try await first.readiness() == .init(status: 200, state: "ready", redis: "ok"))
            await server.kill()
            try await Self.doWithout(first, second, known, "killed")
            try await server.restart()
            try await Self.share(first, second, "after the restart")
        }
    }

    @Test func withAFrozenRedisTheyAnswerByThemselvesAndHeal() async throws {
        try await Self.withPair { first, second, server in
            let known = try await first.ask("known")
            try await StoreFixture.until { try await second.find(known.key) == "redis" }
            _ = try await second.ask("known")
            server.freeze()
            // It stays frozen: whatever waits for it gets no answer at all, and its client gives up.
            try await Self.doWithout(first, second, known, "frozen")
            #expect(try await first.purge(tag: "anything") == 502, "Redis has not recorded it")
            server.thaw()
            try await Self.share(first, second, "after the thaw")
        }
    }

    @Test func aGatewayStartsWithoutItsRedisAndFindsItLater() async throws {
        try await withRedisServer { server in
            await server.kill()
            try await withSimulatedClaude(latency: "0", "--tokens-per-second", "100000") { upstream in
                try await ServedGateway.with(redis: server.url, upstream: upstream) { gateway in
                    #expect(try await gateway.ask("early").cache == "MISS")
                    #expect(try await gateway.readiness().status == 200)
                    try await server.restart()
                    try await StoreFixture.until { try await gateway.readiness().state == "ready" }
                    try await ServedGateway.with(redis: server.url, upstream: upstream) { other in
                        try await Self.share(gateway, other, "late")
                    }
                }
            }
        }
    }

    /// The process whose stream the others wait for is killed (kill -9) in the middle of it.
    @Test func oneMoreCallIsMadeForOneThatWasKilled() async throws {
        // Some five seconds of stream: so that all others are there before its end.
        let question = "a story [[simulate words=200]]"
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: "100ms", "--tokens-per-second", "50") { upstream in
                try await ServedGateway.with(3, redis: server.url, upstream: upstream) { gateways in
                    let (leader, others) = (gateways[0], Array(gateways.dropFirst()))
                    var stream = try await leader.stream(question).makeAsyncIterator()
                    var received: [UInt8] = []
                    while !String(decoding: received, as: UTF8.self).contains("content_block_delta") {
                        received += try #require(try await stream.next())
                    }
                    let lease = try await server.cli("KEYS", "refrain:test:*:l")
                    let holder = try await server.cli("GET", lease)

                    async let answers = Self.ask(others, question, times: 25)
                    try await Self.wait("the others wait") {
                        let names = try await server.cli("PUBSUB", "CHANNELS", "refrain:test:*:w")
                        guard !names.isEmpty else { return false }
                        return try await server.cli("PUBSUB", "NUMSUB", names).hasSuffix("\n2")
                    }
                    await leader.process.kill()
                    let death = ContinuousClock.now
                    await #expect(throws: (any Error).self, "its own caller is told that it is cut short") {
                        while let bytes = try await stream.next() { received += bytes }
                    }
                    #expect(!String(decoding: received, as: UTF8.self).contains("message_stop"))
                    try await Self.wait("another takes the lease") {
                        let now = try await server.cli("GET", lease)
                        return !now.isEmpty && now != holder
                    }
                    // It lasts for ten seconds unless it is renewed; the rest is for a busy machine.
                    #expect(ContinuousClock.now - death < .seconds(13))

                    let (whole, streamed) = try await answers
                    #expect(whole.count == 50 && streamed.count == 50)
                    #expect(Set(whole).count == 1)
                    let body = try #require(whole.first)
                    #expect(try Message(json: body).stopReason == .endTurn)
                    for stream in streamed { #expect(try Self.message(of: stream) == body) }
                    var calls = 0
                    for gateway in others { calls += try await gateway.upstreamCalls() ?? -1 }
                    #expect(calls == 1)
                }
            }
        }
    }

    /// Asks each gateway so often for the whole answer and so often for the stream, all at once.
    private static func ask(
        _ gateways: [ServedGateway], _ question: String, times: Int
    ) async throws -> (whole: [[UInt8]], streamed: [[UInt8]]) {
        try await withThrowingTaskGroup(of: (Bool, [UInt8]).self) { group in
            for gateway in gateways {
                for number in 0..<2 * times {
                    let isStreaming = number % 2 == 1
                    group.addTask {
                        (isStreaming, try await gateway.ask(question, isStreaming: isStreaming).body)
                    }
                }
            }
            return try await group.reduce(into: ([], [])) { $1.0 ? $0.1.append($1.1) : $0.0.append($1.1) }
        }
    }

    /// The message that a stream tells, whole.
    private static func message(of stream: [UInt8]) throws -> [UInt8]? {
        var (parser, assembler) = (SSEParser(), MessageAssembler())
        var events: [ServerSentEvent] = []
        try parser.feed(stream, into: &events)
        for event in events { assembler.consume(event) }
        guard case .message(let body) = assembler.finish() else { return nil }
        return body
    }

    @Test func aPurgeOnOneIsObeyedByTheTwoOthers() async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: "0", "--tokens-per-second", "100000") { upstream in
                try await ServedGateway.with(3, redis: server.url, upstream: upstream) { gateways in
                    let others = Array(gateways.dropFirst())
                    for round in 0..<3 {
                        let question = "question \(round)"
                        let answer = try await gateways[0].ask(question, tags: "release")
                        for other in others {
                            try await Self.wait("it is shared") { try await other.find(answer.key) == "redis" }
                            _ = try await other.ask(question, tags: "release")
                            #expect(try await other.ask(question).cache == "HIT-MEMORY")
                        }
                        #expect(try await gateways[0].purge(tag: "release") == 200)
                        let end = ContinuousClock.now + .seconds(2)
                        for other in others {
                            try await StoreFixture.until(end - ContinuousClock.now) {
                                try await other.find(answer.key) == nil
                            }
                        }
                        #expect(try await others[0].ask(question).cache == "MISS")
                    }
                }
            }
        }
    }

    /// Waits for what has to come, and names it where it does not.
    private static func wait(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        do {
            try await StoreFixture.until { try await condition() }
        } catch is StoreFixture.TimedOut {
            Issue.record(what)
            throw StoreFixture.TimedOut()
        }
    }

    private static func withPair(
        _ body: (ServedGateway, ServedGateway, RedisServer) async throws -> Void
    ) async throws {
        try await withRedisServer { server in
            try await withSimulatedClaude(latency: "0", "--tokens-per-second", "100000") { upstream in
                try await ServedGateway.with(redis: server.url, upstream: upstream) { first in
                    try await ServedGateway.with(redis: server.url, upstream: upstream) { second in
                        try await body(first, second, server)
                    }
                }
            }
        }
    }

    /// What the gateways do while Redis does nothing.
    private static func doWithout(
        _ first: ServedGateway, _ second: ServedGateway, _ known: ServedGateway.Answer, _ what: String
    ) async throws {
        for (gateway, name) in [(first, "first"), (second, "second")] {
            for index in 0..<8 {
                let question = "\(what) \(name) \(index)"
                #expect(try await gateway.ask(question).cache == "MISS", "\(question)")
                #expect(try await gateway.ask(question).cache == "HIT-MEMORY", "\(question)")
            }
            let hit = try await gateway.ask("known")
            #expect(hit.cache == "HIT-MEMORY" && hit.body == known.body, "within the grace, memory is answered from")
            try await Self.wait("\(name) is degraded") { try await gateway.readiness().state == "degraded" }
            let readiness = try await gateway.readiness()
            #expect(readiness.status == 200 && readiness.redis != "ok", "\(readiness)")
        }
    }

    /// Asks the first, and then the second, until that gives the first's answer from Redis. A busy machine may take longer
    /// than a request waits for Redis, and then each asks for itself.
    ///
    /// - Returns: What was asked, and the answer. Two calls of the simulated Claude have two answers.
    @discardableResult
    private static func share(
        _ first: ServedGateway, _ second: ServedGateway, _ what: String
    ) async throws -> (question: String, body: [UInt8]) {
        for (gateway, name) in [(first, "first"), (second, "second")] {
            try await Self.wait("\(name) is ready") { try await gateway.readiness().state == "ready" }
        }
        for number in 0..<100 {
            let question = "\(what) \(number)"
            let answer = try await first.ask(question)
            #expect(answer.cache == "MISS")
            // Nobody waits for the write to Redis.
            var looks = 0
            while looks < 100, try await second.find(answer.key) != "redis" { looks += 1 }
            let shared = try await second.ask(question)
            guard shared.cache == "HIT-REDIS" else { continue }
            #expect(shared.body == answer.body)
            return (question, answer.body)
        }
        Issue.record("they do not share")
        throw StoreFixture.TimedOut()
    }
}
