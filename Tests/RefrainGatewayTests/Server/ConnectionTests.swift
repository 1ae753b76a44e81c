import Refrain
import RefrainCore
import RefrainTesting
import Testing

@testable import RefrainGateway

/// What happens on a connection, byte by byte.
@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    private static func post(_ body: String = GatewayFixture.hello, _ fields: String = "") -> String {
        "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\n\(fields)content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let transport = RecordingTransport { request in
            let text = String(decoding: request.bodyBytes, as: UTF8.self)
            let number = ["one", "two", "three"].first { text.contains($0) } ?? "?"
            return try await ScriptedUpstream(message: SampleMessage.json(number)).call(
                UpstreamCall(isStreaming: false))
        }
        try await GatewayFixture.with(transport) { gateway in
            let requests = ["one", "two", "three"].map { Self.post(GatewayFixture.question($0)) }.joined()
            let answer = try await RawConnection.exchange(gateway.port, requests) { $0.count(of: "end_turn") == 3 }
            let places = ["one", "two", "three"].map { answer.firstRange(of: "\"text\":\"\($0)\"")?.lowerBound }
            #expect(places.allSatisfy { $0 != nil } && places.compactMap(\.self).sorted() == places.compactMap(\.self))
        }
    }

    @Test func expectContinueIsAnsweredOnceAndFirst() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let answer = try await RawConnection.exchange(
                gateway.port, Self.post(GatewayFixture.hello, "expect: 100-continue\r\n")
            ) { $0.contains("end_turn") }
            #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
            #expect(answer.count(of: "100 Continue") == 1)
        }
    }

    @Test func aBodyThatIsNotWantedIsNotAskedFor() async throws {
        try await GatewayFixture.with(RecordingTransport(), { $0.limits.bodyBytes = 100 }) { gateway in
            let head =
                "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n"
            let answer = try await RawConnection.exchange(gateway.port, head) { $0.contains("request_id") }
            #expect(answer.hasPrefix("HTTP/1.1 413 ") && !answer.contains("100 Continue"))
            #expect(answer.contains("request_too_large"))
            let chunked = "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\ntransfer-encoding: chunked\r\n\r\n"
            let chunk = "80\r\n" + String(repeating: " ", count: 128) + "\r\n"
            #expect(
                try await RawConnection.exchange(gateway.port, chunked + chunk) { $0.contains("request_id") }
                    .hasPrefix("HTTP/1.1 413 "))
            #expect(gateway.upstream.requests.isEmpty)
        }
    }

    @Test func aChunkedBodyIsTheSameRequest() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            _ = try await gateway.ask(headers: [HTTPHeader("x-api-key", "k")])
            let body = GatewayFixture.hello
            let half = body.count / 2
            func chunk(_ part: Substring) -> String { "\(String(part.utf8.count, radix: 16))\r\n\(part)\r\n" }
            let chunks = chunk(body.prefix(half)) + chunk(body.dropFirst(half))
            let request =
                "POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\ntransfer-encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n"
            let answer = try await RawConnection.exchange(gateway.port, request) { $0.contains("end_turn") }
            #expect(answer.contains("x-refrain-cache: HIT-MEMORY"))
        }
    }

    /// What comes behind a request takes nothing from it: RFC 9112 §9.3.2.
    @Test(arguments: [
        ("\0garbage\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: h\r\nx-a: \(String(repeating: "a", count: 9_000))", "431"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nz\r\n", "400"),
    ])
    func aFaultBehindARequestIsToldOfAfterItsAnswer(_ fault: String, _ status: String) async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(SampleMessage.json("x"), after: [.wait(gate)]))
        try await GatewayFixture.with(RecordingTransport(upstream), { $0.limits.headerBytes = 4_096 }) { gateway in
            let requests = Self.post() + Self.post() + fault + "GET / HTTP/1.1\r\n\r\n"
            async let answer = RawConnection.exchange(gateway.port, requests)
            await upstream.waitForCalls(1)
            gate.open()
            let text = try await answer
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("end_turn"), "\(text)")
            #expect(text.count(of: "HTTP/1.1 \(status) ") == 1 && text.count(of: "Connection: close") == 1, "\(text)")
            #expect(text.count(of: "HTTP/1.1 ") == 3 && text.count(of: "end_turn") == 2)
        }
    }

    /// A server may ignore that a client would rather speak another protocol (RFC 9110 §7.8), and must answer all the same.
    @Test(arguments: [
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n", "upgrade: h2c\r\n", "connection: upgrade\r\n",
    ])
    func aClientThatWouldRatherSpeakHTTP2KeepsItsConnection(_ fields: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            // The body begins with what looks like a request, and is none.
            let other = "POST /v1/count HTTP/1.1\r\nhost: h\r\n\(fields)"
            let bodies = [
                "content-length: 0\r\n\r\n", "\r\n", "content-length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                "transfer-encoding: chunked\r\n\r\n12\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n",
            ]
            let requests = Self.post(GatewayFixture.hello, fields) + bodies.map { other + $0 }.joined()
            let text = try await RawConnection.exchange(
                gateway.port, requests + Self.post(GatewayFixture.hello, fields + "connection: close\r\n"))
            #expect(text.count(of: "HTTP/1.1 200 OK") == 6 && !text.contains("HTTP/1.1 4"), "\(text)")
        }
    }

    @Test(arguments: [
        "GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: x, upgrade\r\nupgrade: h2c\r\n\r\n",
        "GET /v1/models HTTP/1.0\r\nconnection: keep-alive, upgrade\r\nupgrade: h2c\r\n\r\n",
    ])
    func whatMayBeFollowedByAnotherProtocolEndsTheConnection(_ request: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let text = try await RawConnection.exchange(gateway.port, request + Self.post())
            #expect(text.count(of: "HTTP/1.") == 1 && text.contains(" 200 OK\r\n"), "\(text)")
            #expect(text.contains("Connection: close"))
        }
    }

    @Test(arguments: [
        ("", "400"), ("host: a\r\nhost: b\r\n", "400"), ("host: h\r\ntransfer-encoding: gzip, chunked\r\n", "501"),
        ("host: h\r\ncontent-length: 9223372036854775808\r\n", "400"),
    ])
    func aHeadThatMustNotBeServedIsRefused(_ fields: String, _ status: String) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let text = try await RawConnection.exchange(
                gateway.port, "POST /v1/messages HTTP/1.1\r\n\(fields)\r\n" + Self.post())
            #expect(text.hasPrefix("HTTP/1.1 \(status) ") && text.contains("invalid_request_error"), "\(text)")
            #expect(text.count(of: "HTTP/1.1 ") == 1 && gateway.upstream.requests.isEmpty)
        }
    }

    @Test(arguments: [
        ("GARBAGE\r\n\r\n", "400"),
        ("POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-a: \(String(repeating: "a", count: 9_000))\r\n\r\n", "4"),
    ])
    func whatIsNoRequestGetsAnErrorOfTheAPIsShape(_ bytes: String, _ status: String) async throws {
        try await GatewayFixture.with(RecordingTransport(), { $0.limits.headerBytes = 4_096 }) { gateway in
            let answer = try await RawConnection.exchange(gateway.port, bytes)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
            #expect(answer.contains("invalid_request_error"))
        }
    }

    @Test(arguments: [
        ("POST /v1/messages HTTP/1.1\r\nhost: h\r\n", "head"),
        ("POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\ncontent-length: 10\r\n\r\n{", "body"),
    ])
    func whoIsTooSlowIsToldAndCutOff(_ bytes: String, _ what: String) async throws {
        try await GatewayFixture.with(
            RecordingTransport(),
            {
                $0.limits.idle = .milliseconds(200)
                $0.limits.stall = .milliseconds(200)
            }
        ) { gateway in
            // On a busy machine the connection may be idle for that long before this has sent anything.
            var answer = ""
            while answer.isEmpty { answer = try await RawConnection.exchange(gateway.port, bytes) }
            #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("timeout_error"), "\(what): \(answer)")
            #expect(try await RawConnection.exchange(gateway.port, "").isEmpty, "an idle connection is closed silently")
        }
    }

    @Test func aConnectionTooManyIsToldSo() async throws {
        let gate = Gate()
        let upstream = ScriptedUpstream(.message(SampleMessage.json("x"), after: [.wait(gate)]))
        try await GatewayFixture.with(RecordingTransport(upstream), { $0.limits.connections = 1 }) { gateway in
            async let first = gateway.ask()
            await upstream.waitForCalls(1)
            let surplus = try await RawConnection.exchange(gateway.port, Self.post())
            #expect(surplus.hasPrefix("HTTP/1.1 503 ") && surplus.contains("overloaded_error"))
            gate.open()
            #expect(try await first.status == 200)
        }
    }

    @Test func aClientThatLeavesEndsAPassedCall() async throws {
        let upstream = ScriptedUpstream(.message(SampleMessage.json("x"), after: [.hang]))
        try await GatewayFixture.with(RecordingTransport(upstream)) { gateway in
            // No credential: the call is the client's alone, and nobody else waits for it.
            let request = "POST /v1/messages HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
            _ = try await RawConnection.exchange(
                gateway.port, request, closingAfter: { await upstream.waitForCalls(1) })
            await upstream.waitForCancellations(1)
        }
    }
}
