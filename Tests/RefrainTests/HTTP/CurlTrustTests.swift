import Foundation
import RefrainCore
import RefrainKeys
import TestSupport
import Testing

@testable import Refrain

/// Whom a transport trusts, and how it gets out.
@Suite(.timeLimit(.minutes(2)))
struct CurlTrustTests {
    private static func failure(_ url: String, _ transport: CurlTransport) async -> TransportError? {
        do throws(TransportError) {
            _ = try await transport.collect(HTTPRequest(url: url, headers: [HTTPHeader("x-api-key", "secret")]))
            return nil
        } catch {
            return error
        }
    }

    // MARK: TLS

    @Test(.enabled(if: OpenSSL.path != nil, "openssl is not installed"))
    func aCertificateIsTrustedOnlyWhereItsAuthorityIs() async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let server = try TLSServer(certificate)
        let stranger = await Self.failure(server.url, .direct())
        #expect(stranger?.code == .certificate && stranger?.phase == .tls, "\(String(describing: stranger))")

        for authorities in [
            CurlTransport.CertificateAuthorities.file(certificate.file), .pem(try certificate.bytes()),
        ] {
            let transport = CurlTransport.direct { $0.certificateAuthorities = authorities }
            for _ in 0..<2 { #expect(try await transport.collect(HTTPRequest(url: server.url)).status == 200) }
        }

        let other = try Certificate(for: "127.0.0.1")
        for authorities in [CurlTransport.CertificateAuthorities.file(other.file), .pem(try other.bytes())] {
            let error = await Self.failure(server.url, .direct { $0.certificateAuthorities = authorities })
            #expect(error?.code == .certificate)
        }
    }

    @Test(.enabled(if: OpenSSL.path != nil, "openssl is not installed"))
    func aCertificateForAnotherNameIsRefused() async throws {
        for name in ["other.example", "127.0.0.2"] {
            let certificate = try Certificate(for: name)
            let server = try TLSServer(certificate)
            let error = await Self.failure(server.url, .direct { $0.certificateAuthorities = .file(certificate.file) })
            #expect(error?.code == .certificate, "\(String(describing: error))")
        }
    }

