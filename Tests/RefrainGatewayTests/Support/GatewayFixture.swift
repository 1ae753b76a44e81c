import Refrain
import RefrainCore
import RefrainGateway
import RefrainKeys
import RefrainTesting

/// A gateway on a free port, in front of a transport that a test scripts.
struct GatewayFixture: Sendable {
    let port: Int
    let cache: ResponseCache
    let upstream: RecordingTransport

    /// Runs `body` with a gateway that listens, and ends it afterwards.
    static func with(
        _ upstream: RecordingTransport, cache: ResponseCache = ResponseCache(memory: MemoryStore()),
        _ change: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: @Sendable (GatewayFixture) async throws -> Void
    ) async throws {
        try await Self.withTransport(upstream, cache: cache, change, upstream: "https://upstream.test") { listening in
            try await body(GatewayFixture(port: listening.port, cache: cache, upstream: upstream))
        }
    }

    /// A gateway that listens.
    struct Listening: Sendable {
        let port: Int
        let gateway: Gateway
    }

    /// Runs `body` with a gateway in front of any transport, and ends it afterwards.
    static func withTransport(
        _ transport: any HTTPTransport, cache: ResponseCache = ResponseCache(memory: MemoryStore()),
        _ change: (inout GatewayConfiguration) -> Void = { _ in }, upstream: String,
        _ body: @Sendable (Listening) async throws -> Void
    ) async throws {
        var configuration = GatewayConfiguration(port: 0, upstream: upstream)
        change(&configuration)
        try await Gateway.withServer(configuration, cache: cache, transport: transport) { gateway, port in
            try await body(Listening(port: port, gateway: gateway))
        }
    }

    /// What a client gets.
    func ask(
        _ path: String = "/v1/messages", method: String = "POST", headers: [HTTPHeader] = [.key],
        _ body: String = Self.hello
    ) async throws -> CollectedResponse {
        let client = CurlTransport()
        let request = HTTPRequest(
            method: method, url: "http://127.0.0.1:\(self.port)\(path)", headers: headers,
            body: ["GET", "HEAD"].contains(method) ? .none : .bytes(Array(body.utf8)))
        do throws(TransportError) {
            let response = try await client.collect(request)
            await client.shutdown()
            return response
        } catch {
            await client.shutdown()
            throw error
        }
    }

    static let hello = Self.question("hello")

    static func question(_ text: String, isStreaming: Bool = false) -> String {
        #"{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[{"role":"user","content":"\#(text)"}]"#
            + (isStreaming ? #","stream":true}"# : "}")
    }
}

extension HTTPHeader {
    static let key = HTTPHeader("x-api-key", "sk-test")
}

extension CollectedResponse {
    var text: String { String(decoding: self.body, as: UTF8.self) }
    var cache: String? { self.header("x-refrain-cache") }
    var reason: String? { self.header("x-refrain-reason") }
}

/// A transport that answers by a function, and remembers what it was asked.
final class RecordingTransport: HTTPTransport {
    typealias Answer = @Sendable (_ request: HTTPRequest) async throws -> HTTPResponse

    private let answer: Answer
    private let seen = Locked<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    /// Answers as an upstream that a test scripts does.
    convenience init(_ upstream: ScriptedUpstream) {
        self.init { request in
            let isStreaming = String(decoding: request.bodyBytes, as: UTF8.self).contains(#""stream":true"#)
            return try await upstream.call(UpstreamCall(isStreaming: isStreaming))
        }
    }

    /// Answers every question with the same message.
    convenience init(text: String = "Hello!") { self.init(ScriptedUpstream(message: SampleMessage.json(text))) }

    var requests: [HTTPRequest] { self.seen.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        self.seen.withLock { $0.append(request) }
        do {
            return try await self.answer(request)
        } catch let error as TransportError {
            throw error
        } catch is CancellationError {
            throw TransportError(.cancelled, during: .firstByte, "cancelled")
        } catch {
            throw TransportError(.unexpected, during: .firstByte, "scripted")
        }
    }

    func shutdown() async {}
}

extension HTTPRequest {
    var bodyBytes: [UInt8] { if case .bytes(let bytes) = self.body { bytes } else { [] } }
    func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }
}
