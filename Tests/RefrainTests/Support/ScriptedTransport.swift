import Refrain
import RefrainCore
import RefrainKeys

/// A transport that answers by a function, and remembers what it was asked.
final class ScriptedTransport: HTTPTransport {
    typealias Answer = @Sendable (_ request: HTTPRequest, _ number: Int) async throws(TransportError) -> HTTPResponse

    private let answer: Answer
    private let seen = Locked<[HTTPRequest]>([])

    /// - Parameter answer: is given each request and its number, from 1.
    init(_ answer: @escaping Answer) { self.answer = answer }

    /// Answers every request with a message, as a stream where it asks for one.
    convenience init(message: [UInt8] = Wire.message()) {
        self.init { request, _ in Wire.response(to: request, message) }
    }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let number = self.seen.withLock { seen in
            seen.append(request)
            return seen.count
        }
        return try await self.answer(request, number)
    }

    func shutdown() async {}

    var requests: [HTTPRequest] { self.seen.withLock { $0 } }
    var bodies: [[UInt8]] { self.requests.map(\.bodyBytes) }
}

extension HTTPRequest {
    var bodyBytes: [UInt8] {
        if case .bytes(let bytes) = self.body { bytes } else { [] }
    }

    func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }
}

/// What goes over the wire in the client's tests.
enum Wire {
    /// A message as the API sends it.
    static func message(
        id: String = "msg_1", model: String = "claude-sonnet-5-5", text: String = "Hello", toolUse: String? = nil,
        usage: String = #"{"input_tokens":1000,"output_tokens":100}"#
    ) -> [UInt8] {
        let tool = toolUse.map { #",{"type":"tool_use","id":"\#($0)","name":"t","input":{"b":1,"a":2}}"# } ?? ""
        return Array(
            (#"{"model":"\#(model)","id":"\#(id)","type":"message","role":"assistant","content":["#
                + #"{"type":"text","text":"\#(text)"}\#(tool)],"stop_reason":"\#(toolUse == nil ? "end_turn" : "tool_use")","#
                + #""stop_sequence":null,"usage":\#(usage)}"#).utf8
        )
    }

    static func json(_ body: [UInt8], status: Int = 200, headers: [HTTPHeader] = []) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_1")] + headers,
            body: ByteStream(body)
        )
    }

    static func error(_ status: Int, _ type: String, headers: [HTTPHeader] = []) -> HTTPResponse {
        self.json(
            Array(#"{"type":"error","error":{"type":"\#(type)","message":"No."},"request_id":"req_9"}"#.utf8),
            status: status, headers: headers
        )
    }

    static func events(_ events: [[UInt8]]) -> HTTPResponse {
        let remaining = Locked(events[...])
        return HTTPResponse(
            status: 200, headers: [HTTPHeader("content-type", "text/event-stream; charset=utf-8")],
            body: ByteStream { remaining.withLock { $0.popFirst() } }
        )
    }

    static func stream(of message: [UInt8]) -> [[UInt8]] {
        do throws(WireError) { return try MessageReplayer.events(for: message) } catch { return [] }
    }

    static func response(to request: HTTPRequest, _ message: [UInt8]) -> HTTPResponse {
        let wantsStream = (try? JSONDocument(request.bodyBytes))?.root["stream"]?.bool == true
        return wantsStream ? self.events(self.stream(of: message)) : self.json(message)
    }

    /// A request body.
    static func body(_ prompt: String = "Hi", model: String = "claude-sonnet-5-5", more: String = "") -> [UInt8] {
        Array(
            #"{"model":"\#(model)","max_tokens":100,"messages":[{"role":"user","content":"\#(prompt)"}]\#(more)}"#.utf8
        )
    }
}

extension CachedClaude {
    /// A client on a scripted transport, whose waits take no time.
    static func scripted(
        _ transport: ScriptedTransport, key: String = "sk-ant-test", scope: Sharing = .credential,
        cache: ResponseCache? = nil,
        policy: CachePolicy = CachePolicy(), promptCaching: PromptCaching = .automatic,
        configure: (inout Configuration) -> Void = { _ in }
    ) throws -> CachedClaude {
        var configuration = Configuration(
            transport: transport,
            time: TimeSource(
                now: TimeSource.system.now, monotonicNanoseconds: TimeSource.system.monotonicNanoseconds,
                sleep: { _ in try Task.checkCancellation() }
            ),
            environment: { _ in nil }
        )
        configure(&configuration)
        if let cache {
            return try CachedClaude(
                apiKey: .key(key), scope: scope, cache: cache, policy: policy, promptCaching: promptCaching,
                configuration: configuration
            )
        }
        return try CachedClaude(
            apiKey: .key(key), scope: scope, memory: .megabytes(16), policy: policy,
            promptCaching: promptCaching, configuration: configuration
        )
    }
}
