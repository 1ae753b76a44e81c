import Refrain
import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainGateway

/// Everything below `/v1/` but messages: as it came, both ways.
@Suite(.timeLimit(.minutes(2))) struct PassThroughTests {
    @Test func methodPathQueryFieldsAndBodyGoUpAndTheAnswerComesBack() async throws {
        let uploads = Locked<[[UInt8]]>([])
        let transport = RecordingTransport { request in
            var body: [UInt8] = []
            if case .stream(let stream, _) = request.body { for try await chunk in stream { body += chunk } }
            let sent = body
            uploads.withLock { $0.append(sent) }
            return HTTPResponse(
                status: 207,
                headers: [HTTPHeader("content-type", "text/odd"), HTTPHeader("x-odd", "1"), HTTPHeader("te", "x")],
                body: ByteStream(Array("answer".utf8)))
        }
        try await GatewayFixture.with(transport) { gateway in
            for method in ["PUT", "DELETE", "PATCH", "POST", "REPORT"] {
                let headers = [
                    HTTPHeader.key, HTTPHeader("cache-control", "no-cache"), HTTPHeader("accept-encoding", "br"),
                ]
                let answer = try await gateway.ask(
                    "/p/v1/files/x?y=%2F&z", method: method, headers: headers, "the body")
                #expect(answer.status == 207 && answer.text == "answer" && answer.header("x-odd") == "1")
                #expect(answer.header("te") == nil && answer.cache == nil)
                let sent = try #require(gateway.upstream.requests.last)
                #expect(sent.method == method && sent.url == "https://upstream.test/v1/files/x?y=%2F&z")
                #expect(sent.header("cache-control") == "no-cache" && sent.header("accept-encoding") == "br")
                #expect(uploads.withLock { $0.last } == Array("the body".utf8))
            }
            let head = try await gateway.ask("/v1/models", method: "HEAD")
            #expect(head.status == 207 && head.body.isEmpty)
            if case .none? = gateway.upstream.requests.last?.body {} else { Issue.record("a HEAD request has no body") }
        }
    }

    /// An upload is answered while it is still on its way: a client that reads nothing until it has sent all gets the answer
    /// too, and the connection ends with it.
    @Test func anEarlyAnswerDoesNotWaitForTheUpload() async throws {
        let transport = RecordingTransport { _ in
            HTTPResponse(status: 413, headers: [], body: ByteStream(Array("no".utf8)))
        }
        try await GatewayFixture.with(transport) { gateway in
            let body = String(repeating: "x", count: 4 << 20)
            let request = "POST /v1/files HTTP/1.1\r\nhost: h\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            let answer = try await RawConnection.exchange(gateway.port, request)
            #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("Connection: close"), "\(answer.prefix(200))")
        }
    }

    @Test func anAnswerThatIsCutShortEndsWithTheConnection() async throws {
        let transport = RecordingTransport { _ in
            let chunks = Locked(["first", nil])
            return HTTPResponse(
                status: 200, headers: [],
                body: ByteStream {
                    guard let chunk = chunks.withLock({ $0.removeFirst() }) else {
                        throw TransportError(.truncated, during: .body, "scripted")
                    }
                    return Array(chunk.utf8)
                })
        }
        try await GatewayFixture.with(transport) { gateway in
            let request = "GET /v1/files/x/content HTTP/1.1\r\nhost: h\r\n\r\n"
            let answer = try await RawConnection.exchange(gateway.port, request)
            #expect(answer.contains("first") && !answer.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func whatIsNotBelowV1IsNotThere() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            for path in ["/", "/api/hello", "/_refrainx", "/V1/messages"] {
                let answer = try await gateway.ask(path, method: "GET")
                #expect(answer.status == 404 && APIErrorBody(json: answer.body)?.type == .notFound, "\(path)")
            }
            #expect(gateway.upstream.requests.isEmpty)
        }
    }
}
