import NIOCore
import NIOHTTPTypes
import RefrainCore

/// Answers what memory holds on the event loop, as soon as the request is whole: no task begins, and the server behind it
/// never sees the request. Whatever else comes is handed on as it came.
///
/// A request is held here only while every answer before it is written, so that answers keep their order, and while the
/// client takes what it is sent.
final class MemoryAnswers: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private struct Held {
        let head: RequestHead
        let length: Int
        var body = ByteBuffer()
        /// Counts what waits for more of the body; nil while the first bytes are read.
        var lease: BudgetLease?
    }

    private let responder: GatewayResponder
    private let reserve: (Int) -> BudgetLease?
    private var held: Held?
    /// Requests that were handed on and are not answered.
    private var handedOn = 0
    private var hasWritten = false

    /// - Parameter reserve: Takes a share of the memory that requests under way may use; nil where that is used up.
    init(_ responder: GatewayResponder, reserve: @escaping (Int) -> BudgetLease?) {
        self.responder = responder
        self.reserve = reserve
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            if self.handedOn == 0, context.channel.isWritable, let length = self.responder.smallBodyLength(head) {
                self.held = Held(head: head, length: length)
                return
            }
            self.handedOn += 1
            context.fireChannelRead(data)
        case .body(var bytes):
            guard self.held != nil else { return context.fireChannelRead(data) }
            self.held?.body.writeBuffer(&bytes)
        case .end:
            guard let held else { return context.fireChannelRead(data) }
            guard let answer = self.responder.answerFromMemory(held.head, Array(held.body.readableBytesView)) else {
                self.handOn(context)
                return context.fireChannelRead(data)
            }
            self.held = nil
            self.hasWritten = true
            context.write(self.wrapOutboundOut(.head(answer.head)), promise: nil)
            context.write(self.wrapOutboundOut(.body(ByteBuffer(bytes: answer.body))), promise: nil)
            context.write(self.wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if self.hasWritten {
            self.hasWritten = false
            context.flush()
        }
        if let held, held.lease == nil {
            // More of the body is to come, and until then it takes memory.
            self.held?.lease = self.reserve(held.length)
            if self.held?.lease == nil { self.handOn(context) }
        }
        context.fireChannelReadComplete()
    }

    /// What ends a connection is for the server to see together with the request that it ends.
    func channelInactive(context: ChannelHandlerContext) {
        self.handOn(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        self.handOn(context)
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.handOn(context)
        context.fireErrorCaught(error)
    }

    private func handOn(_ context: ChannelHandlerContext) {
        guard let held = self.held.take() else { return }
        self.handedOn += 1
        context.fireChannelRead(self.wrapInboundOut(.head(held.head)))
        if held.body.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(.body(held.body))) }
    }

    // MARK: Responses

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = self.unwrapOutboundIn(data) { self.handedOn = max(0, self.handedOn - 1) }
        context.write(data, promise: promise)
    }
}
