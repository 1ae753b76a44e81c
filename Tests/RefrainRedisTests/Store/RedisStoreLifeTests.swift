import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct RedisStoreLifeTests {
    private typealias Fixture = StoreFixture

    /// Whoever forgets to shut it down leaves no connection behind.
    @Test func aStoreThatIsFreedClosesItsConnections() async throws {
        try await withRedisServer { server in
            func use() async throws {
                let store = try Fixture.store(server.url)
                try await Fixture.until { (try? await store.generation()) != nil }
                try await Fixture.until { try await server.clients(type: "pubsub").count == 1 }
            }
            try await use()
            try await Fixture.until(.seconds(5)) {
                try await server.clients().isEmpty
            }
        }
    }

    @Test func eraseLeavesWhatOthersCanRead() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.sealing = Sealing(key: .random()) }) { sealed in
                try await Fixture.withStore(server.url) { plain in
                    let purged = Fixture.key(2)
                    try await sealed.set(Fixture.key, try await Fixture.envelope(in: sealed))
                    let envelope = try await Fixture.envelope(purged, in: plain, labels: [.tag("t")])
                    try await plain.set(purged, envelope)
                    _ = try await server.cli("SET", plain.names.value(Fixture.key(3)), "garbage")
                    try await plain.purge(.label(.tag("t")))
                    #expect(try await plain.get(Fixture.key) == nil)
                    _ = try await plain.erase()
                    #expect(try await server.cli("EXISTS", plain.names.value(purged)) == "0")
                    #expect(try await server.cli("EXISTS", plain.names.value(Fixture.key(3))) == "0")
                    #expect(try await sealed.get(Fixture.key) != nil)
                }
            }
        }
    }
}
