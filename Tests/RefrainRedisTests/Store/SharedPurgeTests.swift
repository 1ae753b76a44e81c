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

    /// A record that went back in time and was purged since may have the very clock that is known here.
    @Test func aRecordOfTheSameClockWithOtherPurgesIsALostOne() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                try await store.purge(.label(.tag("known here")))
                let stamp = store.generations.stamp()
                let name = store.names.record
                // What is done by a process that found the older record, in one step, so that nobody sees that alone.
                _ = try await server.cli(
                    "EVAL",
                    "redis.call('HDEL', KEYS[1], 'l:tag:known here') return redis.call('HSET', KEYS[1], unpack(ARGV))",
                    "1", name, "write", "1", "l:tag:purged since", "\(stamp.clock)")
                try await Fixture.until(.seconds(5)) { store.generations.stamp().epoch != stamp.epoch }
            }
        }
    }

    @Test func aRecordOfManyPurgesIsWrittenAnew() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let count = GenerationRecord.maximumFields
                for number in 0...count { _ = store.generations.pend(.label(.tag("\(number)"))) }
                try await store.keeper.refresh()
                #expect(store.generations.pending.isEmpty)
                let kept = store.generations.record.fields.count
                #expect(kept == count - count / 4)
                #expect(try await server.cli("HLEN", store.names.record) == "\(kept + 4)")
            }
        }
    }

    /// A process that may not write the record reads it all the same: what no purge names goes on being served.
    @Test func aPurgeThatIsRefusedStopsNothingElse() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.partitionGrace = .zero }) { store in
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: SampleMessage.json("x"))
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                _ = try await server.cli("ACL", "SETUSER", "default", "-hset")
                let error = await #expect(throws: StoreError.self) { try await cache.purge(.label(.tag("t"))) }
                #expect(error?.code == .refused)
                // News counts for two seconds: looked at beyond that, it must have been renewed.
                let end = ContinuousClock.now + .seconds(4)
                while ContinuousClock.now < end {
                    #expect(throws: Never.self) { try self.requireServed(cache) }
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(!store.generations.pending.isEmpty)
                _ = try await server.cli("ACL", "SETUSER", "default", "+hset")
                try await Fixture.until { store.generations.pending.isEmpty }
            }
        }
    }

    private func requireServed(_ cache: ResponseCache) throws {
        guard self.isServed(cache) else { throw Fixture.TimedOut() }
    }

    /// A call that began before a purge, of this process or another, takes nobody who comes after it, and gives up its
    /// lease, which those would wait for.
    @Test(arguments: [Purge.label(.tag("t")), .label(.model("a-model")), .all], [false, true])
    func aCallThatWasPurgedIsNotJoined(_ purge: Purge, isOwn: Bool) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url, { $1.leaseDuration = .milliseconds(600) }) { two in
                    let gate = Gate()
                    let cache = Fixture.cache(two)
                    let upstream = ScriptedUpstream { number, _ in
                        .message(SampleMessage.json("answer \(number)"), after: number == 0 ? [.wait(gate)] : [])
                    }
                    let request = CacheRequest(key: Fixture.key, policy: CachePolicy(tags: ["t"]))
                    async let early = cache.respond(to: request, upstream: upstream.call)
                    try await Fixture.until { upstream.callCount == 1 }
                    let before = two.generations.stamp()
                    if isOwn { try await cache.purge(purge) } else { try await one.purge(purge) }
                    try await Fixture.until { two.generations.stamp() != before }
                    let late = try await cache.respond(to: request, upstream: upstream.call)
                    #expect(late.cache == .miss(.absent) && late.body == SampleMessage.json("answer 1"))
                    gate.open()
                    #expect(try await early.body == SampleMessage.json("answer 0"))
                    #expect(cache.lookup(Fixture.key, policy: CachePolicy())?.envelope.body == late.body)
                }
            }
        }
    }
}
