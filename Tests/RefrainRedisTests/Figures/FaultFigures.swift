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
            ("added p99 / worst", 20), ("of shared keys", 14), ("calls a key", 11), ("healed in", 9), ("memory", 8),
            ("left", 4),
        ])
        // What a process opens once, and for good, is no row's.
        _ = try await FaultScenario.none.outcome(.test)
        for scenario in FaultScenario.all {
            let outcome = try await scenario.outcome(.figures)
            table.row([
                scenario.id, scenario.name, "\(outcome.struck)", "\(outcome.requests)", "\(outcome.redisHits)",
                "\(outcome.wrongAnswers + outcome.errors.count)",
                "\(Figures.milliseconds(outcome.slow)) / \(Figures.milliseconds(outcome.worst))",
                Figures.milliseconds(outcome.worstShared), "\(outcome.mostCalls)", Figures.seconds(outcome.healing),
                outcome.memory.map { "\($0 >> 20) MiB" } ?? "unknown",
                "\((outcome.isLeft ? 1 : 0) + (outcome.descriptors ?? 0))",
            ])
            outcome.expectInvariants(of: scenario, .figures)
            // Suites run one after the other here, so that what the process holds is the bench's.
            #expect((outcome.memory ?? 0) < FaultBench.Outcome.memoryBound, "I6: \(scenario.name)")
            #expect((outcome.descriptors ?? 0) <= 0, "I7: \(scenario.name) left file descriptors open")
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
                let before = ProcessHoldings.memory()
                for (name, values) in [
                    ("as it was", Array(repeating: value, count: repeats)), ("each bit flipped", Self.enough(flipped)),
                    ("cut to each length", Self.enough((0..<value.count).map { Array(value.prefix($0)) })),
                    ("another key's", Array(repeating: other, count: repeats)),
                    ("with bytes after its end", Self.enough((1...100).map { value + other.prefix($0) })),
                    (
                        "claims to inflate to 512 MB",
                        Array(repeating: Self.claiming(value, raw: 512 << 20), count: repeats)
                    ),
                    (
                        "64 KB that claim to be 512 MB",
                        Array(
                            repeating: Self.claiming(value, stored: 512 << 20, raw: 512 << 20, upTo: 70_000),
                            count: repeats)
                    ),
                ] {
                    let (given, wrong) = try await Self.ask(cache, server, values)
                    table.row(["F11", name, "\(values.count)", "\(values.count)", "\(given)", "\(wrong)"])
                    #expect(wrong == 0)
                    #expect(given == (name == "as it was" ? repeats : 0), "\(name)")
                    if let before, let now = ProcessHoldings.memory() {
                        #expect(now - before < FaultBench.Outcome.memoryBound, "I6: \(name)")
                    }
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

    /// A value whose header says other lengths of its body, right but for that, and filled up with zeros.
    private static func claiming(_ value: [UInt8], stored: UInt64? = nil, raw: UInt64, upTo size: Int = 0) -> [UInt8] {
        var bytes = Array(value.dropLast(4))
        // The shortest has what is fixed, two empty strings and a checksum; what is fixed ends with the two lengths and four
        // numbers of two bytes.
        let lengths = EnvelopeCodec.minimumBytes - 8 - 24
        for index in 0..<8 {
            bytes[lengths + index] = UInt8(truncatingIfNeeded: raw >> UInt64(8 * index))
            if let stored { bytes[lengths + 8 + index] = UInt8(truncatingIfNeeded: stored >> UInt64(8 * index)) }
        }
        bytes += [UInt8](repeating: 0, count: max(0, size - bytes.count))
        let checksum = bytes.withUnsafeBytes { CRC32C.checksum($0) }
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
    }

    /// As often as it takes for enough requests.
    private static func enough(_ values: [[UInt8]]) -> [[UInt8]] {
        (0..<max(values.count, FaultBench.requests)).map { values[$0 % values.count] }
    }
}
