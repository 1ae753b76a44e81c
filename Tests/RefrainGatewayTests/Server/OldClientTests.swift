import Refrain
import RefrainCore
import RefrainTesting
import Testing

@testable import RefrainGateway

/// Clients of HTTP/1.0, and others that want the connection to end, byte by byte.
@Suite(.timeLimit(.minutes(2))) struct OldClientTests {
    private static func post(
        _ question: String = "hello", version: String = "1.0", _ fields: String = "", isStreaming: Bool = false
    ) -> String {
        let body = GatewayFixture.question(question, isStreaming: isStreaming)
        return "POST /v1/messages HTTP/\(version)\r\nhost: h\r\nx-api-key: k\r\n\(fields)"
            + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// An answer, as it came.
    private struct Answer {
        let statusLine: String
        let fields: [String]
        let body: String

        init(_ text: String) throws {
            let end = try #require(text.firstRange(of: "\r\n\r\n"))
            let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
            self.statusLine = try #require(lines.first)
            self.fields = lines.dropFirst().map { $0.lowercased() }
            self.body = String(text[end.upperBound...])
        }

        func has(_ field: String) -> Bool { self.fields.contains(field) }
        func names(_ name: String) -> Bool { self.fields.contains { $0.hasPrefix(name + ":") } }
    }

    @Test func theConnectionEndsWithTheAnswer() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            for cache in ["miss", "hit-memory", "hit-memory"] {
                let answer = try Answer(await RawConnection.exchange(gateway.port, Self.post()))
                #expect(answer.statusLine == "HTTP/1.0 200 OK" && answer.has("x-refrain-cache: \(cache)"), "\(answer)")
                #expect(answer.has("connection: close") && !answer.names("transfer-encoding"))
                #expect(Array(answer.body.utf8) == SampleMessage.json("Hello!"))
            }
        }
    }

    @Test func aStreamComesWithoutChunks() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            for fields in ["", "connection: keep-alive\r\n"] {
                let request = Self.post("stream \(fields.count)", fields, isStreaming: true)
                let answer = try Answer(await RawConnection.exchange(gateway.port, request))
                #expect(answer.statusLine == "HTTP/1.0 200 OK" && answer.has("x-refrain-cache: miss"), "\(answer)")
                #expect(answer.has("connection: close") && !answer.names("content-length"))
                #expect(!answer.names("transfer-encoding"))
                #expect(answer.body.hasPrefix("event: message_start\n"))
                #expect(answer.body.hasSuffix("data: {\"type\":\"message_stop\"}\n\n"), "\(answer.body.suffix(100))")
            }
        }
    }

    @Test func whatIsPassedOnComesWithoutChunks() async throws {
        let transport = RecordingTransport { _ in
            let chunks = Locked(["one ", "two ", "three"])
            return HTTPResponse(
                status: 200, headers: [HTTPHeader("transfer-encoding", "chunked")],
                body: ByteStream { chunks.withLock { $0.isEmpty ? nil : Array($0.removeFirst().utf8) } })
        }
        try await GatewayFixture.with(transport) { gateway in
            let answer = try await RawConnection.exchange(gateway.port, "GET /v1/models HTTP/1.0\r\n\r\n")
            #expect(answer == "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\none two three")
            let new = try await RawConnection.exchange(
                gateway.port, "GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            #expect(
                new == "HTTP/1.1 200 OK\r\nConnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
                    + "4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n")
        }
    }

    @Test func whoAsksForItKeepsTheConnection() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let keeping = Self.post("hello", "connection: keep-alive\r\n")
            let text = try await RawConnection.exchange(gateway.port, keeping + keeping + Self.post())
            #expect(text.count(of: "HTTP/1.0 200 OK") == 3 && text.count(of: "end_turn") == 3)
            #expect(text.count(of: "Connection: keep-alive") == 2 && text.count(of: "Connection: close") == 1)
            let mixed = try await RawConnection.exchange(
                gateway.port, Self.post("hello", version: "1.1") + Self.post() + Self.post())
            #expect(mixed.hasPrefix("HTTP/1.1 200 OK\r\n") && mixed.count(of: "HTTP/1.0 200 OK") == 1)
            #expect(mixed.count(of: "end_turn") == 2, "nothing after the end")
        }
    }

    @Test func aNewClientThatWantsTheEndGetsIt() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            for value in ["close", "Close", "te, close", "close, x-a", "close \t", "close\r\nconnection: close"] {
                let request = Self.post("hello", version: "1.1", "connection: \(value)\r\n")
                let answer = try Answer(await RawConnection.exchange(gateway.port, request))
                #expect(answer.statusLine == "HTTP/1.1 200 OK" && answer.has("connection: close"), "\(answer)")
                #expect(Array(answer.body.utf8) == SampleMessage.json("Hello!"))
            }
        }
    }

    @Test func whatTheyDoNotKnowIsNotDoneToThem() async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let expecting = try await RawConnection.exchange(
                gateway.port, Self.post("hello", "expect: 100-continue\r\n"))
            #expect(expecting.hasPrefix("HTTP/1.0 200 OK\r\n") && !expecting.contains("100 Continue"))
            let refused = try Answer(await RawConnection.exchange(gateway.port, "GET /nowhere HTTP/1.0\r\n\r\n"))
            #expect(refused.statusLine == "HTTP/1.0 404 Not Found" && refused.has("connection: close"))
            // Chunks in a request of HTTP/1.0: what follows may be anything.
            let body = GatewayFixture.hello
            let chunked =
                "POST /v1/messages HTTP/1.0\r\nx-api-key: k\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n"
                + "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
            let answer = try await RawConnection.exchange(gateway.port, chunked + Self.post())
            #expect(answer.count(of: "HTTP/1.0 ") == 1 && answer.contains("Connection: close"), "\(answer)")
        }
    }
}
