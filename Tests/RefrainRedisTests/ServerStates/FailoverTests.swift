import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// A server and its replica, behind an address that moves from one to the other.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct FailoverTests {
    private typealias Fixture = StoreFixture

    private static let names = RedisNames(namespace: "test")

    /// Runs `body` with a server, a replica of it that is up to date, and the address of the first.
    private func withReplica(
        _ configuration: [String] = [],
        _ body: (_ primary: RedisServer, _ replica: RedisServer, _ address: FaultProxy) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(configuration: ["repl-diskless-sync-delay 0"])) { primary in
            let options = RedisServer.Options(
                configuration: ["replicaof 127.0.0.1 \(primary.port)"] + configuration)
            try await withRedisServer(options) { replica in
                try await Fixture.until { try await replica.info("master_link_status") == "up" }
                try await withFaultProxy(to: primary.port) { try await body(primary, replica, $0) }
            }
        }
    }

    /// Stores an answer in one instance, and waits until the other has it in memory and the replica on its side.
    private func share(_ caches: [ResponseCache], _ replica: RedisServer) async throws {
        let upstream = ScriptedUpstream(message: Fixture.body(1))
        _ = try await Fixture.ask(caches[0], upstream)
        for name in [Self.names.value(Fixture.key), Self.names.record] {
            try await Fixture.until { try await replica.call(["EXISTS", name].map { Array($0.utf8) }) == .integer(1) }
        }
        for cache in caches.dropFirst() {
            guard case .hit(.redis, _) = try await Fixture.ask(cache, upstream).cache else { throw Fixture.TimedOut() }
        }
    }

    /// The replica lacks what was purged after it was cut off. Those who know of the purge see to it.
    @Test func toAReplicaThatMissedAPurge() async throws {
        try await self.withReplica { primary, replica, address in
            let url = "redis://127.0.0.1:\(address.port)"
            try await Fixture.withStore(url) { one in
                try await Fixture.withStore(url) { two in
                    let caches = [Fixture.cache(one), Fixture.cache(two)]
                    try await self.share(caches, replica)
                    try await replica.cli("REPLICAOF", "NO", "ONE")
                    try await caches[0].purge(.label(.tag("t")))
                    try await Fixture.until { !Fixture.isServed(caches[1]) }
                    let epoch = one.generations.stamp().epoch

                    await primary.kill()
                    try await address.redirect(to: .port(replica.port))
                    let new = ScriptedUpstream(message: Fixture.body(2))
                    for cache in caches { #expect(try await Fixture.ask(cache, new).body == Fixture.body(2)) }
                    try await Fixture.until {
                        let epochs = Set([one, two].map { $0.generations.stamp().epoch })
                        return epochs.count == 1 && !epochs.contains(epoch)
                    }
                    // Nor does one that comes now, and knows nothing.
                    try await Fixture.withStore(url) { three in
                        let late = Fixture.cache(three)
                        let answer = try await Fixture.ask(late, ScriptedUpstream(message: Fixture.body(2)))
                        #expect(answer.body == Fixture.body(2))
                        try await Fixture.until { three.generations.record == one.generations.record }
                    }
                }
            }
        }
    }

    /// One that comes in the moment of the failover may read what the replica has, until it hears better.
    @Test func newcomersAreSetRight() async throws {
        try await self.withReplica { primary, replica, address in
            let url = "redis://127.0.0.1:\(address.port)"
            try await Fixture.withStore(url) { one in
                let first = Fixture.cache(one)
                try await self.share([first], replica)
                try await replica.cli("REPLICAOF", "NO", "ONE")
                try await first.purge(.label(.tag("t")))
                await primary.kill()
                // It is there before the one that knows.
                try await Fixture.withStore(replica.url) { newcomer in
                    let second = Fixture.cache(newcomer)
                    let old = ScriptedUpstream(message: Fixture.body(2))
                    _ = try await Fixture.ask(second, old)
                    try await address.redirect(to: .port(replica.port))
                    try await Fixture.until { (try? await one.keeper.refresh()) != nil }
                    try await newcomer.keeper.refresh()
                    let answer = try await Fixture.ask(second, ScriptedUpstream(message: Fixture.body(3)))
                    #expect(answer.body != Fixture.body(1), "of before the purge")
                    #expect(
                        try await Fixture.ask(first, ScriptedUpstream(message: Fixture.body(3))).body != Fixture.body(1)
                    )
                }
            }
        }
    }

    /// The address moves before the replica is promoted, so that it refuses for a while.
    @Test(arguments: [("yes", "READONLY"), ("no", "MASTERDOWN")])
    func toAReplicaThatIsPromotedLater(_ servesStaleData: String, _ code: String) async throws {
        try await self.withReplica(["replica-serve-stale-data \(servesStaleData)"]) { primary, replica, address in
            let url = "redis://127.0.0.1:\(address.port)"
            try await Fixture.withStore(url) { one in
                try await Fixture.withStore(url) { two in
                    let caches = [one, two].map { Fixture.cache($0) { $0.openFor = .milliseconds(50) } }
                    try await self.share(caches, replica)
                    await primary.kill()
                    try await Fixture.until { try await replica.info("master_link_status") == "down" }
                    try await address.redirect(to: .port(replica.port))
                    // A replica says so to writes, and one without a master that is not to guess to reads too.
                    let envelope = try await Fixture.envelope(Fixture.key(9), in: one)
                    try await Fixture.until {
                        let error = await storeError { () throws(StoreError) in
                            if code == "READONLY" {
                                try await one.set(Fixture.key(9), envelope)
                            } else {
                                _ = try await one.get(Fixture.key(9))
                            }
                        }
                        return error?.message.contains(code) == true
                    }
                    try await Fixture.ask(caches[0], 10..<20)
                    await #expect(throws: StoreError.self) { try await caches[0].purge(.label(.tag("t"))) }
                    #expect(!Fixture.isServed(caches[0]) && Fixture.isServed(caches[1]))
                    try await replica.cli("REPLICAOF", "NO", "ONE")
                    try await Fixture.until { one.generations.pending.isEmpty && !Fixture.isServed(caches[1]) }
                    try await Fixture.untilItStores(caches[1], replica, from: 100)
                    #expect(try await two.get(Fixture.key) == nil)
                }
            }
        }
    }
}
