import HTTPTypes
import NIOCore
import NIOHTTP1

/// Remembers of each request that is not answered whether the connection goes on after its answer, and answers clients
/// of HTTP/1.0 in their own version: RFC 9112 §9.3.
///
/// It stands between the HTTP codec and the conversion to ``RequestHead``, which has no version. A body of unknown length
/// goes to such a client as it is, and ends with the connection: chunks it would take for the body (RFC 9112 §6.1). The
/// connection is ended by ``ConnectionGuard``, which asks ``mark(_:)``, and which is told of each ``RequestFault`` in
/// place of the request that has it.
final class Persistence: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// What becomes of the parser at the end of a request.
    private enum Parsing {
        case goesOn
        /// It stops there, and ``RequestDecoder`` begins anew.
        case stops
        /// It may stop there: nothing that follows is to be served.
        case mayStop
    }

    private struct Exchange {
        /// Whether the client knows neither chunks nor interim responses.
        let isOld: Bool
        /// Whether the client wants the connection to go on.
        let goesOn: Bool
    }

    private let decoder: RequestDecoder
    /// Requests received and not answered, the oldest first.
    private var exchanges: [Exchange] = []
    private var parsing = Parsing.goesOn
    /// A request had a fault: what follows is not served.
    private var isFaulty = false

    init(_ decoder: RequestDecoder) { self.decoder = decoder }

    /// Says in the head of the next answer what becomes of the connection.
    func mark(_ head: inout ResponseHead) {
        guard let exchange = self.exchanges.first else { return }
        if !exchange.goesOn {
            head.headerFields[.connection] = "close"
        } else if exchange.isOld, head.headerFields[.connection] == nil {
            // Nothing else than its end tells such a client where a body of unknown length ends.
            head.headerFields[.connection] = head.headerFields[.contentLength] == nil ? "close" : "keep-alive"
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isFaulty else { return }
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.received(context, head)
        case .body: context.fireChannelRead(data)
        case .end:
            if self.parsing == .stops { self.decoder.hasStopped = true }
            context.fireChannelRead(data)
        }
    }

    private func received(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        if let fault = RequestFault(head) {
            self.isFaulty = true
            return context.fireErrorCaught(fault)
        }
        self.parsing = Self.parsing(head)
        let goesOn = head.isKeepAlive && self.parsing != .mayStop && !Self.asksToClose(head)
        guard head.version == .http1_0 || head.version == .http0_9 else {
            self.exchanges.append(Exchange(isOld: false, goesOn: goesOn))
            return context.fireChannelRead(self.wrapInboundOut(.head(head)))
        }
        var head = head
        // Chunks from such a client are a fault in its framing: what follows them may be anything.
        let hasChunks = head.headers.contains(name: "transfer-encoding")
        self.exchanges.append(Exchange(isOld: true, goesOn: goesOn && !hasChunks))
        // It does not know `100 Continue` (RFC 9110 §10.1.1).
        head.headers.remove(name: "expect")
        context.fireChannelRead(self.wrapInboundOut(.head(head)))
    }

    /// Whether `Connection` names `close`, with whatever white space: ``RequestHead`` has fields without it, and the server
    /// ends the connection by them.
    private static func asksToClose(_ head: HTTPRequestHead) -> Bool {
        for (name, value) in head.headers where name.utf8.count == 10 && name.lowercased() == "connection" {
            let options = value.utf8.split(separator: UInt8(ascii: ","))
            let isClose = options.contains { option in
                option.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }.map { $0 | 0x20 }
                    .elementsEqual("close".utf8)
            }
            if isClose { return true }
        }
        return false
    }

    /// What the parser does at the end of a request: it stops where `Upgrade` has a value, and `Connection` names it.
    ///
    /// Only where that is beyond doubt is the parser begun anew: begun anew in the middle of a request, it would take a
    /// part of that for another. So it is for what clients send that would like HTTP/2; others are told to connect again.
    private static func parsing(_ head: HTTPRequestHead) -> Parsing {
        if head.method == .CONNECT { return .mayStop }
        guard head.headers.contains(name: "upgrade") else { return .goesOn }
        let protocols = head.headers["upgrade"]
        let options = head.headers["connection"].map { $0.lowercased() }
        guard options.contains(where: { $0.contains("upgrade") }) else { return .goesOn }
        let isPlain = protocols == ["h2c"] && head.version == .http1_1
        return isPlain && ["upgrade, http2-settings", "upgrade,http2-settings", "upgrade"].contains { options == [$0] }
            ? .stops : .mayStop
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch self.unwrapOutboundIn(data) {
        case .head(var head) where self.exchanges.first?.isOld == true:
            head.version = .http1_0
            context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            if !self.exchanges.isEmpty { self.exchanges.removeFirst() }
            context.write(data, promise: promise)
        case .head, .body: context.write(data, promise: promise)
        }
    }
}