    @Test(.enabled(if: OpenSSL.path != nil, "openssl is not installed"))
    func authoritiesThatCannotBeReadAreAnError() async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let server = try TLSServer(certificate)
        for authorities in [
            CurlTransport.CertificateAuthorities.file("/nowhere/at/all.pem"), .pem([]), .pem(Array("not PEM".utf8)),
        ] {
            let error = await Self.failure(server.url, .direct { $0.certificateAuthorities = authorities })
            #expect(error?.code == .certificate, "\(authorities): \(String(describing: error))")
        }
    }

    @Test(.enabled(if: OpenSSL.path != nil, "openssl is not installed"))
    func oldProtocolsAreRefused() async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let server = try TLSServer(certificate, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        let error = await Self.failure(server.url, .direct { $0.certificateAuthorities = .file(certificate.file) })
        #expect(error?.code == .tls && error?.phase == .tls, "\(String(describing: error))")
    }

    @Test func aServerThatSpeaksNoTLSIsNamed() async throws {
        let server = try ScriptedServer { try $0.write("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let error = await Self.failure("https://127.0.0.1:\(server.port)/", .direct())
        #expect(error?.code == .tls && error?.phase == .tls, "\(String(describing: error))")
    }

    @Test func theEnvironmentNamesAuthorities() {
        let read = { (variables: [String: String]) in CurlSettings(.init(), environment: { variables[$0] }).trust }
        #expect(read([:]) == .init())
        #expect(read(["SSL_CERT_FILE": "/a"]) == .init(file: "/a"))
        #expect(
            read(["SSL_CERT_FILE": "/a", "CURL_CA_BUNDLE": "/b", "SSL_CERT_DIR": "/c"])
                == .init(file: "/b", directory: "/c"))
        let configured = CurlSettings(
            .init(certificateAuthorities: .file("/d")),
            environment: { ["CURL_CA_BUNDLE": "/b", "SSL_CERT_DIR": "/c"][$0] })
        #expect(configured.trust == .init(file: "/d"))
    }

    // MARK: Proxies

    @Test func aProxyIsAskedForPlainURLs() async throws {
        let proxy = try ScriptedServer.answering { request, connection in
            try connection.respond(
                "200 OK", ["x-auth: \(request.header("proxy-authorization") ?? "none")"], request.target)
        }
        let transport = CurlTransport(.init(proxy: .url("http://user:pass@127.0.0.1:\(proxy.port)")))
        let response = try await transport.collect(HTTPRequest(url: "http://elsewhere.example/a?b"))
        #expect(String(decoding: response.body, as: UTF8.self) == "http://elsewhere.example/a?b")
        #expect(response.header("x-auth") == "Basic dXNlcjpwYXNz")
    }

    @Test(.enabled(if: OpenSSL.path != nil, "openssl is not installed"))
    func aProxyCarriesTLSInATunnelAndSeesNoCredential() async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let server = try TLSServer(certificate)
        let seen = Locked<[String]>([])
        let proxy = try ScriptedServer { connection in
            guard let request = try connection.readHead() else { return }
            seen.withLock { $0 += [request.line] + request.headers.map { "\($0.name): \($0.value)" } }
            try connection.write("HTTP/1.1 200 Connection established\r\nx-from: proxy\r\n\r\n")
            try connection.tunnel(to: server.port)
        }
        let transport = CurlTransport(
            .init(certificateAuthorities: .file(certificate.file), proxy: .url("http://127.0.0.1:\(proxy.port)")))
        let response = try await transport.collect(
            HTTPRequest(url: server.url, headers: [HTTPHeader("x-api-key", "secret")]))
        #expect(response.status == 200)
        // The proxy's own answer is no part of the server's.
        #expect(response.header("x-from") == nil)
        let lines = seen.withLock { $0 }
        #expect(lines.first == "CONNECT 127.0.0.1:\(server.port) HTTP/1.1")
        #expect(!lines.contains { $0.contains("secret") || $0.contains("x-api-key") })
        await transport.shutdown()
    }

    @Test func aProxyThatRefusesIsNamed() async throws {
        let proxy = try ScriptedServer.answering {
            try $1.respond("407 Proxy Authentication Required", [], "\($0.method)")
        }
        let transport = CurlTransport(.init(proxy: .url("http://127.0.0.1:\(proxy.port)")))
        let error = await Self.failure("https://elsewhere.example/", transport)
        #expect(error?.code == .proxy && error?.phase == .proxy, "\(String(describing: error))")
        #expect(error?.message.contains("407") == true)
    }

    @Test func aProxyThatCannotBeReachedIsNamed() async throws {
        let proxy = try ScriptedServer { _ in }
        proxy.stop()
        let error = await Self.failure(
            "https://elsewhere.example/", CurlTransport(.init(proxy: .url("http://127.0.0.1:\(proxy.port)"))))
        #expect(error?.code == .proxy && error?.phase == .proxy, "\(String(describing: error))")
        let unknown = await Self.failure(
            "https://elsewhere.example/", CurlTransport(.init(proxy: .url("http://no-such-proxy.invalid:1"))))
        #expect(unknown?.code == .proxy, "\(String(describing: unknown))")
    }

    /// In a process of its own: the environment belongs to all tests.
    @Test func theEnvironmentNamesProxies() async throws {
        await #expect(processExitsWith: .success) {
            let proxy = try ScriptedServer.answering { try $1.respond("200 OK", [], "proxy \($0.target)") }
            let direct = try ScriptedServer.answering { try $1.respond("200 OK", [], "direct") }
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
                unsetenv(name)
            }
            setenv("http_proxy", "http://127.0.0.1:\(proxy.port)", 1)
            let get = { (url: String, configuration: CurlTransport.Configuration) in
                String(
                    decoding: try await CurlTransport(configuration).collect(HTTPRequest(url: url)).body, as: UTF8.self)
            }
            #expect(try await get("http://elsewhere.example/x", .init()) == "proxy http://elsewhere.example/x")
            #expect(try await get(direct.url, .init(proxy: .none)) == "direct")
            setenv("NO_PROXY", "other.example,127.0.0.1", 1)
            #expect(try await get(direct.url, .init()) == "direct")
            #expect(try await get("http://elsewhere.example/x", .init()) == "proxy http://elsewhere.example/x")
            #expect(CurlSettings(.init()).usesProxy(for: "http://a.other.example/x") == false)
            #expect(CurlSettings(.init()).usesProxy(for: "http://another.example/x"))
            #expect(CurlSettings(.init()).usesProxy(for: "https://another.example/x") == false)
        }
    }

    // MARK: What is left over

    /// In a process of its own, where all file descriptors are the transport's and the server's.
    @Test func nothingIsLeftOpen() async throws {
        await #expect(processExitsWith: .success) {
            // Whatever the first use of anything opens for good.
            try await RandomCancellation.run(calls: 50, width: 8, seed: 1)
            let before = Self.openDescriptors()
            try await RandomCancellation.run(calls: 2_000, width: 32, seed: 2)
            let after = Self.openDescriptors()
            #expect(after <= before, "\(before) before, \(after) after")
        }
    }

    private static func openDescriptors() -> Int {
        let directory = FileManager.default.fileExists(atPath: "/proc/self/fd") ? "/proc/self/fd" : "/dev/fd"
        return (try? FileManager.default.contentsOfDirectory(atPath: directory).count) ?? -1
    }
}
