import RefrainCore
import RefrainKeys
import Testing

@testable import Refrain

/// What a transport does with servers that do not behave: whatever they do, there is a typed error that names the phase,
/// and nothing incomplete passes for a response.
@Suite(.timeLimit(.minutes(2)))
struct CurlTransportFailureTests {
    /// What came of a call: the response, or its error.
    private static func outcome(
        _ request: HTTPRequest, _ transport: CurlTransport = .direct()
    ) async -> Result<CollectedResponse, TransportError> {
        do throws(TransportError) {
            return .success(try await transport.collect(request))
        } catch {
            return .failure(error)
        }
    }

    private static func failure(_ request: HTTPRequest, _ transport: CurlTransport = .direct()) async -> TransportError?
    {
        if case .failure(let error) = await Self.outcome(request, transport) { error } else { nil }
    }

    /// A server that reads a request, writes this and closes, with a reset or in good order.
    private static func server(_ response: String, resets: Bool = false) throws -> ScriptedServer {
        try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write(response)
            if resets { connection.reset() }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123456789",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\n1",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
    ])
    func aBodyCutShortIsNeverASuccess(_ response: String) async throws {
        let server = try Self.server(response)
        let error = await Self.failure(HTTPRequest(method: "POST", url: server.url, body: .bytes([1])))
        #expect(error?.code == .truncated)
        #expect(error?.phase == .body)
    }

    @Test func aStreamCutShortThrowsAfterWhatCame() async throws {
        let server = try Self.server("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        let response = try await CurlTransport.direct().send(HTTPRequest(url: server.url))
        var text = ""
        await #expect {
            for try await chunk in response.body { text += String(decoding: chunk, as: UTF8.self) }
        } throws: {
            ($0 as? TransportError)?.code == .truncated
        }
        #expect(text == "hello")
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"])
    func aResetIsAnError(_ response: String) async throws {
        let server = try Self.server(response, resets: true)
        let error = await Self.failure(HTTPRequest(url: server.url))
        // The reset may overtake the bytes before it.
        #expect(error?.code == .noResponse || error?.code == .truncated && !response.isEmpty)
    }

    @Test(arguments: ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\na: b\r\n", "HTTP/1.1 100 Continue\r\n\r\n"])
    func aConnectionThatEndsBeforeTheHeadIsNoResponse(_ response: String) async throws {
        let server = try Self.server(response)
        let error = await Self.failure(HTTPRequest(url: server.url))
        #expect(
            error.map { [.noResponse, .malformedResponse].contains($0.code) } == true, "\(String(describing: error))")
        #expect(error?.phase == .firstByte)
    }

    @Test(arguments: [
        "hello\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\u{0}c\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    ])
    func aMalformedHeadIsAnError(_ response: String) async throws {
        let server = try Self.server(response)
        let error = await Self.failure(HTTPRequest(url: server.url))
        #expect(error?.code == .malformedResponse, "\(String(describing: error))")
    }

    @Test func headsAreBounded() async throws {
        let large = try Self.server("HTTP/1.1 200 OK\r\nx: \(String(repeating: "y", count: 200_000))\r\n\r\n")
        let error = await Self.failure(HTTPRequest(url: large.url))
        #expect(error?.code == .malformedResponse, "\(String(describing: error))")
        let endless = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\n")
            while true { try connection.write("a: b\r\n") }
        }
        #expect(await Self.failure(HTTPRequest(url: endless.url))?.code == .malformedResponse)
        let interim = try ScriptedServer { connection in
            _ = try connection.readRequest()
            while true { try connection.write("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n") }
        }
        #expect(await Self.failure(HTTPRequest(url: interim.url))?.code == .malformedResponse)
    }

    @Test func aRefusedRequestNeverReachesTheNetwork() async throws {
        let server = try ScriptedServer { _ in }
        for request in [
            HTTPRequest(url: server.url + "/ x"), HTTPRequest(url: server.url, headers: [HTTPHeader("a", "b\r\nc: d")]),
            HTTPRequest(method: "GET /x", url: server.url),
            HTTPRequest(url: server.url, timeouts: .init(total: .zero)),
        ] {
            let error = await Self.failure(request)
            #expect(error?.code == .invalidRequest && error?.phase == .request)
        }
        // One that our own checks let through and libcurl's do not.
        #expect(await Self.failure(HTTPRequest(url: "http://[::1"))?.code == .invalidRequest)
        #expect(await Self.failure(HTTPRequest(url: "http://a:99999/"))?.code == .invalidRequest)
        #expect(server.accepted == 0)
    }

    @Test func aNameWithoutAnAddressIsNamed() async throws {
        let error = await Self.failure(HTTPRequest(url: "http://no-such-host.invalid/"))
        #expect(error?.code == .resolve && error?.phase == .resolve, "\(String(describing: error))")
    }

    @Test func aRefusedConnectionIsNamed() async throws {
        let server = try ScriptedServer { _ in }
        server.stop()
        let error = await Self.failure(HTTPRequest(url: server.url))
        #expect(error?.code == .connect && error?.phase == .connect, "\(String(describing: error))")
    }

    // MARK: Time limits

    @Test func aServerThatDoesNotFinishTheHandshakeTimesOut() async throws {
        let server = try ScriptedServer { $0.readToEnd() }
        let transport = CurlTransport.direct()
        let error = await Self.failure(
            HTTPRequest(
                url: "https://127.0.0.1:\(server.port)/", timeouts: .init(connect: .milliseconds(100))), transport)
        #expect(error?.code == .connectTimeout)
        #expect(error?.phase == .tls, "\(String(describing: error))")
        await server.allClosed()
        #expect(transport.liveTransfers == 0)
    }

    @Test func aServerThatDoesNotAnswerTimesOut() async throws {
        let server = try ScriptedServer { $0.readToEnd() }
        for body in [HTTPRequest.Body.none, .bytes([1]), .stream(ByteStream([1]), length: nil)] {
            let error = await Self.failure(
                HTTPRequest(
                    method: "POST", url: server.url, body: body, timeouts: .init(firstByte: .milliseconds(50))))
            #expect(error?.code == .firstByteTimeout && error?.phase == .firstByte, "\(String(describing: error))")
        }
        await server.allClosed()
    }

    @Test func interimResponsesDoNotCountAsAnAnswer() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 100 Continue\r\n\r\n")
            connection.readToEnd()
        }
        let error = await Self.failure(HTTPRequest(url: server.url, timeouts: .init(firstByte: .milliseconds(50))))
        #expect(error?.code == .firstByteTimeout)
    }

    @Test func aStreamThatFallsSilentTimesOut() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            try connection.writeChunk("data: 1\n\n")
            connection.readToEnd()
        }
        let response = try await CurlTransport.direct().send(
            HTTPRequest(url: server.url, timeouts: .init(firstByte: .seconds(30), idle: .milliseconds(50))))
        var chunks = response.body.makeAsyncIterator()
        #expect(try await chunks.next() == Array("data: 1\n\n".utf8))
        await #expect {
            try await chunks.next()
        } throws: { error in
            guard let error = error as? TransportError else { return false }
            return error.code == .idleTimeout && error.phase == .body && error.isTimeout
        }
        // It stays so.
        await #expect(throws: TransportError.self) { try await chunks.next() }
        await server.allClosed()
    }

    @Test func anUploadThatIsNotTakenTimesOutAndWasNotReadFarAhead() async throws {
        let server = try ScriptedServer(receiveBuffer: 4_096) { connection in
            _ = try connection.readHead()
            connection.waitForReset()
        }
        let produced = Locked(0)
        let stream = ByteStream {
            produced.withLock { $0 += 64 << 10 }
            return [UInt8](repeating: 7, count: 64 << 10)
        }
        let error = await Self.failure(
            HTTPRequest(
                method: "POST", url: server.url, body: .stream(stream, length: nil),
                timeouts: .init(idle: .milliseconds(200))))
        #expect(error?.code == .idleTimeout && error?.phase == .send, "\(String(describing: error))")
        // What the kernel and libcurl buffer, and two chunks of ours.
        #expect(produced.withLock { $0 } < 16 << 20)
        server.stop()
    }

    @Test func theTotalHoldsHoweverMuchArrives() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while true { try connection.writeChunk(": ping\n\n") }
        }
        let error = await Self.failure(
            HTTPRequest(
                url: server.url, timeouts: .init(firstByte: .seconds(30), idle: .seconds(30), total: .milliseconds(200))
            ))
        #expect(error?.code == .deadline && error?.phase == .body)
        await server.allClosed()
    }

    @Test func theTotalHoldsForAReaderThatDoesNotRead() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while true { try connection.write([UInt8](repeating: 0, count: 64 << 10)) }
        }
        let transport = CurlTransport.direct()
        let response = try await transport.send(
            HTTPRequest(url: server.url, timeouts: .init(total: .milliseconds(200))))
        // The server's script ends when the transfer does.
        await server.allClosed()
        #expect(transport.liveTransfers == 0)
        await #expect { try await response.collected(upTo: .max) } throws: {
            ($0 as? TransportError)?.code == .deadline
        }
    }

    // MARK: The caller's own stream

    @Test func anUploadThatFailsFailsTheCall() async throws {
        struct Broken: Error {}
        let server = try ScriptedServer { $0.readToEnd() }
        let first = Locked(true)
        let stream = ByteStream {
            guard
                first.withLock({ first in
                    defer { first = false }
                    return first
                })
            else { throw Broken() }
            return [1]
        }
        let error = await Self.failure(HTTPRequest(method: "POST", url: server.url, body: .stream(stream, length: nil)))
        #expect(error?.code == .upload && error?.underlying is Broken)
        await server.allClosed()
    }

    @Test(arguments: [1, 3])
    func anUploadOfAnotherLengthFailsTheCall(_ length: Int) async throws {
        let server = try ScriptedServer { $0.readToEnd() }
        let error = await Self.failure(
            HTTPRequest(method: "POST", url: server.url, body: .stream(ByteStream([1, 2]), length: length)))
        #expect(error?.code == .upload)
        await server.allClosed()
    }
}
