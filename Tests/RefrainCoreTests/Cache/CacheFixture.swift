import RefrainKeys
import RefrainTesting

@testable import RefrainCore

/// A cache on a manual clock, and what most of its tests ask of it.
struct CacheFixture: Sendable {
    let clock = ManualClock()
    let cache: ResponseCache
    static let key = RequestKey(memoizing: "request", in: "tests")
    static let message = SampleMessage.json("Hello, world")

    init(
        limits: ResponseCache.Limits = .init(), second: ResponseCache.SecondTier? = nil,
        memory: MemoryStore.Configuration = .init(bytes: 64 << 20)
    ) {
        self.cache = ResponseCache(
            memory: MemoryStore(memory, time: self.clock.time), second: second, limits: limits, time: self.clock.time)
    }

    func request(
        _ policy: CachePolicy = CachePolicy(), key: RequestKey = Self.key, credential: String = "a",
        model: String = "claude-sonnet-4-5", bodyBytes: Int = 0, toolUseIDs: [String] = []
    ) -> CacheRequest {
        CacheRequest(
            key: key, policy: policy, credential: credential, model: model, bodyBytes: bodyBytes,
            toolUseIDs: { toolUseIDs })
    }

    func respond(
        _ upstream: ScriptedUpstream, _ policy: CachePolicy = CachePolicy(), credential: String = "a"
    ) async throws -> CachedResponse {
        try await self.cache.respond(
            to: self.request(policy, credential: credential), upstream: upstream.call)
    }

    func stream(
        _ upstream: ScriptedUpstream, _ policy: CachePolicy = CachePolicy(), credential: String = "a"
    ) async throws -> CachedStream {
        try await self.cache.stream(self.request(policy, credential: credential), upstream: upstream.call)
    }

    /// Waits until that many callers sit in the key's flight.
    func waitForCallers(_ count: Int, key: RequestKey = Self.key) async {
        await until { (self.cache.table.withLock { $0.flight(for: key) }?.callerCount ?? 0) >= count }
    }

    /// Waits until no flight's task is under way.
    func waitUntilIdle() async {
        await until { self.cache.table.withLock { $0.isIdle } }
    }
}

/// Waits until something is so, letting others run meanwhile. The suites' time limits end a wait in vain.
func until(_ isSo: () -> Bool) async {
    while !isSo(), !Task.isCancelled { await Task.yield() }
}

extension CachedStream {
    /// All of the stream.
    func collected() async throws -> [[UInt8]] {
        var events: [[UInt8]] = []
        for try await event in self { events.append(event) }
        return events
    }
}

/// The names of events, by their `event:` lines.
func names(_ events: [[UInt8]]) -> [String] {
    events.map { event in
        let line = event.prefix { $0 != 0x0A }
        return String(decoding: line.dropFirst("event: ".utf8.count), as: UTF8.self)
    }
}
