import RefrainCore
import RefrainKeys
import RefrainTesting

@testable import RefrainRedis

/// What tests of the store have in common.
enum StoreFixture {
    static let key = RequestKey(memoizing: "a request", in: "RefrainRedisTests")

    static func key(_ number: Int) -> RequestKey { RequestKey(memoizing: "\(number)", in: "RefrainRedisTests") }

    /// A store in a namespace of the test's own.
    static func store(
        _ url: String, namespace: String = "test", time: TimeSource = .system,
        _ change: (inout RedisConfiguration, inout RedisStore.Configuration) -> Void = { _, _ in }
    ) throws -> RedisStore {
        var redis = try RedisConfiguration(url: url)
        // Tests share the machine: those of time-outs set their own.
        redis.commandTimeout = .seconds(10)
        redis.connectTimeout = .seconds(10)
        redis.reconnectDelay = .milliseconds(20) ... .milliseconds(200)
        var configuration = RedisStore.Configuration(namespace: namespace)
        change(&redis, &configuration)
        return try RedisStore(redis, configuration, time: time)
    }

    /// Runs `body` with a store that has reached its server, and shuts that down.
    static func withStore<Result>(
        _ url: String, namespace: String = "test", isReachable: Bool = true,
        _ change: (inout RedisConfiguration, inout RedisStore.Configuration) -> Void = { _, _ in },
        _ body: (RedisStore) async throws -> Result
    ) async throws -> Result {
        let store = try self.store(url, namespace: namespace, change)
        do {
            if isReachable { try await self.until { (try? await store.generation()) != nil } }
            let result = try await body(store)
            await store.shutdown()
            return result
        } catch {
            await store.shutdown()
            throw error
        }
    }

    /// An envelope of the store's present generation.
    static func envelope(
        _ key: RequestKey = Self.key, in store: RedisStore, labels: [Label] = [],
        body: [UInt8] = SampleMessage.json("hello"),
        lifetime: Duration = .seconds(3_600)
    ) async throws -> Envelope {
        let now = TimeSource.system.now()
        return Envelope(
            key: key, form: .message, created: now, freshUntil: now.advanced(by: lifetime),
            staleUntil: now.advanced(by: lifetime), generation: try await store.generation(), labels: labels,
            details: .init(), headers: [], body: body)
    }

    /// A cache with memory of its own in front of a store. It has more patience with Redis than by default, since tests
    /// share the machine: those of its budget set that.
    static func cache(_ store: RedisStore, _ change: (inout ResponseCache.SecondTier) -> Void = { _ in })
        -> ResponseCache
    {
        var tier = ResponseCache.SecondTier.redis(store)
        tier.readBudget = .seconds(5)
        tier.writeBudget = .seconds(5)
        change(&tier)
        return ResponseCache(
            memory: MemoryStore(.init(bytes: 16 << 20), generations: store.generations), second: tier)
    }

    /// Waits until `condition` holds: it looks again and again, a millisecond apart, for `limit` at most.
    static func until(
        _ limit: Duration = .seconds(20), _ condition: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < end else { throw TimedOut() }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    struct TimedOut: Error {}
}

extension CachedStream {
    /// Its events, read to the end.
    func events() async throws -> [ServerSentEvent] {
        var parser = SSEParser()
        var events: [ServerSentEvent] = []
        for try await chunk in self { try parser.feed(chunk, into: &events) }
        return events
    }
}
