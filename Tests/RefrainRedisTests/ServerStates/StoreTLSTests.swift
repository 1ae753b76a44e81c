import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

/// Stores that reach their server over TLS, or are told why they do not.
@Suite(.serialized, .enabled(if: RedisServer.isTLSAvailable, "needs redis-server and openssl"), .timeLimit(.minutes(3)))
struct StoreTLSTests {
    private typealias Fixture = StoreFixture

    /// What verifying a store says; nil where all is well.
    private func verdict(_ url: String, connectTimeout: Duration = .seconds(10)) async throws -> String? {
        try await Fixture.withStore(url, isReachable: false, { redis, _ in redis.connectTimeout = connectTimeout }) {
            store in
            await storeError { () throws(StoreError) in try await store.verify() }?.description
        }
    }

    @Test func sharesWithCertificatesOnBothSides() async throws {
        let certificates = try await RedisCertificates.make(for: ["cache.example"])
        let options = RedisServer.Options(
            listening: .tls(certificates, clientAuthentication: .yes), user: try DocumentedRights.user())
        try await withRedisServer(options) { server in
            let authority = "?ca=\(certificates.authority)&server-name=cache.example"
            let own = "&cert=\(certificates.clientCertificate)&key=\(certificates.clientKey)"
            let url = server.url + authority + own
            try await Fixture.withStore(url) { one in
                try await Fixture.withStore(url) { two in
                    try await one.verify()
                    try await Fixture.until { try await server.clients(type: "pubsub").count == 2 }
                    let upstream = ScriptedUpstream(message: Fixture.body(1))
                    let caches = [Fixture.cache(one), Fixture.cache(two)]
                    #expect(try await Fixture.ask(caches[0], upstream).cache == .miss(.absent))
                    try await Fixture.until { try await one.get(Fixture.key) != nil }
                    guard case .hit(.redis, _) = try await Fixture.ask(caches[1], upstream).cache else {
                        throw Fixture.TimedOut()
                    }
                    try await caches[0].purge(.label(.tag("t")))
                    try await Fixture.until { !caches.contains(where: Fixture.isServed) }
                }
            }
            let anonymous = try await self.verdict(server.url + authority)
            #expect(anonymous == "unavailable: TLS failure: the server asks for a client certificate")
            let wrong = url.replacing(":a-password@", with: ":another@")
            #expect(try await self.verdict(wrong) == "refused: wrong user name or password")
        }
    }

    @Test func anAuthorityThatIsNotTrustedIsNamed() async throws {
        let certificates = try await RedisCertificates.make()
        let others = try await RedisCertificates.make()
        try await withRedisServer(.init(listening: .tls(certificates))) { server in
            let verdict = try await self.verdict(server.url + "?ca=\(others.authority)")
            #expect(verdict == "unavailable: TLS failure: the server's certificate is not trusted")
            // Callers get their answers all the same.
            try await Fixture.withStore(server.url + "?ca=\(others.authority)", isReachable: false) { store in
                let cache = Fixture.cache(store) { $0.readBudget = .milliseconds(50) }
                try await Fixture.ask(cache, 0..<10)
            }
        }
    }

    @Test func aServerWithoutTLSIsSuspectedOfThat() async throws {
        try await withRedisServer { server in
            let verdict = try await self.verdict(
                "rediss://127.0.0.1:\(server.port)", connectTimeout: .milliseconds(500))
            #expect(verdict?.hasPrefix("timeout: ") == true && verdict?.hasSuffix("does it speak TLS?") == true)
        }
    }

    @Test func aServerThatIsFrozenIsNot() async throws {
        let certificates = try await RedisCertificates.make()
        try await withRedisServer(.init(listening: .tls(certificates), password: "pw")) { server in
            // Over TLS, and then nothing: a client of our own makes sure that TLS itself was all right.
            try await withFaultProxy(to: server.port) { proxy in
                let url = "rediss://:pw@127.0.0.1:\(proxy.port)?ca=\(certificates.authority)"
                #expect(try await self.verdict(url) == nil)
                try await proxy.set(.blackhole(.losing), .toClient)
                let verdict = try await self.verdict(url, connectTimeout: .milliseconds(500))
                #expect(verdict?.hasPrefix("timeout: the server took the connection") == true)
            }
        }
    }

    /// NIOSSL alone would take the address in the certificate for a proof of the name.
    @Test func anAddressProvesNoName() async throws {
        let certificates = try await RedisCertificates.make(for: ["127.0.0.1"])
        try await withRedisServer(.init(listening: .tls(certificates), password: "pw")) { server in
            let authority = "?ca=\(certificates.authority)"
            let byAddress = try await self.verdict(server.url + authority)
            let byOtherName = try await self.verdict(server.url + authority + "&server-name=cache.example")
            let byName = try await self.verdict("rediss://:pw@localhost:\(server.port)" + authority)
            #expect(byAddress == nil)
            let message = "unavailable: TLS failure: the server's certificate is for another name"
            #expect(byOtherName == message && byName == message)
        }
    }

    @Test func aNameBesideAnAddressDoes() async throws {
        let certificates = try await RedisCertificates.make(for: ["127.0.0.1", "*.cache.example", "Redis.example"])
        try await withRedisServer(.init(listening: .tls(certificates))) { server in
            let url = server.url + "?ca=\(certificates.authority)&server-name="
            for name in ["one.cache.example", "ONE.Cache.example.", "redis.example"] {
                let verdict = try await self.verdict(url + name)
                #expect(verdict == nil, "\(name)")
            }
            for name in ["cache.example", "a.one.cache.example", "other.example"] {
                let verdict = try await self.verdict(url + name)
                #expect(verdict?.contains("TLS failure") == true, "\(name)")
            }
        }
    }
}

@Suite struct ServerIdentityTests {
    @Test(arguments: [
        ("a.example", "a.example", true), ("A.Example", "a.eXample", true), ("a.example.", "a.example", true),
        ("a.example", "a.example.", true), ("*.example", "a.example", true), ("*.example", "a.b.example", false),
        ("*.example", ".example", false), ("*.example", "example", false), ("a.example", "b.example", false),
        ("*", "a", false), ("", "", false), ("*.", "a", false), ("a*.example", "ab.example", false),
    ])
    func names(_ pattern: String, _ host: String, _ isMatch: Bool) {
        #expect(ServerIdentity.matches(pattern, host) == isMatch)
    }
}
