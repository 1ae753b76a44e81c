import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct SharedPurgeTests {
    private typealias Fixture = StoreFixture

    /// Two instances that both have an answer with a tag in memory.
    private func withTwo(
        _ server: RedisServer, url: String? = nil,
        _ body: (_ one: ResponseCache, _ two: ResponseCache, _ ask: (ResponseCache) async throws -> CacheStatus)
            async throws -> Void
    ) async throws {
        let upstream = ScriptedUpstream { number, _ in .message(SampleMessage.json("answer \(number)")) }
        let policy = CachePolicy(tags: ["t"])
        func ask(_ cache: ResponseCache) async throws -> CacheStatus {
            try await cache.respond(to: CacheRequest(key: Fixture.key, policy: policy), upstream: upstream.call).cache
        }
        try await Fixture.withStore(server.url) { one in
            try await Fixture.withStore(url ?? server.url) { two in
                let (first, second) = (Fixture.cache(one), Fixture.cache(two))
                #expect(try await ask(first) == .miss(.absent))
                try await Fixture.until { try await one.get(Fixture.key) != nil }
                let shared = try await ask(second)
                guard case .hit(.redis, _) = shared else { throw Fixture.TimedOut() }
                #expect(second.lookup(Fixture.key, policy: policy) != nil)
                try await body(first, second, ask)
            }
        }
    }

    private func isServed(_ cache: ResponseCache) -> Bool { cache.lookup(Fixture.key, policy: CachePolicy()) != nil }

    @Test(arguments: [Purge.label(.tag("t")), .all, .before(.distantFuture), .key(StoreFixture.key)])
    func aPurgeReachesTheOthers(_ purge: Purge) async throws {
        try await withRedisServer { server in
            try await self.withTwo(server) { one, two, _ in
                // The listening connection is there: then it takes milliseconds, and 2 s are the bound.
                try await Fixture.until { try await server.clients(type: "pubsub").count == 2 }
                let start = ContinuousClock.now
                try await one.purge(purge)
                #expect(!self.isServed(one))
                try await Fixture.until(.seconds(2)) { !self.isServed(two) }
                #expect(ContinuousClock.now - start < .seconds(2))
            }
        }
    }

    @Test func aPurgeReachesThoseWhoseLinkIsCut() async throws {
        try await withRedisServer { server in
            try await self.withTwo(server) { one, two, _ in
                for client in try await server.clients(type: "pubsub") {
                    _ = try await server.cli("CLIENT", "KILL", "ID", "\(client.id)")
                }
                try await one.purge(.label(.tag("t")))
                try await Fixture.until(.seconds(2)) { !self.isServed(two) }
            }
        }
    }

    @Test func aSilentlyDeadLinkIsNoticed() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: .port(server.port)) { proxy in
                try await self.withTwo(server, url: "redis://127.0.0.1:\(proxy.port)") { one, two, _ in
                    try await Fixture.until { try await server.clients(type: "pubsub").count == 2 }
                    let ports = try await Set(server.clients(type: "pubsub").compactMap(\.port))
                    for connection in try await proxy.connections where ports.contains(connection.portAtServer ?? 0) {
                        try await proxy.set(.blackhole(.losing), on: connection.id)
                    }
                    try await one.purge(.label(.tag("t")))
                    try await Fixture.until(.seconds(2)) { !self.isServed(two) }
                }
            }
        }
    }

    @Test func aServerThatCannotBeReachedEndsTheServiceAfterItsGrace() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.partitionGrace = .milliseconds(200) }) { store in
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: SampleMessage.json("x"))
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                #expect(self.isServed(cache))
                server.freeze()
                try await Fixture.until(.seconds(6)) { !self.isServed(cache) }
                #expect(cache.statistics.readsOnGrace > 0)
                server.thaw()
                try await Fixture.until(.seconds(10)) { self.isServed(cache) }
            }
        }
    }

    @Test(arguments: ["FLUSHALL", "FLUSHDB", "DEL"])
    func aLostRecordMakesMisses(_ how: String) async throws {
        try await withRedisServer { server in
            try await self.withTwo(server) { one, two, ask in
                try await one.purge(.label(.tag("t")))
                #expect(try await ask(one) == .miss(.absent))
                let epoch = one.memory.generations.stamp().epoch
                if how == "DEL" {
                    _ = try await server.cli("DEL", "refrain:{test}:gen")
                } else {
                    _ = try await server.cli(how)
                }
                // A new epoch: nobody's memory is readable, and nothing old comes back.
                try await Fixture.until(.seconds(10)) {
                    let epochs = [one, two].map { $0.memory.generations.stamp().epoch }
                    return epochs[0] == epochs[1] && epochs[0] != epoch
                }
                #expect(!self.isServed(one) && !self.isServed(two))
                guard case .miss = try await ask(two) else { throw Fixture.TimedOut() }
            }
        }
    }

    @Test func anOlderSnapshotBringsNothingBack() async throws {
        try await withRedisServer { server in
            try await self.withTwo(server) { one, two, ask in
                _ = try await server.cli("SAVE")
                try await one.purge(.label(.tag("t")))
                await server.kill()
                try await server.restart(.saved)
                #expect(try await server.cli("EXISTS", "refrain:test:{\(Fixture.key.hex)}:v") == "1")
                try await Fixture.until(.seconds(10)) {
                    if case .hit = try await ask(one) { return false } else { return true }
                }
                // What one knows of the purge, the restored record does not: it is of an epoch that is no more.
                try await Fixture.until(.seconds(10)) { !self.isServed(two) }
                #expect(one.memory.generations.stamp().epoch == two.memory.generations.stamp().epoch)
            }
        }
    }

    @Test func aPurgeThatWasNotAcknowledgedIsRepeated() async throws {
        try await withRedisServer { server in
            try await self.withTwo(server) { one, two, _ in
                await server.kill()
                await #expect(throws: StoreError.self) { try await one.purge(.label(.tag("t"))) }
                #expect(!self.isServed(one), "here it has happened")
                #expect(self.isServed(two))
                try await server.restart(.nothing)
                try await Fixture.until(.seconds(20)) {
                    one.memory.generations.pending.isEmpty && !self.isServed(two)
                }
            }
        }
    }

    @Test func purgesOfManyInstancesAtOnceAreAllKept() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url) { two in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<60 {
                            let store = number % 2 == 0 ? one : two
                            group.addTask { try await store.purge(.label(.tag("\(number)"))) }
                        }
                        try await group.waitForAll()
                    }
                    try await one.keeper.refresh()
                    try await two.keeper.refresh()
                    #expect(one.generations.record == two.generations.record)
                    #expect(one.generations.record.fields.count == 60)
                }
            }
        }
    }
}
