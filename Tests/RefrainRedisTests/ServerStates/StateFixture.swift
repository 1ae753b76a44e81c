import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// What tests of the states of a server have in common.
extension StoreFixture {
    /// The answer to the request of a number.
    static func body(_ number: Int) -> [UInt8] { SampleMessage.json("answer \(number)") }

    /// Asks for the answers of `numbers` one after the other, and checks that each caller gets its own.
    static func ask(
        _ cache: ResponseCache, _ numbers: Range<Int>, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for number in numbers {
            let upstream = ScriptedUpstream(message: Self.body(number))
            let answer = try await cache.respond(to: CacheRequest(key: Self.key(number)), upstream: upstream.call)
            #expect(answer.body == Self.body(number), sourceLocation: sourceLocation)
        }
    }

    /// Asks for new answers, from `first` on, until one of them is stored in the server.
    static func untilItStores(_ cache: ResponseCache, _ server: RedisServer, from first: Int) async throws {
        var next = first
        try await Self.until {
            try await Self.ask(cache, next..<next + 1)
            next += 1
            return try await server.cli("EXISTS", "refrain:test:{\(Self.key(next - 1).hex)}:v") == "1"
        }
    }

    /// Waits until the store's calls fail with this text in the message.
    static func untilItFails(_ store: RedisStore, with text: String) async throws {
        try await Self.until {
            await storeError { () throws(StoreError) in try await store.get(Self.key) }?.message.contains(text) == true
        }
    }

    /// Whether memory serves the answer under ``key``.
    static func isServed(_ cache: ResponseCache) -> Bool {
        cache.lookup(Self.key, policy: CachePolicy()) != nil
    }

    /// Asks for the answer under ``key``, with the tag `t`.
    static func ask(_ cache: ResponseCache, _ upstream: ScriptedUpstream) async throws -> CachedResponse {
        try await cache.respond(
            to: CacheRequest(key: Self.key, policy: CachePolicy(tags: ["t"])), upstream: upstream.call)
    }
}
