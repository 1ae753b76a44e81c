import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// The table of faults: what was done to Redis or to the way there, how many requests met it, and what became of them.
@Suite(.serialized, .enabled(if: Figures.areWanted))
struct FaultFigures {
    @Test func faults() async throws {
        let table = FigureTable([
            ("", 3), ("fault", 42), ("struck", 7), ("requests", 8), ("from Redis", 10), ("violations", 10),
            ("worst added", 11), ("of shared keys", 14), ("calls a key", 11), ("healed in", 9),
        ])
        let scenarios =
            [.none] + FaultScenario.process + FaultScenario.network + FaultScenario.replies + FaultScenario.commands
            + FaultScenario.callers
        for scenario in scenarios {
            let outcome = try await Self.outcome(of: scenario)
            table.row([
                scenario.id, scenario.name, "\(outcome.struck)", "\(outcome.requests)", "\(outcome.redisHits)",
                "\(outcome.wrongAnswers + outcome.errors.count)", Figures.milliseconds(outcome.worst),
                Figures.milliseconds(outcome.worstShared), "\(outcome.mostCalls)", Figures.seconds(outcome.healing),
            ])
            #expect(
                outcome.wrongAnswers == 0 && outcome.errors.isEmpty, "\(scenario.name): \(outcome.errors.prefix(3))")
            #expect(outcome.requests >= FaultBench.requests && outcome.healing != nil, "\(scenario.name)")
            // Each of three instances by itself at the worst; twice where memory was forgotten in between.
            #expect(outcome.mostCalls <= (scenario.losesRecord ? 6 : 3), "\(scenario.name)")
        }
    }

    private static func outcome(of scenario: FaultScenario) async throws -> FaultBench.Outcome {
        try await withRedisServer(scenario.options) { server in
            guard scenario.isProxied else { return try await FaultBench(server, through: nil).run(scenario.strike) }
            return try await withFaultProxy(to: server.port, seed: 7) { proxy in
                try await FaultBench(server, through: proxy).run(scenario.strike)
            }
        }
    }

    // MARK: Stored values

    /// Every bit of a stored value flipped, every shorter length of it, and other values in its place.
    @Test func damage() async throws {
        let table = FigureTable([
            ("", 3), ("stored value", 42), ("struck", 7), ("requests", 8), ("given", 5), ("violations", 10),
        ])
        try await withRedisServer { server in
            try await StoreFixture.withStore(server.url, namespace: FaultBench.namespace) { store in
                let cache = StoreFixture.cache(store)
                for number in 0..<2 {
                    let key = StoreFixture.key(number)
                    try await store.set(
                        key, try await StoreFixture.envelope(key, in: store, body: FaultBench.answer(number)))
                }
                let value = try await Self.value(0, in: server)
                let other = try await Self.value(1, in: server)
                let flipped = (0..<value.count * 8).map { bit in
                    var bytes = value
                    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                    return bytes
                }
                let repeats = FaultBench.requests
                for (name, values) in [
                    ("as it was", Array(repeating: value, count: repeats)), ("each bit flipped", Self.enough(flipped)),
                    ("cut to each length", Self.enough((0..<value.count).map { Array(value.prefix($0)) })),
                    ("another key's", Array(repeating: other, count: repeats)),
                    ("with bytes after its end", Self.enough((1...100).map { value + other.prefix($0) })),
                ] {
                    let (given, wrong) = try await Self.ask(cache, server, values)
                    table.row(["F11", name, "\(values.count)", "\(values.count)", "\(given)", "\(wrong)"])
                    #expect(wrong == 0)
                    #expect(given == (name == "as it was" ? repeats : 0), "\(name)")
                }
            }
        }
    }

    /// Puts one value after the other in the entry's place, and asks for it. How many were given, and how many answers
    /// were wrong.
    private static func ask(
        _ cache: ResponseCache, _ server: RedisServer, _ values: [[UInt8]]
    ) async throws -> (given: Int, wrong: Int) {
        let name = Array(FaultBench.name(0).utf8)
        let request = CacheRequest(key: StoreFixture.key(0), policy: CachePolicy(mode: .readOnly))
        let right = FaultBench.answer(0)
        var (given, wrong) = (0, 0)
        for value in values {
            try await server.call([Array("SET".utf8), name, value])
            cache.memory.remove(request.key)
            let answer = try await cache.respond(to: request) { _ in
                HTTPResponse(
                    status: 200, headers: [HTTPHeader("content-type", "application/json")], body: ByteStream(right))
            }
            if answer.body != right { wrong += 1 }
            if case .hit(.redis, _) = answer.cache { given += 1 }
        }
        return (given, wrong)
    }

    private static func value(_ number: Int, in server: RedisServer) async throws -> [UInt8] {
        let reply = try await server.call(["GET", FaultBench.name(number)].map { Array($0.utf8) })
        guard case .bulk(let bytes?) = reply else { throw StoreFixture.TimedOut() }
        return bytes
    }

    /// As often as it takes for enough requests.
    private static func enough(_ values: [[UInt8]]) -> [[UInt8]] {
        (0..<max(values.count, FaultBench.requests)).map { values[$0 % values.count] }
    }
}
