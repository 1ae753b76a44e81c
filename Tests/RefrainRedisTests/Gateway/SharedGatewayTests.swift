import Refrain
import RefrainCore
import TestSupport
import Testing

/// Two processes of `refrain serve --redis` in front of one simulated Claude, on one Redis.
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
