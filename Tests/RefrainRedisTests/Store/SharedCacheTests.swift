import RefrainCore
import RefrainKeys
import RefrainTesting
import Synchronization
import Testing

@testable import RefrainRedis

/// Several instances, each with a store and memory of its own, on one server.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct SharedCacheTests {
    private typealias Fixture = StoreFixture

    @Test func manyInstancesMakeOneCallBetweenThem() async throws {
        try await withRedisServer { server in
            let gate = Gate()
            let upstream = ScriptedUpstream(.message(SampleMessage.json("one"), after: [.wait(gate)]))
            let stores = try (0..<3).map { _ in try Fixture.store(server.url) }
            for store in stores { try await Fixture.until { (try? await store.generation()) != nil } }
            let caches = stores.map { Fixture.cache($0) }
            let bodies = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for number in 0..<900 {
                    group.addTask {
                        let request = CacheRequest(key: Fixture.key)
                        let cache = caches[number % 3]
                        guard number % 2 == 0 else {
                            return try await cache.respond(to: request, upstream: upstream.call).body
                        }
                        let events = try await cache.stream(request, upstream: upstream.call).events()
                        var assembler = MessageAssembler()
                        for event in events { assembler.consume(event) }
                        guard case .message(let body) = assembler.finish() else { return [] }
                        return body
                    }
                }
                await upstream.waitForCalls(1)
                try await Fixture.until { caches.filter { $0.statistics.leaseWaits > 0 }.count == 2 }
                gate.open()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(bodies.count == 900)
            #expect(bodies.allSatisfy { String(decoding: $0, as: UTF8.self).contains("one") })
            #expect(upstream.callCount == 1)
            #expect(caches.map { $0.statistics.leases }.reduce(0, +) == 1)
            for store in stores { await store.shutdown() }
        }
    }

    @Test func aStreamThatWaitsForAnotherInstanceIsPinged() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let other = try await store.lease(Fixture.key)
                guard case .asker(let lease) = other.holder else { throw Fixture.TimedOut() }
                var tier = ResponseCache.SecondTier.redis(store)
                // The machine may be busy, and then it would call by itself.
                tier.readBudget = .seconds(5)
                let cache = ResponseCache(
                    memory: MemoryStore(.init(bytes: 1 << 20), generations: store.generations), second: tier,
                    limits: .init(pingInterval: .milliseconds(20)))
                let upstream = ScriptedUpstream(message: SampleMessage.json("own"))
                let stream = try await cache.stream(CacheRequest(key: Fixture.key), upstream: upstream.call)
                var names: [String] = []
                var parser = SSEParser()
                for try await chunk in stream {
                    names += try parser.feed(chunk).map { $0.name ?? "" }
                    if names == ["ping", "ping"] {
                        try await store.set(
                            Fixture.key, try await Fixture.envelope(in: store, body: SampleMessage.json("theirs")))
                        try await store.end(lease, .stored)
                    }
                }
                #expect(names.starts(with: ["ping", "ping"]) && names.last == "message_stop")
                #expect(upstream.callCount == 0)
            }
        }
    }

    @Test func aLeaseWhoseHolderDiedPassesOn() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.leaseDuration = .seconds(1) }) { store in
                guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                    throw Fixture.TimedOut()
                }
                #expect(try await store.lease(Fixture.key).holder == .other)
                #expect(try await store.renew(lease))
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: SampleMessage.json("after"))
                let answer = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                #expect(answer.body == SampleMessage.json("after"))
                #expect(cache.statistics.leaseWaits == 1 && cache.statistics.leases == 1)
                #expect(try await store.renew(lease) == false, "it was lost")
            }
        }
    }

    @Test func aLeaseThatIsGivenTooLateIsGivenBack() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)") { store in
                    try await proxy.set(.blackhole(.holding), .toClient)
                    let asker = Task { _ = try await store.lease(Fixture.key) }
                    let name = "refrain:test:{\(Fixture.key.hex)}:l"
                    try await Fixture.until { try await server.cli("EXISTS", name) == "1" }
                    asker.cancel()
                    await #expect(throws: StoreError.self) { try await asker.value }
                    try await proxy.heal()
                    try await Fixture.until(.seconds(5)) { try await server.cli("EXISTS", name) == "0" }
                }
            }
        }
    }

    @Test func aLeaseThatCouldNotBeEndedIsEndedLater() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)") { store in
                    guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                        throw Fixture.TimedOut()
                    }
                    try await proxy.refuseConnections()
                    try await proxy.end(.reset)
                    await #expect(throws: StoreError.self) { try await store.end(lease, .failed) }
                    #expect(try await server.cli("EXISTS", "refrain:test:{\(Fixture.key.hex)}:l") == "1")
                    try await proxy.acceptConnections()
                    try await Fixture.until(.seconds(5)) {
                        try await server.cli("EXISTS", "refrain:test:{\(Fixture.key.hex)}:l") == "0"
                    }
                }
            }
        }
    }

    @Test func aLeaseIsGivenUpThoughTheBreakerIsOpen() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let cache = Fixture.cache(store) {
                    $0.readBudget = .seconds(1)
                    $0.failureThreshold = 1
                    $0.openFor = .seconds(3_600)
                }
                let gate = Gate()
                let upstream = ScriptedUpstream(.message(SampleMessage.json("one"), after: [.wait(gate)]))
                async let answer = cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                await upstream.waitForCalls(1)
                #expect(cache.statistics.leases == 1)
                server.freeze()
                let other = ScriptedUpstream(message: SampleMessage.json("other"))
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key(2)), upstream: other.call)
                server.thaw()
                #expect(cache.statistics.breakerOpenings == 1)
                gate.open()
                _ = try await answer
                let name = "refrain:test:{\(Fixture.key.hex)}:l"
                try await Fixture.until(.seconds(5)) { try await server.cli("EXISTS", name) == "0" }
            }
        }
    }

    @Test func patienceEnds() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                guard case .asker = try await store.lease(Fixture.key).holder else { throw Fixture.TimedOut() }
                let cache = Fixture.cache(store) { $0.patience = .milliseconds(150) }
                let upstream = ScriptedUpstream(message: SampleMessage.json("impatient"))
                let answer = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                #expect(answer.body == SampleMessage.json("impatient") && cache.statistics.leases == 0)
            }
        }
    }

    @Test func whatCannotBeStoredIsNotWaitedFor() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: SampleMessage.json("cut", stopReason: "max_tokens"))
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                try await Fixture.until { try await store.lease(Fixture.key).holder == .everybody }
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                #expect(upstream.callCount == 2 && cache.statistics.leaseWaits == 0)
            }
        }
    }

    /// Others would wait for it in vain, one after the other.
    @Test func whatIsTooLargeForTheTierIsNotWaitedFor() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(
                server.url,
                {
                    $1.compression = .off
                    $1.maximumValueBytes = 1_000
                }
            ) { store in
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: SampleMessage.json(String(repeating: "long ", count: 400)))
                _ = try await cache.respond(to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                try await Fixture.until { try await store.lease(Fixture.key).holder == .everybody }
                #expect(store.statistics().rejections == 1 && cache.statistics.tierFailures == 0)
            }
        }
    }

    @Test func aFailedCallLetsAnotherInstanceTry() async throws {
        try await withRedisServer { server in
            let upstream = ScriptedUpstream { number, _ in
                number == 0 ? .error(529) : .message(SampleMessage.json("second"))
            }
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url) { two in
                    await #expect(throws: UpstreamResponseError.self) {
                        _ = try await Fixture.cache(one).respond(
                            to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                    }
                    let answer = try await Fixture.cache(two).respond(
                        to: CacheRequest(key: Fixture.key), upstream: upstream.call)
                    #expect(answer.body == SampleMessage.json("second"))
                }
            }
        }
    }

    @Test func scriptsAreNotNeeded() async throws {
        let rights = [
            "~refrain:*", "&*", "+@read", "+@write", "+@connection", "+@transaction", "+@pubsub", "-eval", "-evalsha",
            "-script", "-config", "+ping",
        ]
        let options = RedisServer.Options(user: .init(name: "least", password: "secret", rights: rights))
        try await withRedisServer(options) { server in
            try await Fixture.withStore(server.url) { store in
                guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                    throw Fixture.TimedOut()
                }
                #expect(try await store.renew(lease))
                #expect(try await store.renew(UpstreamLease(key: Fixture.key, token: "another")) == false)
                try await store.end(UpstreamLease(key: Fixture.key, token: "another"), .failed)
                #expect(try await store.lease(Fixture.key).holder == .other)
                try await store.end(lease, .unstorable)
                #expect(try await store.lease(Fixture.key).holder == .everybody)
                let runsScripts = store.runsScripts.load(ordering: .relaxed)
                #expect(!runsScripts)
            }
        }
    }
}
