import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// What a Redis that is frozen for ten seconds costs callers, at 200 requests a second, with the budgets by default.
@Suite(.serialized, .enabled(if: Figures.areWanted))
struct FrozenFigures {
    private enum Phase: Int, CaseIterable, CustomStringConvertible {
        case start, healthy, breakerClosed, breakerOpen, thawed

        var description: String {
            switch self {
            case .start: "starting"
            case .healthy: "healthy"
            case .breakerClosed: "frozen, breaker closed"
            case .breakerOpen: "frozen, breaker open"
            case .thawed: "thawed"
            }
        }
    }

    private struct Sample {
        var phase: Phase
        var isHot: Bool
        var added: Duration
        var isRight: Bool
    }

    private static let every = Duration.milliseconds(5)
    private static let hotKeys = 10

    @Test func frozenForTenSeconds() async throws {
        let table = FigureTable([
            ("Redis", 24), ("keys", 8), ("requests", 8), ("added p50 / p99 / worst", 30), ("over 10 ms", 10),
        ])
        let samples = try await withRedisServer { server in
            let store = try RedisStore(RedisConfiguration(url: server.url), .init(namespace: FaultBench.namespace))
            let cache = ResponseCache(
                memory: MemoryStore(.init(bytes: 64 << 20), generations: store.generations), second: .redis(store))
            try await StoreFixture.until { (try? await store.generation()) != nil }
            let samples = try await Self.load(cache, server)
            print("the breaker opened \(cache.statistics.breakerOpenings) times")
            await cache.shutdown()
            return samples
        }
        for phase in Phase.allCases {
            for isHot in [false, true] {
                let some = samples.filter { $0.phase == phase && $0.isHot == isHot }
                table.row([
                    "\(phase)", isHot ? "hot" : "distinct", "\(some.count)", Figures.spread(some.map(\.added)),
                    "\(some.count { $0.added > .milliseconds(10) })",
                ])
            }
        }
        #expect(samples.count { !$0.isRight } == 0)
    }

    /// One request each 5 ms, whatever became of those before: each fourth of a hot key, the others of their own keys.
    private static func load(_ cache: ResponseCache, _ server: RedisServer) async throws -> [Sample] {
        // Four seconds healthy, ten frozen, six thawed; and before that as long as it takes until Redis was asked for all
        // of a second, for a minute at most.
        let (freezing, thawing, end) = (800, 2_800, 4_000)
        for key in 0..<Self.hotKeys { _ = await Self.ask(cache, key, .start) }
        return try await withThrowingTaskGroup(of: Sample.self) { group in
            let start = ContinuousClock.now
            var (begun, skips, lastSkip) = (0, 0, 0)
            var number = 0
            while number < begun + end {
                defer { number += 1 }
                try await Task.sleep(until: start + Self.every * number, clock: .continuous)
                let skipsNow = cache.statistics.tierSkips
                if number <= begun + freezing, skipsNow != skips { (skips, lastSkip) = (skipsNow, number) }
                if number < begun + freezing, number - lastSkip < 200, begun < 12_000 { begun = number }
                if number == begun + freezing { server.freeze() }
                if number == begun + thawing { server.thaw() }
                let phase: Phase =
                    if number == begun {
                        .start
                    } else if number < begun + freezing {
                        .healthy
                    } else if number >= begun + thawing {
                        .thawed
                    } else if skipsNow == skips {
                        .breakerClosed
                    } else {
                        .breakerOpen
                    }
                let key = number % 4 == 0 ? number / 4 % Self.hotKeys : 1_000 + number
                group.addTask { await Self.ask(cache, key, phase) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func ask(_ cache: ResponseCache, _ key: Int, _ phase: Phase) async -> Sample {
        let upstream = Locked(Duration.zero)
        let start = ContinuousClock.now
        var isRight = false
        do {
            let answer = try await cache.respond(to: CacheRequest(key: StoreFixture.key(key))) { _ in
                let began = ContinuousClock.now
                try await Task.sleep(for: .milliseconds(1))
                let response = HTTPResponse(
                    status: 200, headers: [HTTPHeader("content-type", "application/json")],
                    body: ByteStream(FaultBench.answer(key)))
                upstream.withLock { $0 = ContinuousClock.now - began }
                return response
            }
            isRight = answer.body == FaultBench.answer(key)
        } catch {
            Issue.record(error)
        }
        let added = ContinuousClock.now - start - upstream.withLock { $0 }
        return Sample(phase: phase, isHot: key < Self.hotKeys, added: added, isRight: isRight)
    }
}
