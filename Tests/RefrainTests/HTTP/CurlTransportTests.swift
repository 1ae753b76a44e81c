import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import Refrain

/// What a transport does with servers that behave.
@Suite(.timeLimit(.minutes(2)))
struct CurlTransportTests {
    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func aPlainResponseArrivesWhole() async throws {
        let server = try ScriptedServer.answering { request, connection in
            #expect(request.line == "POST /v1/messages?beta=true HTTP/1.1")
            #expect(request.header("x-api-key") == "secret")
            #expect(request.body == Array(#"{"a":1}"#.utf8))
            try connection.respond("200 OK", ["Content-Type: application/json", "Request-Id: req_1"], #"{"b":2}"#)
        }
        let transport = CurlTransport.direct()
        let response = try await transport.collect(
            HTTPRequest(
                method: "POST", url: server.url + "/v1/messages?beta=true",
                headers: [HTTPHeader("X-Api-Key", "secret")],
                body: .bytes(Array(#"{"a":1}"#.utf8))))
        #expect(response.status == 200)
        #expect(response.header("request-id") == "req_1")
        #expect(response.body == Array(#"{"b":2}"#.utf8))
        await transport.shutdown()
    }

    @Test(
        arguments: [
            ("GET", false, nil), ("DELETE", false, nil), ("OPTIONS", false, nil), ("POST", false, "0"),
            ("PUT", false, "0"),
            ("PATCH", false, "0"), ("GET", true, "3"), ("DELETE", true, "3"), ("POST", true, "3"), ("PUT", true, "3"),
            ("PATCH", true, "3"), ("PURGE", true, "3"),
        ] as [(String, Bool, String?)])
    func anyMethodGoesWithAndWithoutABody(_ method: String, _ hasBody: Bool, _ length: String?) async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.respond(
                "200 OK", ["x-length: \(request.header("content-length") ?? "none")"],
                request.method + Self.text(request.body))
        }
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(method: method, url: server.url, body: hasBody ? .bytes(Array("abc".utf8)) : .none))
        #expect(Self.text(response.body) == method + (hasBody ? "abc" : ""))
        #expect(response.header("x-length") == length ?? "none")
    }

    @Test func anEmptyBodyIsABody() async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.respond("200 OK", [], request.header("content-length") ?? "none")
        }
        let transport = CurlTransport.direct()
        for body in [HTTPRequest.Body.bytes([]), .stream(ByteStream([]), length: 0)] {
            let response = try await transport.collect(HTTPRequest(method: "POST", url: server.url, body: body))
            #expect(Self.text(response.body) == "0")
        }
    }

