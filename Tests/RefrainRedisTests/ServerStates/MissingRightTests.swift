import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// Rights that are taken from a store while it runs, one at a time, and given back.
@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct MissingRightTests {
    private typealias Fixture = StoreFixture

    struct Right: CustomTestStringConvertible {
        var testDescription: String
        /// What is taken, and given back.
        var taken: [String]
        var given: [String]
        /// Whether instances still make one call between them.
        var hasLeases = true
    }

    static let rights = [
        Right(
            testDescription: "the key of the lease", taken: ["resetkeys", "~refrain:*:v", "~refrain:{test}:gen"],
            given: ["~refrain:*"], hasLeases: false),
        Right(testDescription: "EVAL", taken: ["-eval"], given: ["+eval"]),
        Right(testDescription: "PUBLISH", taken: ["-publish"], given: ["+publish"]),
        Right(testDescription: "SUBSCRIBE", taken: ["-subscribe"], given: ["+subscribe"]),
        Right(
            testDescription: "the channels", taken: ["resetchannels"], given: ["&refrain:*", "&__redis__:invalidate"]),
        Right(testDescription: "SET", taken: ["-set"], given: ["+set"], hasLeases: false),
        Right(testDescription: "GETRANGE", taken: ["-getrange"], given: ["+getrange"], hasLeases: false),
    ]

    /// Redis 6.2 gives a right to a subcommand, and cannot take it back.
    @Test(
        .enabled(if: (RedisServer.majorVersion ?? 0) >= 7, "a right to a subcommand can be taken from Redis 7 on"))
    func clientTracking() async throws {
        try await self.costsWhatItIsFor(
            Right(testDescription: "CLIENT TRACKING", taken: ["-client|tracking"], given: ["+client|tracking"]))
    }

    @Test(arguments: Self.rights)
    func costsWhatItIsFor(_ right: Right) async throws {
        let user = try DocumentedRights.user()
        try await withRedisServer(.init(user: user)) { server in
            try await Fixture.withStore(server.url) { one in
                try await Fixture.withStore(server.url) { two in
                    let caches = [Fixture.cache(one), Fixture.cache(two)]
                    try await server.acl(user.name, right.taken)
                    // Connections that had begun to listen are cut, and made again without the right.
                    for client in try await server.clients(type: "pubsub") {
                        try await server.cli("CLIENT", "KILL", "ID", "\(client.id)")
                    }
                    try await server.cli("ACL", "LOG", "RESET")
                    try await self.askBoth(caches, right)
                    try await caches[0].purge(.label(.tag("t")))
                    try await Fixture.until { !caches.contains(where: Fixture.isServed) }
                    #expect(caches.allSatisfy { $0.statistics.breakerOpenings == 0 })
                    // The listener tries again now and then.
                    try await Fixture.until { try await !server.cli("ACL", "LOG").isEmpty }
                    try await server.acl(user.name, right.given)
                    try await Fixture.untilItStores(caches[1], server, from: 1_000)
                    try await Fixture.until { try await server.clients(type: "pubsub").count == 2 }
                }
            }
        }
    }

    /// Asks for one answer in two instances, the second while the first one's call is under way.
    private func askBoth(_ caches: [ResponseCache], _ right: Right) async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(Fixture.body(1), after: [.wait(gate)]))
        async let first = Fixture.ask(caches[0], upstream)
        await upstream.waitForCalls(1)
        async let second = Fixture.ask(caches[1], upstream)
        if right.hasLeases {
            try await Fixture.until { caches[1].statistics.leaseWaits == 1 }
        } else {
            await upstream.waitForCalls(2)
        }
        gate.open()
        let bodies = try await [first.body, second.body]
        #expect(bodies == [Fixture.body(1), Fixture.body(1)])
        #expect(upstream.callCount == (right.hasLeases ? 1 : 2))
    }
}
