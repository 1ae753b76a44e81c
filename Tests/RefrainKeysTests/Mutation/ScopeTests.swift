import Crypto
import Testing

@testable import RefrainKeys

/// Who shares, and what shows of it.
@Suite struct ScopeTests {
    private let apiKey = "sk-ant-api03-aaaaaaaaaaaaaaaa"
    private let other = "sk-ant-api03-bbbbbbbbbbbbbbbb"

    private func key(_ scope: Scope?, _ body: String = #"{"model":"m","messages":[]}"#) throws -> RequestKey {
        var context = plainContext
        context.scope = try #require(scope)
        return try #require(KeyDeriver(context).derive(Array(body.utf8)).key)
    }

    @Test func `scopes share nothing`() throws {
        let scopes = [
            Scope.credential(apiKey: apiKey, authorization: nil), .credential(apiKey: other, authorization: nil),
            .credential(apiKey: apiKey, authorization: "Bearer \(other)"),
            .credential(apiKey: other, authorization: "Bearer \(apiKey)"),
            .credential(apiKey: nil, authorization: "Basic \(apiKey)"), .credential(apiKey: nil, authorization: apiKey),
            .credential(apiKey: apiKey, authorization: nil, workspace: "w1"),
            .credential(apiKey: apiKey, authorization: nil, workspace: "w2"),
            .credential(apiKey: apiKey, authorization: nil, userProfile: "w1"),
            .credential(apiKey: apiKey, authorization: nil, workspace: "w1", userProfile: "w1"),
            .credential(apiKey: apiKey, authorization: nil, workspace: "w1\n12:user-profile\n2:w1\n"),
            .credential(apiKey: "\(apiKey.utf8.count):\(apiKey)\n\(other.utf8.count):\(other)\n", authorization: nil),
            .shared("team"), .shared("Team"), .shared("team "), .shared(""), .shared(apiKey), .unscoped,
            .shared("unscoped"), .credential(apiKey: "refrain/scope/1", authorization: nil),
            .credential(apiKey: "team", authorization: nil),
        ]
        #expect(!scopes.contains(nil))
        #expect(Set(scopes).count == scopes.count)
        #expect(Set(scopes.compactMap { $0?.fingerprint }).count == scopes.count)
        #expect(Set(try scopes.map { try key($0) }).count == scopes.count)
    }

    @Test func `one credential is one scope however it came`() throws {
        let plain = Scope.credential(apiKey: apiKey, authorization: nil)
        for same in [
            Scope.credential(apiKey: nil, authorization: "Bearer \(apiKey)"),
            .credential(apiKey: nil, authorization: "bearer  \(apiKey) "),
            .credential(apiKey: " \(apiKey)\t", authorization: nil),
            .credential(apiKey: apiKey, authorization: "Bearer \(apiKey)"),
            .credential(apiKey: apiKey, authorization: ""),
            .credential(apiKey: "", authorization: "BEARER \(apiKey)"),
            .credential(apiKey: apiKey, authorization: nil, workspace: "", userProfile: nil),
        ] {
            #expect(same == plain)
            #expect(try key(same) == key(plain))
        }
        #expect(Scope.shared("team") == .shared("team"))
    }

    @Test func `no credential is no scope`() {
        for (apiKey, authorization) in [
            (nil, nil), ("", nil), (" ", "\t"), (nil, "Bearer"), (nil, "Bearer "), ("", "bearer \t"),
        ]
            as [(String?, String?)]
        {
            #expect(Scope.credential(apiKey: apiKey, authorization: authorization, workspace: "w") == nil)
        }
    }

    /// The scope keys the hash, so nothing that a request says can stand for it.
    @Test func `a body cannot name another's scope`() throws {
        let victim = try key(.credential(apiKey: apiKey, authorization: nil))
        let fingerprint = try #require(Scope.credential(apiKey: apiKey, authorization: nil)).fingerprint
        for body in [
            #"{"model":"m","messages":[],"scope":"\#(fingerprint)"}"#,
            #"{"model":"m","messages":[],"x-api-key":"\#(apiKey)"}"#,
            #"{"model":"m","messages":[]}"#,
        ] { #expect(try key(.credential(apiKey: other, authorization: nil), body) != victim) }
    }

    @Test func `credentials show nowhere`() throws {
        for scope in [
            Scope.credential(
                apiKey: apiKey, authorization: "Bearer \(other)", workspace: "wrkspc_secret", userProfile: "prof_secret"
            ),
            .shared("secret-team"),
        ] {
            let scope = try #require(scope)
            let context = KeyContext(scope: scope)
            let deriver = KeyDeriver(context)
            var shown = [
                scope.description, scope.fingerprint, "\(scope)", String(reflecting: scope), "\(context)",
                String(reflecting: context), String(describing: Optional(scope)), "\([scope])", "\(Set([scope]))",
                "\(deriver)",
            ]
            for value in [scope, context, deriver, deriver.derive(Array("{}".utf8))] as [any Sendable] {
                var text = ""
                dump(value, to: &text)
                shown.append(text)
            }
            shown.append(String(decoding: try deriver.canonical(Array(#"{"model":"m"}"#.utf8)), as: UTF8.self))
            for text in shown {
                for secret in [
                    apiKey, other, "wrkspc_secret", "prof_secret", "secret-team", scope.secret.hex, "bbbbbbbb",
                ] {
                    #expect(!text.contains(secret))
                }
            }
            #expect(scope.fingerprint.count < 24)
            #expect(!scope.secret.hex.contains(scope.fingerprint.dropFirst(6)))
        }
    }

    /// The formula of the design, so that every instance and every other implementation comes to the same scope.
    @Test func `the scope of a credential is an HMAC keyed by it`() throws {
        let scope = try #require(Scope.credential(apiKey: apiKey, authorization: nil, workspace: "w"))
        let message = "15:refrain/scope/1\n5:token\n9:workspace\n1:w\n12:user-profile\n0:\n"
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(message.utf8), using: SymmetricKey(data: Array(apiKey.utf8)))
        #expect(scope.secret == RequestKey(bytes: Array(code)))
    }

    @Test func `the keyed hash is HMAC-SHA-256`() {
        var random = SplitMix64(seed: 1)
        func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) } }
        for count in [0, 1, 16, 31, 32, 33, 63, 64] {
            let key = bytes(count)
            for length in [0, 1, 55, 56, 63, 64, 65, 119, 128, 1000, 9000] {
                let message = bytes(length)
                let cut = random.below(length + 1)
                var hash = KeyedHash(key: key)
                message[..<cut].withUnsafeBytes { hash.update($0) }
                let copy = hash
                message[cut...].withUnsafeBytes { hash.update($0) }
                let code = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key))
                #expect(hash.finalize() == RequestKey(bytes: Array(code)))
                // A state is a value: what goes into one does not go into its copy.
                let start = HMAC<SHA256>.authenticationCode(for: message[..<cut], using: SymmetricKey(data: key))
                #expect(copy.finalize() == RequestKey(bytes: Array(start)))
            }
        }
    }

    /// More scopes than are kept: what is dropped is made again, the same.
    @Test func `keyed states are made again after they were dropped`() throws {
        let first = try key(.shared("first of many"))
        for index in 0..<(KeyedStates.limit + 10) { _ = KeyedStates.state(for: .shared("many \(index)")) }
        #expect(try key(.shared("first of many")) == first)
    }
}
