import RefrainCore
import RefrainKeys
import RefrainTesting
import Synchronization
import Testing

@testable import RefrainRedis

/// A server that answers reads and refuses writes, each reason for itself.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct RefusedWriteTests {
    private typealias Fixture = StoreFixture

    enum Reason: String, CaseIterable {
        case full = "OOM"
        case brokenSnapshots = "MISCONF"
        case missingReplicas = "NOREPLICAS"

        func begin(_ server: RedisServer) async throws {
            switch self {
            case .full: try await server.cli("CONFIG", "SET", "maxmemory", "1")
            case .brokenSnapshots: try await server.breakSnapshots()
            case .missingReplicas: try await server.cli("CONFIG", "SET", "min-replicas-to-write", "1")
            }
        }

        func end(_ server: RedisServer) async throws {
            switch self {
            case .full: try await server.cli("CONFIG", "SET", "maxmemory", "0")
            case .brokenSnapshots: try await server.repairSnapshots()
            case .missingReplicas: try await server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            }
        }
    }

    @Test(arguments: Reason.allCases)
    func costsMissesOnly(_ reason: Reason) async throws {
        try await withRedisServer(.init(configuration: ["maxmemory-policy noeviction"])) { server in
            try await Fixture.withStore(server.url) { store in
                let cache = Fixture.cache(store)
                let old = try await Fixture.envelope(in: store)
                try await store.set(Fixture.key, old)
                try await reason.begin(server)
                let error = await storeError { () throws(StoreError) in try await store.set(Fixture.key, old) }
                #expect(error?.description == "refused: the server answered \(reason.rawValue)")
                let lease = await storeError { () throws(StoreError) in try await store.lease(Fixture.key(1)) }
                #expect(lease?.code == .refused)
                let failures = cache.statistics.tierFailures
                try await Fixture.ask(cache, 10..<20)
                #expect(cache.statistics.tierFailures > failures, "it is counted")
                #expect(try await store.get(Fixture.key)?.body == old.body, "reads go on")
                #expect(cache.statistics.breakerOpenings == 0)
                try await reason.end(server)
                try await Fixture.untilItStores(cache, server, from: 100)
            }
        }
    }

    /// A full server takes no verdict, but it takes the lease away: nobody waits for its time to pass.
    @Test(arguments: [true, false])
    func endsALeaseWhereTheServerIsFull(runsScripts: Bool) async throws {
        try await withRedisServer(.init(configuration: ["maxmemory-policy noeviction"])) { server in
            try await Fixture.withStore(server.url) { store in
                store.runsScripts.store(runsScripts, ordering: .relaxed)
                guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                    throw Fixture.TimedOut()
                }
                try await Reason.full.begin(server)
                try await store.end(lease, .unstorable)
                #expect(try await server.cli("EXISTS", "refrain:test:{\(Fixture.key.hex)}:l") == "0")
                #expect(try await server.cli("INFO", "commandstats").contains("cmdstat_publish:calls=1"))
                #expect(store.runsScripts.load(ordering: .relaxed) == runsScripts)
            }
        }
    }

    /// A server that takes nothing away either has its waiters woken all the same: each then makes a call of its own.
    @Test(arguments: [Reason.brokenSnapshots, .missingReplicas])
    func wakesWaitersWhereNoLeaseCanBeEnded(_ reason: Reason) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                    throw Fixture.TimedOut()
                }
                try await reason.begin(server)
                let error = await storeError { () throws(StoreError) in try await store.end(lease, .failed) }
                #expect(error?.code == .refused)
                #expect(try await server.cli("INFO", "commandstats").contains("cmdstat_publish:calls="))
                // It is given back as soon as the server takes it.
                try await reason.end(server)
                let name = "refrain:test:{\(Fixture.key.hex)}:l"
                try await Fixture.until(.seconds(5)) { try await server.cli("EXISTS", name) == "0" }
            }
        }
    }

    @Test(arguments: Reason.allCases)
    func failsAPurgeThatIsRepeatedLater(_ reason: Reason) async throws {
        try await withRedisServer(.init(configuration: ["maxmemory-policy noeviction"])) { server in
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url) { two in
                    let (first, second) = (Fixture.cache(one), Fixture.cache(two))
                    try await one.set(Fixture.key, try await Fixture.envelope(in: one, labels: [.tag("t")]))
                    for cache in [first, second] {
                        let answer = try await Fixture.ask(cache, ScriptedUpstream(message: Fixture.body(1)))
                        guard case .hit(.redis, _) = answer.cache else { throw Fixture.TimedOut() }
                    }
                    try await reason.begin(server)
                    await #expect(throws: StoreError.self) { try await first.purge(.label(.tag("t"))) }
                    #expect(!Fixture.isServed(first) && Fixture.isServed(second))
                    #expect(one.generations.pending.count == 1)
                    try await reason.end(server)
                    try await Fixture.until { one.generations.pending.isEmpty && !Fixture.isServed(second) }
                    #expect(try await two.get(Fixture.key) == nil)
                }
            }
        }
    }
}
