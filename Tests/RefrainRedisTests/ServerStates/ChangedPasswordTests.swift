import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// Credentials that the server no longer takes, and takes again later.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct ChangedPasswordTests {
    private typealias Fixture = StoreFixture

    /// What a server that had no password, or another one, or has switched a user off, says.
    @Test(arguments: [
        ("WRONGPASS", "refused: wrong user name or password"), ("NOAUTH", "refused: the server asks for a password"),
        ("a user that is off", "refused: wrong user name or password"),
    ])
    func refusesUntilItIsChangedBack(_ change: String, _ message: String) async throws {
        let user = change == "a user that is off" ? try DocumentedRights.user() : nil
        let password = change == "WRONGPASS" ? "the-first" : nil
        try await withRedisServer(.init(password: password, user: user)) { server in
            try await Fixture.withStore(server.url) { store in
                let cache = Fixture.cache(store)
                let upstream = ScriptedUpstream(message: Fixture.body(1))
                _ = try await Fixture.ask(cache, upstream)
                try await Fixture.until { try await store.get(Fixture.key) != nil }

                if let user {
                    try await server.acl(user.name, ["off"])
                } else {
                    try await server.cli("CONFIG", "SET", "requirepass", "the-second")
                }
                // Connections that are open keep their rights until they are cut.
                for client in try await server.clients() {
                    try await server.cli("CLIENT", "KILL", "ID", "\(client.id)")
                }
                try await Fixture.until {
                    await storeError { () throws(StoreError) in try await store.get(Fixture.key) }?.code == .refused
                }
                let error = await storeError { () throws(StoreError) in try await store.verify() }
                #expect(error?.description == message)
                try await Fixture.ask(cache, 10..<20)
                #expect(Fixture.isServed(cache), "memory goes on")
                await #expect(throws: StoreError.self) { try await cache.purge(.label(.tag("t"))) }

                if let user {
                    try await server.acl(user.name, ["on"])
                } else {
                    try await server.cli("CONFIG", "SET", "requirepass", password ?? "")
                }
                try await Fixture.untilItStores(cache, server, from: 100)
                try await Fixture.until { store.generations.pending.isEmpty }
                #expect(try await store.get(Fixture.key) == nil, "the purge was not forgotten")
            }
        }
    }
}
