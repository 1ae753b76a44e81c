import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import RefrainCore

/// Holds one connection to its limits, answers `Expect: 100-continue`, and tells when the client has gone.
///
/// It stands behind the HTTP codec and in front of the server. What it refuses by itself, before a request reaches the
/// gateway, gets an error of the API's shape: a head that is malformed, too large or too slow, a body that stalls, a
/// connection too many.
///
/// An answer may be whole before its request is: a body that is too large, an upload that upstream refuses. Many clients
/// read nothing until they have sent all, and closing under them would take the answer away from them, so the rest of
/// the request is read and thrown away, for a while, before the connection is closed.
///
/// ``ConnectionTimes`` decides what is late; this handler asks it at the times that it names.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Tells the answering task that the client has gone.
    let watch = ConnectionWatch()
    /// How long a connection that ends waits for the client to end it too.
    private static let lingering = TimeAmount.seconds(2)

    private let census: ConnectionCensus
    private let admitsBody: (RequestHead) -> Bool
    private var times: ConnectionTimes
    private var expectations = Expectations()
    private var isSurplus = false
    private var isClosing = false
    private var isResponding = false
    /// Whether the response under way says that the connection ends with it.
    private var closesAfterResponse = false
    /// What is being answered was not whole when its answer began; the connection is closed after it.
    private var isEarly = false
    /// The answer to a request that is not whole is written, and what still comes is thrown away.
    private var isDiscarding = false
    private var hasRequestEnded = false
    private var hasAnswerGone = false
    private var hasLeft = false
    private var check: Scheduled<Void>?

    /// - Parameter admitsBody: Whether the body that a head announces is wanted, so that a client that waits for
    ///   `100 Continue` may send it.
    init(
        limits: GatewayConfiguration.Limits, census: ConnectionCensus,
        admitsBody: @escaping (RequestHead) -> Bool
    ) {
        self.census = census
        self.admitsBody = admitsBody
        self.times = ConnectionTimes(
            idle: .init(limits.idle), stall: .init(limits.stall), now: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.isSurplus = !self.census.enter()
        do {
            let pipeline = context.pipeline.syncOperations
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            try pipeline.addHandler(ByteWatch { [weak self] in self?.times.bytesArrived() }, position: .first)
        } catch {
            context.fireErrorCaught(error)
        }
        self.schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.leave() }

    func channelInactive(context: ChannelHandlerContext) {
        self.leave()
        context.fireChannelInactive()
    }

    private func leave() {
        guard !self.hasLeft else { return }
        self.hasLeft = true
        self.check?.cancel()
        self.check = nil
        self.census.leave()
        self.watch.close()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isClosing else { return }
        let part = self.unwrapInboundIn(data)
        self.times.received(part, now: .now())
        if self.isDiscarding {
            if case .end = part { self.hasRequestEnded = true }
            return self.closeIfDone(context)
        }
        if case .head(let head) = part {
            if self.isSurplus {
                return self.refuse(
                    context, 503, .overloaded, "the gateway serves as many connections as it may (\(self.census.limit))"
                )
            }
            if self.expectations.began(expects: Self.expectsContinue(head) && self.admitsBody(head)) {
                self.sendContinue(context)
            }
        }
        context.fireChannelRead(data)
        self.schedule(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Nobody else asks for more: the server has done with the request.
        if self.isDiscarding, !self.isClosing { context.read() }
    }

    func read(context: ChannelHandlerContext) {
        self.times.asksForMore(now: .now())
        context.read()
        self.schedule(context)
    }

    private static func expectsContinue(_ head: RequestHead) -> Bool {
        head.headerFields[.expect]?.lowercased() == "100-continue"
    }

    private func sendContinue(_ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(.head(ResponseHead(status: .continue))), promise: nil)
    }

    // MARK: Responses

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !self.isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch self.unwrapOutboundIn(data) {
        case .head(var head):
            self.isResponding = true
            self.isEarly = self.times.isAnsweringEarly
            if self.isEarly { head.headerFields[.connection] = "close" }
            self.closesAfterResponse = head.headerFields[.connection] == "close"
            context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end where self.isEarly:
            self.isResponding = false
            self.endEarly(context, data, promise)
        case .end:
            context.write(data, promise: promise)
            self.isResponding = false
            guard !self.closesAfterResponse else { return self.linger(context) }
            self.times.answered(now: .now())
            if self.expectations.answered() { self.sendContinue(context) }
            self.schedule(context)
        }
    }

    /// Ends an answer that began before its request was whole.
    private func endEarly(
        _ context: ChannelHandlerContext, _ end: NIOAny, _ promise: EventLoopPromise<Void>?
    ) {
        self.isDiscarding = true
        self.hasRequestEnded = !self.times.isAnsweringEarly
        self.times.answered(now: .now())
        if !self.hasRequestEnded { self.times.discards(now: .now()) }
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, context) = loopBound.value
            handler.hasAnswerGone = true
            handler.closeIfDone(context)
        }
        context.write(end, promise: written)
        // What was scheduled may be later than what is late now.
        self.check?.cancel()
        self.check = nil
        self.schedule(context)
        context.read()
    }

    private func closeIfDone(_ context: ChannelHandlerContext) {
        if self.hasRequestEnded, self.hasAnswerGone, !self.hasLeft { self.close(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.times.writabilityChanged(to: context.channel.isWritable, now: .now())
        self.schedule(context)
        context.fireChannelWritabilityChanged()
    }

    // MARK: What is late or wrong

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow:
            self.refuse(context, 431, .invalidRequest, "the request's header fields are larger than the gateway takes")
        case is HTTPParserError:
            self.refuse(context, 400, .invalidRequest, "the request is not valid HTTP: \(error)")
        default: context.fireErrorCaught(error)
        }
    }

    private func schedule(_ context: ChannelHandlerContext) {
        guard self.check == nil, !self.isClosing, !self.hasLeft, let deadline = self.times.deadline else { return }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.check = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = loopBound.value
            handler.check = nil
            handler.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        switch self.times.lateness(now: .now()) {
        case nil: self.schedule(context)
        case .idle: self.close(context)
        case .head:
            self.refuse(context, 408, .timeout, "the request's head did not come in time")
        case .body:
            self.refuse(context, 408, .timeout, "the request's body did not go on in time")
        case .reader, .rest: self.close(context)
        }
    }

    /// Answers with an error by itself, unless a response is on its way, and closes the connection.
    private func refuse(
        _ context: ChannelHandlerContext, _ status: Int, _ kind: APIErrorBody.Kind, _ message: String
    ) {
        guard !self.isClosing else { return }
        guard !self.isResponding, !self.isDiscarding else { return self.close(context) }
        let refusal = Refusal(status: status, kind: kind, message, closes: true)
        let body = refusal.body
        context.write(self.wrapOutboundOut(.head(refusal.head(contentLength: body.count))), promise: nil)
        context.write(self.wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.write(self.wrapOutboundOut(.end(nil)), promise: nil)
        self.linger(context)
    }

    /// Ends the sending half, and the connection as soon as the client has ended its own, or a little later.
    ///
    /// Closed at once, with bytes of the client's unread, the connection would be reset, and the client might never see
    /// what it was answered (RFC 9112 §9.6).
    private func linger(_ context: ChannelHandlerContext) {
        self.isClosing = true
        self.check?.cancel()
        self.check = nil
        context.flush()
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        let last = context.eventLoop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in last.cancel() }
    }

    private func close(_ context: ChannelHandlerContext) {
        guard !self.isClosing else { return }
        self.isClosing = true
        context.close(promise: nil)
    }
}

/// Tells when bytes arrive, decoded or not.
private final class ByteWatch: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let arrived: () -> Void

    init(_ arrived: @escaping () -> Void) { self.arrived = arrived }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.arrived()
        context.fireChannelRead(data)
    }
}

/// Which of the requests that were received wait for `100 Continue`, in the order of their answers.
///
/// A client may send a request before the one in front of it is answered; an interim response in the middle of that
/// answer would be taken for a part of it, so it waits its turn.
struct Expectations {
    private var waiting: [Bool] = []

    /// A head was received. Returns whether `100 Continue` is to be sent now.
    ///
    /// - Parameter expects: Whether the client waits for it, and its body is wanted.
    mutating func began(expects: Bool) -> Bool {
        self.waiting.append(expects)
        return self.waiting.count == 1 && self.waiting[0]
    }

    /// An answer is whole. Returns whether the next request is to be sent `100 Continue` now.
    mutating func answered() -> Bool {
        guard !self.waiting.isEmpty else { return false }
        self.waiting.removeFirst()
        return self.waiting.first ?? false
    }
}
