import HTTPTypes
import HummingbirdCore
import NIOCore
import RefrainCore

/// Answers the requests of all connections: finds the route, and turns what goes wrong into answers.
struct GatewayResponder: Sendable {
    /// Who answers.
    enum Route: Hashable {
        case messages
        /// Upstream, under the path that follows.
        case passThrough(String)
        case admin
        /// Nobody: the request is refused.
        case refused(status: Int, String)
    }

    private let state: GatewayState
    private let messages: MessagesRoute
    private let passThrough: PassThroughRoute
    private let admin: AdminRoute

    init(_ state: GatewayState) {
        self.state = state
        self.messages = MessagesRoute(state)
        self.passThrough = PassThroughRoute(state)
        self.admin = AdminRoute(state)
    }

    /// Whether the body that a head announces is wanted.
    @Sendable func admitsBody(_ head: RequestHead) -> Bool {
        guard Self.route(head) == .messages else { return true }
        return (head.headerFields[.contentLength].flatMap { Int($0) } ?? 0) <= self.state.configuration.limits.bodyBytes
    }

    /// The length of a body that is small enough for its key to be derived on an event loop, in some 50 µs; nil where the
    /// request is not to be answered by ``answerFromMemory(_:_:)``: it is no question, its body has a coding or no length,
    /// or the connection ends with it.
    func smallBodyLength(_ head: RequestHead) -> Int? {
        let fields = head.headerFields
        guard Self.route(head) == .messages,
            let length = fields[.contentLength].flatMap({ Int($0) }),
            length <= min(64 << 10, self.state.configuration.limits.bodyBytes),
            fields[.transferEncoding] == nil, fields[.contentEncoding] == nil, fields[.connection] != "close"
        else { return nil }
        return length
    }

    /// The answer to a request that has come whole, where memory holds it. Counts it, if so.
    func answerFromMemory(_ head: RequestHead, _ body: [UInt8]) -> MessagesRoute.WholeAnswer? {
        self.messages.answerFromMemory(head.headerFields, body)
    }

    /// Answers one request.
    ///
    /// - Throws: Where no answer, or no whole answer, can be given: the server then closes the connection, so that the
    ///   client does not take what it has for all.
    func respond(to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        switch Self.route(request.head) {
        case .messages: try await self.messages.respond(to: request, writer, channel)
        case .passThrough(let path): try await self.passThrough.respond(to: request, at: path, writer, channel)
        case .admin: try await self.admin.respond(to: request, writer)
        case .refused(let status, let message):
            let kind: APIErrorBody.Kind = status == 404 ? .notFound : .invalidRequest
            try await writer.write(Refusal(status: status, kind: kind, message), isHead: request.method == .head)
        }
    }

    /// Whether a segment of a path means the segment itself or the one above it, escaped or not (RFC 3986 §3.3).
    private static func isDotSegment(_ segment: Substring) -> Bool {
        let plain = segment.lowercased().replacing("%2e", with: ".")
        return plain == "." || plain == ".."
    }

    /// Finds the route of a request. A path prefix in front of `/v1/` is the client's own and of no meaning here.
    static func route(_ head: RequestHead) -> Route {
        let target = head.path ?? "/"
        // The short way of nearly every request.
        if target == "/v1/messages" { return head.method == .post ? .messages : .passThrough(target) }
        let path = target.prefix { $0 != "?" }
        if path == "/_refrain" || path.hasPrefix("/_refrain/") || ["/healthz", "/readyz", "/metrics"].contains(path) {
            return .admin
        }
        guard let start = path.firstRange(of: "/v1/")?.lowerBound else {
            return .refused(status: 404, "there is nothing at this path: the API is below /v1/")
        }
        // Upstream's base path is not to be left.
        guard !path.split(separator: "/").contains(where: Self.isDotSegment) else {
            return .refused(status: 400, "the path has a dot segment")
        }
        // An upstream that echoes the request would show a member the key that is held for it (RFC 9110 §9.3.8).
        guard head.method != .trace, head.method != .connect else {
            return .refused(status: 405, "the method \(head.method.rawValue) is not passed on")
        }
        if head.method == .post, path[start...] == "/v1/messages" { return .messages }
        return .passThrough(String(target[start...]))
    }
}

/// `@unchecked Sendable`: all that it holds is an outbound writer, which is `Sendable`; the server hands each over to one
/// request, and never touches it again.
extension ResponseWriter: @retroactive @unchecked Sendable {}

extension ResponseWriter {
    /// Writes an error of the gateway's own. The answer to a HEAD ends with its head: the client would take a body for the
    /// beginning of the next answer.
    consuming func write(_ refusal: Refusal, isHead: Bool = false) async throws {
        let body = refusal.body
        try await self.write(
            response: refusal.head(contentLength: body.count),
            body: isHead ? .init() : .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension Channel {
    /// What tells whether the client of this connection is still there.
    ///
    /// - Throws: `CancellationError` where the connection is gone already.
    func watch() async throws -> ConnectionWatch {
        do {
            return try await self.eventLoop.submit {
                try self.pipeline.syncOperations.handler(type: ConnectionGuard.self).watch
            }.get()
        } catch {
            // The handler leaves the pipeline with the connection.
            throw CancellationError()
        }
    }
}
