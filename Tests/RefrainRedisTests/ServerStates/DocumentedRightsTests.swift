import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// The rights that `docs/redis.md` asks for are all that is needed, and what it says of others is so.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct DocumentedRightsTests {
    private typealias Fixture = StoreFixture

    /// Everything that two instances do with a server, one after the other.
    private func cycle(_ server: RedisServer, url: String, isTold: Bool) async throws {
        try await Fixture.withStore(url) { one in
            try await Fixture.withStore(url) { two in
                try await one.verify()
                if isTold {
                    try await Fixture.until { try await server.clients(type: "pubsub").count == 2 }
                    let flags = try await server.clients(type: "pubsub").map(\.flags)
                    #expect(flags.allSatisfy { $0.contains("t") && $0.contains("B") }, "by tracking: \(flags)")
                }
                let caches = (Fixture.cache(one), Fixture.cache(two))
                try await self.shareOneCall(caches.0, caches.1, server, isTold: isTold)
                try await self.keepAndEndLeases(one, caches.1)
                // A large value goes by a lane of its own, and is read in two parts.
                let large = try await Fixture.envelope(
                    Fixture.key(2), in: one, labels: [.tag("t")],
                    body: SampleMessage.json(String((0..<300_000).map { _ in "abcdefgh".randomElement() ?? "a" })))
                try await one.set(Fixture.key(2), large)
                #expect(try await two.get(Fixture.key(2))?.body == large.body)
                // A purge reaches the other instance, and what was stored before is read by neither.
                #expect(Fixture.isServed(caches.0) && Fixture.isServed(caches.1))
                try await caches.0.purge(.label(.tag("t")))
                #expect(!Fixture.isServed(caches.0))
                try await Fixture.until { !Fixture.isServed(caches.1) }
                for store in [one, two] { #expect(try await store.get(Fixture.key(2)) == nil) }
                try await two.purge(.all)
                try await Fixture.until { one.generations.record == two.generations.record }
                try await one.remove(Fixture.key(2))
            }
        }
    }

    private func shareOneCall(
        _ one: ResponseCache, _ two: ResponseCache, _ server: RedisServer, isTold: Bool
    ) async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(Fixture.body(1), after: [.wait(gate)]))
        async let first = Fixture.ask(one, upstream)
        await upstream.waitForCalls(1)
        async let second = Fixture.ask(two, upstream)
        try await Fixture.until { two.statistics.leaseWaits == 1 }
        if isTold {
            // It listens for the end of the lease.
            let channel = RedisNames(namespace: "test").channel(Fixture.key)
            try await Fixture.until { try await server.cli("PUBSUB", "CHANNELS", "refrain:*") == channel }
        }
        gate.open()
        let answers = try await [first, second]
        #expect(answers.map(\.body) == [Fixture.body(1), Fixture.body(1)])
        #expect(upstream.callCount == 1 && answers[0].cache == .miss(.absent))
    }

    private func keepAndEndLeases(_ store: RedisStore, _ cache: ResponseCache) async throws {
        guard case .asker(let lease) = try await store.lease(Fixture.key(3)).holder else { throw Fixture.TimedOut() }
        #expect(try await store.renew(lease))
        #expect(try await store.lease(Fixture.key(3)).holder == .other)
        try await store.end(lease, .failed)
        let cut = ScriptedUpstream(message: SampleMessage.json("cut", stopReason: "max_tokens"))
        _ = try await cache.respond(to: CacheRequest(key: Fixture.key(3)), upstream: cut.call)
        try await Fixture.until { try await store.lease(Fixture.key(3)).holder == .everybody }
    }

    @Test func areEnough() async throws {
        try await withRedisServer(.init(user: try DocumentedRights.user())) { server in
            try await server.cli("ACL", "LOG", "RESET")
            try await self.cycle(server, url: server.url + "/1", isTold: true)
            #expect(try await server.cli("ACL", "LOG").isEmpty, "nothing was refused")
        }
    }

    /// As where somebody else manages the server.
    @Test func scriptsAndChannelsCanBeDoneWithout() async throws {
        var user = try DocumentedRights.user()
        let others = ["+eval", "+publish", "+subscribe", "+unsubscribe", "+client|id", "+client|tracking"]
        for right in others { #expect(user.rights.contains(right)) }
        user.rights.removeAll { others.contains($0) || $0.hasPrefix("&") }
        try await withRedisServer(.init(user: user)) { server in
            try await self.cycle(server, url: server.url, isTold: false)
            #expect(try await server.clients(type: "pubsub").isEmpty)
        }
    }

    @Test func surveyAndErasureNeedTwoMore() async throws {
        #expect(try DocumentedRights.page().contains("`purge --erase` need `SCAN` and `STRLEN` besides"))
        let user = try DocumentedRights.user()
        try await withRedisServer(.init(user: user)) { server in
            try await Fixture.withStore(server.url) { store in
                for number in 0..<3 {
                    let labels = [Label.tag(number == 0 ? "a" : "b")]
                    let envelope = try await Fixture.envelope(Fixture.key(number), in: store, labels: labels)
                    try await store.set(Fixture.key(number), envelope)
                }
                let survey = await storeError { () throws(StoreError) in try await store.survey() }
                #expect(survey?.description == "refused: the server answered NOPERM")
                let erasure = await storeError { () throws(StoreError) in try await store.erase() }
                #expect(erasure?.code == .refused)
                try await server.acl(user.name, ["+scan", "+strlen"])
                try await server.cli("ACL", "LOG", "RESET")
                #expect(try await store.survey().entries == 3)
                try await store.purge(.label(.tag("b")))
                #expect(try await store.erase() == 2)
                #expect(try await store.survey().entries == 1)
                #expect(try await server.cli("ACL", "LOG").isEmpty, "nothing was refused")
            }
        }
    }
}
