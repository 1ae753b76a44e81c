import RefrainTesting
import Testing

@testable import RefrainCore

/// What a hit takes from the heap. Skipped where that cannot be counted: with sanitizers, and without glibc.
@Suite(.enabled(if: allocationsAreCounted)) struct HitAllocationTests {
    /// Holds in debug builds too.
    @Test func aLookupTakesNothing() async throws {
        let cache = ResponseCache(memory: MemoryStore())
        let upstream = ScriptedUpstream(message: CacheFixture.message)
        let policy = CachePolicy(tags: ["a"], version: "v")
        _ = try await cache.respond(
            to: CacheRequest(key: CacheFixture.key, policy: policy), upstream: upstream.call)
        let count = allocations {
            if cache.lookup(CacheFixture.key, policy: policy) == nil { Issue.record("no hit") }
        }
        #expect(count == 0)
    }
}
