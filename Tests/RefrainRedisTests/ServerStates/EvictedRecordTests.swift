import NIOCore
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// A server that is too small, and in the end evicts the generation record itself.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct EvictedRecordTests {
    private typealias Fixture = StoreFixture

    private static let policies = ["allkeys-lru", "allkeys-lfu"]
    private static let names = RedisNames(namespace: "test")
    private static let value = Self.names.value(Fixture.key)

    private func options(_ policy: String) -> RedisServer.Options {
        .init(configuration: ["maxmemory-policy \(policy)", "notify-keyspace-events Ee", "lfu-log-factor 0"])
    }

    /// Stores an answer, purges it, and gives its bytes back as Redis dumps them.
    private func storeAndPurge(_ store: RedisStore, _ cache: ResponseCache, _ server: RedisServer) async throws
        -> [UInt8]
    {
        _ = try await Fixture.ask(cache, ScriptedUpstream(message: Fixture.body(1)))
        try await Fixture.until { try await store.get(Fixture.key) != nil }
        let dump = try await server.call(["DUMP", Self.value].map { Array($0.utf8) })
        guard case .bulk(let bytes?) = dump else { throw Fixture.TimedOut() }
        try await cache.purge(.label(.tag("t")))
        #expect(try await store.get(Fixture.key) == nil)
        return bytes
    }

    /// Writes values of somebody else's into a server that has no room for them, until it tells that it has evicted the
    /// record; then gives it room again.
    private func evictRecord(_ server: RedisServer) async throws {
        let watching = try await server.connect()
        _ = try await watching.command(["SUBSCRIBE", "__keyevent@0__:evicted"])
        let used = try #require(try await server.info("used_memory").flatMap { Int($0) })
        try await server.cli("CONFIG", "SET", "maxmemory", "\(used + (256 << 10))")
        let filler = try await server.connect()
        let writing = Task {
            var number = 0
            let value = String(repeating: "x", count: 32 << 10)
            while !Task.isCancelled {
                // Read more often than the record is, which is read each second.
                let reads = Array(repeating: ["STRLEN", "filler:\(number)"], count: 200)
                _ = try await filler.pipeline([["SET", "filler:\(number)", value]] + reads)
                number += 1
            }
        }
        var evicted = ""
        while evicted != Self.names.record {
            guard case .array(let parts?) = try await watching.reply(within: .seconds(60)) else { continue }
            evicted = parts.last?.text ?? ""
        }
        writing.cancel()
        _ = await writing.result
        try await server.cli("CONFIG", "SET", "maxmemory", "0")
        await watching.close()
        await filler.close()
    }

    @Test(arguments: Self.policies)
    func bringsNothingBackToThoseWhoKnow(_ policy: String) async throws {
        try await withRedisServer(self.options(policy)) { server in
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url) { two in
                    let caches = [Fixture.cache(one), Fixture.cache(two)]
                    let bytes = try await self.storeAndPurge(one, caches[0], server)
                    try await two.keeper.refresh()
                    let epoch = one.generations.stamp().epoch
                    try await self.evictRecord(server)
                    // As if the value had outlived it.
                    try await server.restore(Self.value, bytes)
                    let upstream = ScriptedUpstream(message: Fixture.body(2))
                    for cache in caches { #expect(try await Fixture.ask(cache, upstream).body == Fixture.body(2)) }
                    try await Fixture.until {
                        let epochs = Set([one, two].map { $0.generations.stamp().epoch })
                        return epochs.count == 1 && !epochs.contains(epoch)
                    }
                    // Again, since the new answer may have come after it.
                    for _ in 0..<10 {
                        try await server.restore(Self.value, bytes)
                        for store in [one, two] {
                            #expect(try await store.get(Fixture.key)?.body != Fixture.body(1))
                        }
                    }
                    try await Fixture.untilItStores(caches[0], server, from: 100)
                }
            }
        }
    }

    @Test(arguments: Self.policies)
    func bringsNothingBackToThoseWhoCome(_ policy: String) async throws {
        try await withRedisServer(self.options(policy)) { server in
            let bytes = try await Fixture.withStore(server.url) { store in
                try await self.storeAndPurge(store, Fixture.cache(store), server)
            }
            // Nobody is there who reads the record, or who could write it anew.
            try await self.evictRecord(server)
            #expect(try await server.cli("EXISTS", Self.names.record) == "0")
            try await server.restore(Self.value, bytes)
            try await Fixture.withStore(server.url) { store in
                #expect(try await store.get(Fixture.key) == nil)
                let answer = try await Fixture.ask(Fixture.cache(store), ScriptedUpstream(message: Fixture.body(2)))
                #expect(answer.cache == .miss(.absent) && answer.body == Fixture.body(2))
            }
        }
    }
}

extension RedisServer {
    /// Puts a value back that was dumped.
    fileprivate func restore(_ key: String, _ dump: [UInt8]) async throws {
        try await self.call([Array("RESTORE".utf8), Array(key.utf8), Array("0".utf8), dump, Array("REPLACE".utf8)])
    }
}
