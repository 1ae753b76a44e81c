import RefrainCore
import RefrainKeys
import Testing

@testable import RefrainRedis

/// A server that is there and serves nobody: to callers it is as if it were down, and it heals.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct UnavailableServerTests {
    private typealias Fixture = StoreFixture

    private func cache(_ store: RedisStore) -> ResponseCache {
        Fixture.cache(store) {
            $0.readBudget = .milliseconds(50)
            $0.openFor = .milliseconds(50)
        }
    }

    /// Answers of requests that nobody asked before, until the breaker has opened.
    private func askUntilItIsLeftAlone(_ cache: ResponseCache, from first: Int) async throws {
        let openings = cache.statistics.breakerOpenings
        var next = first
        try await Fixture.until {
            try await Fixture.ask(cache, next..<next + 1)
            next += 1
            return cache.statistics.breakerOpenings > openings
        }
    }

    @Test func aScriptWithoutEnd() async throws {
        try await withRedisServer(.init(configuration: ["lua-time-limit 10"])) { server in
            try await Fixture.withStore(server.url) { store in
                let cache = self.cache(store)
                try await store.set(Fixture.key, try await Fixture.envelope(in: store))
                let looping = try await server.connect()
                try await looping.send("*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n")
                try await Fixture.untilItFails(store, with: "BUSY")
                let error = await storeError { () throws(StoreError) in try await store.get(Fixture.key) }
                #expect(error?.description == "unavailable: the server answered BUSY")
                try await self.askUntilItIsLeftAlone(cache, from: 100)
                #expect(try await server.cli("SCRIPT", "KILL") == "OK")
                _ = try await looping.reply()
                try await Fixture.untilItStores(cache, server, from: 1_000)
                #expect(try await store.get(Fixture.key) != nil)
            }
        }
    }

    @Test(.enabled(if: RedisServer.loadsSlowly, "a server can be made to load slowly from Redis 7 on"))
    func loadingItsData() async throws {
        let options = RedisServer.Options(configuration: ["rdbcompression no"])
        try await withRedisServer(options) { server in
            try await Fixture.withStore(server.url) { store in
                let cache = self.cache(store)
                let old = try await Fixture.envelope(in: store)
                try await store.set(Fixture.key, old)
                let epoch = store.generations.stamp().epoch
                let filling = "for i = 1, 1000 do redis.call('set', 'filler:' .. i, string.rep('x', 1024)) end"
                try await server.cli("EVAL", filling, "0")
                try await server.restart(.saved, loadingEachKeyIn: .milliseconds(20), until: .answering)
                try await Fixture.untilItFails(store, with: "LOADING")
                let error = await storeError { () throws(StoreError) in try await store.get(Fixture.key) }
                #expect(error?.description == "unavailable: the server answered LOADING")
                try await self.askUntilItIsLeftAlone(cache, from: 100)
                try await server.cli("CONFIG", "SET", "key-load-delay", "0")
                try await server.waitUntil(.serving)
                try await Fixture.untilItStores(cache, server, from: 1_000)
                #expect(try await store.get(Fixture.key)?.body == old.body, "nothing was lost, so it is readable")
                #expect(store.generations.stamp().epoch == epoch)
            }
        }
    }

    @Test func noMoreClients() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let cache = self.cache(store)
                try await server.cli("CONFIG", "SET", "maxclients", "1")
                for client in try await server.clients() {
                    try await server.cli("CLIENT", "KILL", "ID", "\(client.id)")
                }
                // A reset may overtake the server's last words.
                try await Fixture.until {
                    await storeError { () throws(StoreError) in try await store.verify() }?.description
                        == "unavailable: the server takes no more connections"
                }
                try await self.askUntilItIsLeftAlone(cache, from: 100)
                try await server.cli("CONFIG", "SET", "maxclients", "1000")
                try await Fixture.untilItStores(cache, server, from: 1_000)
            }
        }
    }
}