    @Test func nothingIsAddedToARequest() async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.respond(
                "200 OK", [], request.headers.map { "\($0.name)=\($0.value)" }.joined(separator: "|"))
        }
        let transport = CurlTransport.direct()
        let headers = [
            HTTPHeader("anthropic-beta", "a"), HTTPHeader("anthropic-beta", "b, c"), HTTPHeader("x-empty", ""),
            HTTPHeader("x-blank", " "), HTTPHeader("x-utf8", "é"), HTTPHeader("x-semicolon", ";"),
            HTTPHeader("accept-encoding", "br;q=0"), HTTPHeader("cookie", "a=b"),
            // The connection's own.
            HTTPHeader("host", "elsewhere"), HTTPHeader("content-length", "99"),
            HTTPHeader("transfer-encoding", "gzip"),
            HTTPHeader("connection", "close"), HTTPHeader("expect", "100-continue"), HTTPHeader("te", "x"),
            HTTPHeader("proxy-authorization", "secret"), HTTPHeader("keep-alive", "1"), HTTPHeader("upgrade", "h2c"),
        ]
        // Large enough for libcurl to ask for a "100 Continue" if it were let.
        let response = try await transport.collect(
            HTTPRequest(
                method: "POST", url: server.url, headers: headers, body: .bytes(Array(repeating: 0x61, count: 2 << 20)))
        )
        #expect(
            Self.text(response.body)
                == "host=127.0.0.1:\(server.port)|anthropic-beta=a|anthropic-beta=b, c|x-empty=|x-blank=|x-utf8=é"
                + "|x-semicolon=;|accept-encoding=br;q=0|cookie=a=b|content-length=2097152")
    }

    @Test func pathsGoAsTheyAre() async throws {
        let server = try ScriptedServer.answering { try $1.respond("200 OK", [], $0.target) }
        let transport = CurlTransport.direct()
        for path in ["/", "/a/../b//./c", "/%2e%2E/%00?x=%0d%0a&y=/../", "/a?b?c"] {
            #expect(Self.text(try await transport.collect(HTTPRequest(url: server.url + path)).body) == path)
        }
        #expect(Self.text(try await transport.collect(HTTPRequest(url: server.url + "/a#b")).body) == "/a")
    }

    @Test func chunkedBodiesAreJoinedHoweverTheyAreSplit() async throws {
        let server = try ScriptedServer.answering { _, connection in
            try connection.drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n")
            try connection.drip("5\r\nhello\r\n1;ext=1\r\n,\r\n0006\r\n world\r\n0\r\nx: trailer\r\n\r\n")
        }
        let transport = CurlTransport.direct()
        for _ in 0..<3 {
            let response = try await transport.collect(HTTPRequest(url: server.url))
            #expect(Self.text(response.body) == "hello, world")
            #expect(response.header("x") == nil)
        }
        #expect(server.accepted == 1)
    }

    @Test func aBodyThatEndsWithTheConnectionIsTaken() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write("HTTP/1.0 200 OK\r\n\r\nall of it")
        }
        let response = try await CurlTransport.direct().collect(HTTPRequest(url: server.url))
        #expect(Self.text(response.body) == "all of it")
    }

    @Test(arguments: [
        ("HEAD", "200 OK", "content-length: 1000\r\n"), ("GET", "204 No Content", ""),
        ("GET", "304 Not Modified", "content-length: 1000\r\n"), ("POST", "204 No Content", ""),
    ])
    func responsesWithoutABodyEndWithTheirHead(_ method: String, _ status: String, _ header: String) async throws {
        let server = try ScriptedServer.answering {
            try $1.write("HTTP/1.1 \(status)\r\n\(header)x: \($0.method)\r\n\r\n")
        }
        let transport = CurlTransport.direct()
        for _ in 0..<3 {
            let response = try await transport.collect(HTTPRequest(method: method, url: server.url))
            #expect(response.body.isEmpty)
            #expect(response.header("x") == method)
            #expect((response.header("content-length") != nil) == !header.isEmpty)
        }
        #expect(server.accepted == 1)
    }

    @Test func interimResponsesArePassedBy() async throws {
        let server = try ScriptedServer.answering { _, connection in
            try connection.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx: 1\r\n\r\n")
            try connection.write("HTTP/1.1 103 Early Hints\r\nlink: y\r\n\r\n")
            try connection.respond("200 OK", ["x: 2"], "done")
        }
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(method: "POST", url: server.url, body: .bytes([1])))
        #expect(response.status == 200 && Self.text(response.body) == "done")
        #expect(response.headers.filter { $0.name == "x" || $0.name == "link" } == [HTTPHeader("x", "2")])
    }

    @Test func redirectsAndCookiesAreTheCallersAffair() async throws {
        let server = try ScriptedServer.answering { request, connection in
            #expect(request.header("cookie") == nil)
            try connection.respond("302 Found", ["location: /elsewhere", "set-cookie: a=b"])
        }
        let transport = CurlTransport.direct()
        for _ in 0..<2 {
            let response = try await transport.collect(HTTPRequest(url: server.url))
            #expect(response.status == 302 && response.header("location") == "/elsewhere")
        }
    }

    @Test func connectionsAreReused() async throws {
        let server = try ScriptedServer.answering { try $1.respond("200 OK", [], $0.target) }
        let transport = CurlTransport.direct()
        for index in 0..<20 {
            let response = try await transport.collect(HTTPRequest(url: server.url + "/\(index)"))
            #expect(Self.text(response.body) == "/\(index)")
        }
        #expect(server.accepted == 1)
    }

    @Test func aConnectionThatTheServerClosedMeanwhileIsReplaced() async throws {
        let server = try ScriptedServer { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.respond("200 OK", [], Self.text(request.body))
            // Closed without a word, as servers do with idle connections.
        }
        let transport = CurlTransport.direct()
        for index in 0..<5 {
            let response = try await transport.collect(
                HTTPRequest(method: "POST", url: server.url, body: .bytes(Array("\(index)".utf8))))
            #expect(Self.text(response.body) == "\(index)")
        }
    }

    /// The server resets the connection when the second request is already on its way, and before it answers.
    @Test func aRequestThatMeetsADeadConnectionIsSentAgainWithItsBody() async throws {
        let server = try ScriptedServer { connection in
            guard let first = try connection.readRequest() else { return }
            try connection.respond("200 OK", [], Self.text(first.body))
            guard let second = try connection.readHead() else { return }
            if second.target == "/second" { connection.reset() }
        }
        let transport = CurlTransport.direct()
        for path in ["/first", "/second"] {
            let response = try await transport.collect(
                HTTPRequest(method: "POST", url: server.url + path, body: .bytes(Array(path.utf8))))
            #expect(Self.text(response.body) == path)
        }
        #expect(server.accepted == 2)
    }

    @Test func largeBodiesGoBothWays() async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: \(request.body.count)\r\n\r\n")
            try connection.write(request.body)
        }
        var generator = SeededGenerator(seed: 1)
        var body = [UInt8](repeating: 0, count: 32 << 20)
        for index in stride(from: 0, to: body.count, by: 61) {
            body[index] = UInt8.random(in: 0...255, using: &generator)
        }
        let transport = CurlTransport.direct()
        let response = try await transport.collect(HTTPRequest(method: "POST", url: server.url, body: .bytes(body)))
        // Not in an expectation, which would print them.
        let isEqual = response.body == body
        #expect(isEqual)
    }

    @Test(arguments: [true, false])
    func uploadsAreStreamed(_ hasLength: Bool) async throws {
        let server = try ScriptedServer.answering { request, connection in
            try connection.respond(
                "200 OK",
                [
                    "x-length: \(request.header("content-length") ?? "none")",
                    "x-coding: \(request.header("transfer-encoding") ?? "none")",
                    "x-sum: \(request.body.reduce(0) { $0 &* 31 &+ Int($1) })",
                ], "\(request.body.count)")
        }
        let chunks = (0..<500).map { index in (0..<(index * 7 % 5_000)).map { UInt8(truncatingIfNeeded: $0 &* index) } }
        let all = Array(chunks.joined())
        let left = Locked(chunks[...])
        let stream = ByteStream { left.withLock { $0.popFirst() } }
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(method: "POST", url: server.url, body: .stream(stream, length: hasLength ? all.count : nil)))
        #expect(Self.text(response.body) == "\(all.count)")
        #expect(response.header("x-sum") == "\(all.reduce(0) { $0 &* 31 &+ Int($1) })")
        #expect(response.header("x-length") == (hasLength ? "\(all.count)" : "none"))
        #expect(response.header("x-coding") == (hasLength ? "none" : "chunked"))
    }

    @Test func anUploadAndADownloadFollowEachOther() async throws {
        // The server echoes each chunk as it comes; the caller sends the next when it has the echo of the last.
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
            for _ in 0..<10 { try connection.write(try connection.read(1)) }
        }
        let echoed = (0..<10).map { _ in Signal() }
        let sent = Locked(0)
        let stream = ByteStream {
            let index = sent.withLock { sent in
                defer { sent += 1 }
                return sent
            }
            guard index < 10 else { return nil }
            if index > 0 { await echoed[index - 1].wait() }
            return [UInt8(index)]
        }
        let response = try await CurlTransport.direct().send(
            HTTPRequest(method: "POST", url: server.url, body: .stream(stream, length: 10)))
        var received: [UInt8] = []
        for try await chunk in response.body {
            for byte in chunk { echoed[Int(byte)].set() }
            received += chunk
        }
        #expect(received == Array(0..<10))
    }

    @Test(arguments: ["413 Request Too Large", "200 OK"])
    func aServerMayAnswerBeforeTheUploadIsDone(_ status: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.respond(status, ["connection: close"], "enough")
            connection.readToEnd()
        }
        let transport = CurlTransport.direct()
        let response = try await transport.collect(
            HTTPRequest(method: "POST", url: server.url, body: .bytes(Array(repeating: 1, count: 8 << 20))))
        #expect(response.status == Int(status.prefix(3)))
        #expect(Self.text(response.body) == "enough")
        // The connection with half a request on it is not used again.
        _ = try await transport.collect(HTTPRequest(url: server.url))
        #expect(server.accepted == 2)
    }

    @Test func anUploadThatNobodyWantsIsGivenUp() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.respond("401 Unauthorized", ["connection: close"], "no")
            connection.readToEnd()
        }
        let stopped = Signal()
        let stream = ByteStream {
            try await withTaskCancellationHandler {
                try await Task.sleep(for: .seconds(3_600))
            } onCancel: {
                stopped.set()
            }
            return [1]
        }
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(method: "POST", url: server.url, body: .stream(stream, length: nil)))
        #expect(response.status == 401 && Self.text(response.body) == "no")
        await stopped.wait()
    }

    /// `{"text":"ha…ha"}` in gzip.
    private static let zipped: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 42, 73, 173, 40, 81, 178, 82, 202, 72, 28, 133, 163, 112, 20, 14,
        119, 168,
        84, 11, 0, 231, 61, 136, 19, 243, 3, 0, 0,
    ]
    private static let unzipped = #"{"text":""# + String(repeating: "ha", count: 500) + #""}"#

    private static func zipServer(cut: Int = 0) throws -> ScriptedServer {
        try ScriptedServer.answering { request, connection in
            try connection.write(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nx-asked: \(request.header("accept-encoding") ?? "none")\r\n"
                    + "content-length: \(Self.zipped.count - cut)\r\n\r\n")
            try connection.write(Array(Self.zipped.dropLast(cut)))
        }
    }

    @Test func gzipIsUndoneWhereItIsAskedFor() async throws {
        let server = try Self.zipServer()
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(url: server.url, headers: [HTTPHeader("accept-encoding", "identity")], decompresses: true))
        #expect(Self.text(response.body) == Self.unzipped)
        #expect(response.header("x-asked")?.contains("gzip") == true)
        #expect(response.header("content-encoding") == nil && response.header("content-length") == nil)
    }

    @Test func gzipIsLeftAloneWhereItIsNot() async throws {
        let server = try Self.zipServer()
        let response = try await CurlTransport.direct().collect(
            HTTPRequest(url: server.url, headers: [HTTPHeader("accept-encoding", "gzip")]))
        #expect(response.body == Self.zipped)
        #expect(response.header("x-asked") == "gzip")
        #expect(response.header("content-encoding") == "gzip" && response.header("content-length") == "40")
    }

    @Test func brokenGzipIsAnError() async throws {
        let server = try ScriptedServer.answering { _, connection in
            try connection.respond("200 OK", ["content-encoding: gzip"], "this is not gzip")
        }
        await #expect {
            try await CurlTransport.direct().collect(HTTPRequest(url: server.url, decompresses: true))
        } throws: {
            ($0 as? TransportError)?.code == .malformedResponse
        }
    }

    @Test func eventsArriveAsTheyAreSent() async throws {
        let received = (0..<50).map { _ in Signal() }
        let server = try ScriptedServer { connection in
            _ = try connection.readRequest()
            try connection.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for index in 0..<50 {
                try connection.writeChunk("data: \(index)\n\n")
                // The next is sent when this one has been read.
                received[index].block()
            }
            try connection.writeChunk("")
        }
        let response = try await CurlTransport.direct().send(HTTPRequest(url: server.url))
        #expect(response.header("content-type") == "text/event-stream")
        var index = 0
        for try await chunk in response.body {
            #expect(Self.text(chunk) == "data: \(index)\n\n")
            received[index].set()
            index += 1
        }
        #expect(index == 50)
    }

    @Test func twoHundredStreamsRunAtATime() async throws {
        let count = 200
        let started = Locked(0)
        let allStarted = Signal()
        let server = try ScriptedServer { connection in
            guard let request = try connection.readRequest() else { return }
            try connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            let isLast = started.withLock { started in
                started += 1
                return started == count
            }
            if isLast { allStarted.set() }
            // Nobody goes on before everybody is there.
            allStarted.block()
            for index in 0..<20 { try connection.writeChunk("\(request.target)#\(index)\n") }
            try connection.writeChunk("")
        }
        let transport = CurlTransport.direct()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                group.addTask {
                    let response = try await transport.collect(HTTPRequest(url: server.url + "/\(index)"))
                    let expected = (0..<20).map { "/\(index)#\($0)\n" }.joined()
                    #expect(Self.text(response.body) == expected)
                }
            }
            try await group.waitForAll()
        }
        #expect(transport.liveTransfers == 0)
        await transport.shutdown()
        await server.allClosed()
    }

    @Test func aBodyCutShortIsFetchedAgainForACallerThatHasSeenNothing() async throws {
        let calls = Locked(0)
        let server = try ScriptedServer { connection in
            guard try connection.readRequest() != nil else { return }
            let call = calls.withLock { calls in
                calls += 1
                return calls
            }
            switch call {
            case 1: try connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            case 2: try connection.respond("529 Overloaded", ["retry-after-ms: 1"], "{}")
            default: try connection.respond("200 OK", [], "whole")
            }
        }
        let transport = RetryingTransport(
            CurlTransport.direct(), policy: .init(initialDelay: .milliseconds(1)), random: { 0 })
        let response = try await transport.collect(HTTPRequest(method: "POST", url: server.url, body: .bytes([1])))
        #expect(Self.text(response.body) == "whole")
        #expect(calls.withLock { $0 } == 3)
        await transport.shutdown()
    }
}

extension CurlTransport {
    /// A transport for loopback servers, whatever proxy the environment has.
    static func direct(_ change: (inout Configuration) -> Void = { _ in }) -> CurlTransport {
        var configuration = Configuration(proxy: .none)
        change(&configuration)
        return CurlTransport(configuration)
    }
}
