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
/// Who closes the connection while the client has not taken all that is written, as the server does when it shuts down,
/// has it closed when the client has: closed at once, the connection would take with it what still waits.
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
    private let persistence: Persistence
    private let admitsBody: (RequestHead) -> Bool
    private var times: ConnectionTimes
    private var expectations = Expectations()
    private var isSurplus = false
    /// Nothing that comes is read any more, and no other answer is written.
    private var isClosing = false
    /// The connection is closed, as far as it is for this handler to close it.
    private var isClosed = false
    /// What is answered, and ends the connection, as soon as the requests in front of it are answered.
    private var deferred: Refusal?
    /// Bytes of bodies that were written.
    private var writtenBytes = 0
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
    private var check: (task: Scheduled<Void>, at: NIODeadline)?

    /// - Parameter admitsBody: Whether the body that a head announces is wanted, so that a client that waits for
    ///   `100 Continue` may send it.
    init(
        limits: GatewayConfiguration.Limits, census: ConnectionCensus, persistence: Persistence,
        admitsBody: @escaping (RequestHead) -> Bool
    ) {
        self.census = census
        self.persistence = persistence
        self.admitsBody = admitsBody
        self.times = ConnectionTimes(
            idle: .init(limits.idle), stall: .init(limits.stall), now: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.isSurplus = !self.census.enter()
        do {
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            try context.pipeline.syncOperations.addHandler(
                ByteWatch { [weak self] in self?.times.bytesArrived() }, position: .first)
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
        self.cancelCheck()
        self.census.leave()
        self.watch.close()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isClosing, self.deferred == nil else { return }
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
        self.times.readCompleted()
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
            self.persistence.mark(&head)
            if self.isEarly { head.headerFields[.connection] = "close" }
            self.closesAfterResponse = head.headerFields[.connection] == "close"
            context.write(self.wrapOutboundOut(.head(head)), promise: promise)
        case .body(let bytes):
            self.writtenBytes += bytes.readableBytes
            context.write(data, promise: promise)
        case .end where self.isEarly:
            self.isResponding = false
            self.endEarly(context, data, promise)
        case .end:
            context.write(data, promise: promise)
            self.isResponding = false
            guard !self.closesAfterResponse else { return self.linger(context) }
            self.times.answered(now: .now())
            if let deferred, self.times.wholeRequests == 0 { return self.send(context, deferred) }
            if self.expectations.answered() { self.sendContinue(context) }
            self.schedule(context)
        }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if self.times.isTaking { self.times.looked(self.written(context), now: .now()) }
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
        self.schedule(context)
        context.read()
    }

    private func closeIfDone(_ context: ChannelHandlerContext) {
        if self.hasRequestEnded, self.hasAnswerGone, !self.hasLeft { self.close(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !context.channel.isWritable {
            self.times.isFull(self.written(context), now: .now())
        } else if self.times.isTaking {
            self.times.looked(self.written(context), now: .now())
        }
        self.schedule(context)
        context.fireChannelWritabilityChanged()
    }

    private func written(_ context: ChannelHandlerContext) -> ConnectionTimes.Written {
        // Only of a closed connection it cannot be said, and nothing waits there.
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return .init(waiting: waiting, taken: self.writtenBytes - waiting)
    }

    // MARK: What is late or wrong

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow:
            self.refuse(context, 431, .invalidRequest, "the request's header fields are larger than the gateway takes")
        case is HTTPParserError:
            self.refuse(context, 400, .invalidRequest, "the request is not valid HTTP: \(error)")
        case let fault as RequestFault: self.refuse(context, fault.status, .invalidRequest, fault.message)
        default: context.fireErrorCaught(error)
        }
    }

    /// Makes sure that it is looked at once something may be late.
    private func schedule(_ context: ChannelHandlerContext) {
        guard !self.isClosed, !self.hasLeft, let deadline = self.times.deadline else { return }
        if let check {
            // Nearly always: a look too early finds nothing, and costs less than a new one for each request.
            if check.at <= deadline { return }
            check.task.cancel()
        }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = loopBound.value
            handler.check = nil
            handler.look(context)
        }
        self.check = (task, deadline)
    }

    private func cancelCheck() {
        self.check?.task.cancel()
        self.check = nil
    }

    private func look(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        self.times.looked(self.written(context), now: now)
        switch self.times.lateness(now: now) {
        case nil: self.schedule(context)
        case .head:
            self.refuse(context, 408, .timeout, "the request's head did not come in time")
        case .body:
            self.refuse(context, 408, .timeout, "the request's body did not go on in time")
        case .idle, .reader, .rest: self.close(context)
        }
    }

    /// Answers with an error by itself, unless a response is on its way, and closes the connection. Requests in front of
    /// the refused one are answered first (RFC 9112 §9.3.2), and what follows it is not read.
    private func refuse(
        _ context: ChannelHandlerContext, _ status: Int, _ kind: APIErrorBody.Kind, _ message: String
    ) {
        guard !self.isClosing, self.deferred == nil else { return }
        let refusal = Refusal(status: status, kind: kind, message, closes: true)
        if self.times.wholeRequests > 0 {
            self.deferred = refusal
            self.times.stopsReading()
        } else if self.isResponding || self.isDiscarding {
            self.close(context)
        } else {
            self.send(context, refusal)
        }
    }

    private func send(_ context: ChannelHandlerContext, _ refusal: Refusal) {
        let body = refusal.body
        context.write(self.wrapOutboundOut(.head(refusal.head(contentLength: body.count))), promise: nil)
        context.write(self.wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.write(self.wrapOutboundOut(.end(nil)), promise: nil)
        self.linger(context)
    }

    // MARK: The end

    /// Closes the connection when the client has taken what is written, where somebody else would close it at once.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if case .output = mode { return context.close(mode: mode, promise: promise) }
        if self.isClosing, !self.isClosed {
            if case .input = mode {
                // The server gives up waiting: what is not taken by now is lost.
                self.isClosed = true
                return context.close(promise: promise)
            }
            return context.channel.closeFuture.cascade(to: promise)
        }
        guard case .all = mode, !self.isClosed, !self.hasLeft else {
            return context.close(mode: mode, promise: promise)
        }
        context.flush()
        guard self.written(context).waiting > 0 else {
            self.isClosing = true
            self.isClosed = true
            return context.close(promise: promise)
        }
        context.channel.closeFuture.cascade(to: promise)
        self.linger(context)
    }

    /// Ends the sending half as soon as the client has taken all, and the connection as soon as the client has ended its
    /// own half, or a little later.
    ///
    /// Closed at once, with bytes of the client's unread, the connection would be reset, and the client might never see
    /// what it was answered (RFC 9112 §9.6).
    private func linger(_ context: ChannelHandlerContext) {
        self.isClosing = true
        context.flush()
        let written = self.written(context)
        guard written.waiting > 0 else {
            // Also where TLS is not agreed on yet, and the sending half does not end before it is.
            context.close(mode: .output, promise: nil)
            return self.closeSoon(context)
        }
        self.times.ends(written, now: .now())
        self.schedule(context)
        let ended = context.eventLoop.makePromise(of: Void.self)
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        ended.futureResult.whenComplete { _ in
            let (handler, context) = loopBound.value
            if !handler.isClosed, !handler.hasLeft { handler.closeSoon(context) }
        }
        context.close(mode: .output, promise: ended)
    }

    /// The client has been sent all, and has a while to end its half.
    private func closeSoon(_ context: ChannelHandlerContext) {
        self.cancelCheck()
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let last = context.eventLoop.scheduleTask(in: Self.lingering) {
            let (handler, context) = loopBound.value
            if !handler.hasLeft { handler.close(context) }
        }
        context.channel.closeFuture.whenComplete { _ in last.cancel() }
    }

    private func close(_ context: ChannelHandlerContext) {
        guard !self.isClosed else { return }
        self.isClosing = true
        self.isClosed = true
        context.close(promise: nil)
    }
}
