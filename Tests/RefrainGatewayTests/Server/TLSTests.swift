import Refrain
import RefrainCore
import RefrainTesting
import TestSupport
import Testing

@testable import RefrainGateway

/// The listener with a certificate, from a client that trusts it.
@Suite(.enabled(if: OpenSSL.path != nil, "openssl is not installed"), .timeLimit(.minutes(2))) struct TLSTests {
    /// A client and the gateway that it asks over TLS.
    private struct Secured {
        let port: Int
        let client: CurlTransport

        func ask(
            _ path: String = "/v1/messages", _ body: String = GatewayFixture.hello, _ headers: [HTTPHeader] = [.key]
        ) async throws -> CollectedResponse {
            try await self.client.collect(
                HTTPRequest(
                    method: "POST", url: "https://127.0.0.1:\(self.port)\(path)", headers: headers,
                    body: .bytes(Array(body.utf8))))
        }
    }

    private static func with(
        _ upstream: RecordingTransport = RecordingTransport(),
        _ change: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: @Sendable (Secured) async throws -> Void
    ) async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let client = CurlTransport(.init(certificateAuthorities: .file(certificate.file), proxy: .none))
        try await GatewayFixture.with(
            upstream,
            {
                $0.tls = .init(certificate: certificate.file, key: certificate.key)
                change(&$0)
            }
        ) { gateway in
            try await body(Secured(port: gateway.port, client: client))
            // Before the gateway ends: that waits for clients to close their side, and an idle client does not look.
            await client.shutdown()
        }
    }

    @Test func aMissAHitAndAStream() async throws {
        let upstream = RecordingTransport()
        try await Self.with(upstream) { gateway in
            let first = try await gateway.ask()
            #expect(first.status == 200 && first.cache == "MISS" && first.body == SampleMessage.json("Hello!"))
            let second = try await gateway.ask()
            #expect(second.cache == "HIT-MEMORY" && second.body == first.body)
            let replayed = try await gateway.ask("/v1/messages", GatewayFixture.question("hello", isStreaming: true))
            #expect(try replayed.cache == "HIT-MEMORY" && replayed.body == MessageReplayer.stream(for: first.body))
            let stream = try await gateway.ask("/v1/messages", GatewayFixture.question("other", isStreaming: true))
            #expect(stream.cache == "MISS" && stream.text.contains("event: message_stop"))
            #expect(upstream.requests.count == 2)
        }
    }

    @Test func largeBodiesGoBothWays() async throws {
        let answer = String(repeating: "answer ", count: 1 << 18)
        let upstream = RecordingTransport { request in
            guard case .bytes = request.body else {
                var count = 0
                if case .stream(let stream, _) = request.body {
                    for try await chunk in stream { count += chunk.count }
                }
                return HTTPResponse(status: 200, headers: [], body: ByteStream(Array("\(count)".utf8)))
            }
            let message = ScriptedUpstream(message: SampleMessage.json(answer))
            return try await message.call(UpstreamCall(isStreaming: false))
        }
        try await Self.with(upstream) { gateway in
            let question = GatewayFixture.question(String(repeating: "question ", count: 1 << 17))
            for cache in ["MISS", "HIT-MEMORY"] {
                let response = try await gateway.ask("/v1/messages", question)
                #expect(response.cache == cache && response.body == SampleMessage.json(answer))
            }
            let uploaded = try await gateway.ask("/v1/files", String(repeating: "x", count: 9 << 20))
            #expect(uploaded.text == "\(9 << 20)")
        }
    }

    /// The answer to a body that is too large is not lost in the end of the connection.
    @Test func aRefusalReachesAClientThatIsStillSending() async throws {
        try await Self.with(RecordingTransport(), { $0.limits.bodyBytes = 1_000 }) { gateway in
            let response = try await gateway.ask("/v1/messages", String(repeating: "x", count: 4 << 20))
            #expect(response.status == 413 && APIErrorBody(json: response.body)?.type == .requestTooLarge)
            let head = try await gateway.ask(
                "/v1/messages", "{}", [HTTPHeader("x-long", String(repeating: "a", count: 100 << 10))])
            #expect(head.status == 431)
        }
    }

    @Test(arguments: [
        "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\ncontent-length: 2\r\n\r\n{}",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}garbage that begins as a handshake does", "\r\n\r\n", "",
    ])
    func whatIsNotTLSIsCutOffAndNothingElseIs(_ bytes: String) async throws {
        let upstream = RecordingTransport()
        try await Self.with(upstream, { $0.limits.idle = .milliseconds(300) }) { gateway in
            #expect(try await gateway.ask().cache == "MISS")
            let answer = try await RawConnection.exchangeBytes(gateway.port, bytes)
            #expect(!String(decoding: answer, as: UTF8.self).contains("HTTP/"), "\(answer)")
            #expect(try await gateway.ask().cache == "HIT-MEMORY")
            #expect(upstream.requests.count == 1)
        }
    }

    @Test func filesThatDoNotFitAreNamed() async throws {
        let certificate = try Certificate(for: "127.0.0.1")
        let other = try Certificate(for: "127.0.0.1")
        for (files, name) in [
            (GatewayConfiguration.TLSFiles(certificate: certificate.file, key: other.key), other.key),
            (.init(certificate: certificate.file, key: certificate.file), certificate.file),
            (.init(certificate: certificate.key, key: certificate.key), certificate.key),
            (.init(certificate: certificate.file, key: "/none.pem"), "/none.pem"),
        ] {
            let error = await #expect(throws: GatewayConfigurationError.self) {
                try await GatewayFixture.with(RecordingTransport(), { $0.tls = files }) { _ in }
            }
            #expect(error?.description.contains(name) == true, "\(String(describing: error))")
        }
    }
}
