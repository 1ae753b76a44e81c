import NIOCore

/// What has come over a connection, and who waits for it; on the connection's event loop.
final class WireInbox: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Something that is waited for.
    enum Waiter: Sendable {
        case bytes(Int, EventLoopPromise<[UInt8]>)
        case reply(EventLoopPromise<WireReply>)
        case replies(Int, EventLoopPromise<[WireReply]>)
        case end(EventLoopPromise<WireConnection.End>)
    }

    private var buffer = ByteBuffer()
    private var replies: [WireReply] = []
    private var waiters = CircularBuffer<Waiter>()
    private var failure: (any Error)?
    private var end: WireConnection.End?
    /// The sizes of the pieces that came so far.
    private(set) var pieces: [Int] = []

    /// Adds someone who waits, behind those who wait already.
    func add(_ waiter: Waiter) {
        self.waiters.append(waiter)
        self.serve()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let piece = self.unwrapInboundIn(data)
        self.pieces.append(piece.readableBytes)
        self.buffer.writeImmutableBuffer(piece)
        self.serve()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.failure == nil { self.failure = error }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end = self.failure is IOError ? .reset : .finished
        self.serve()
        context.fireChannelInactive()
    }

    private func serve() {
        while let waiter = self.waiters.first, self.serve(waiter) { self.waiters.removeFirst() }
    }

    /// Whether the waiter waits no longer.
    private func serve(_ waiter: Waiter) -> Bool {
        switch waiter {
        case .bytes(let count, let promise):
            guard let bytes = self.buffer.readBytes(length: count) else { return self.fail(promise) }
            promise.succeed(bytes)
        case .reply(let promise):
            do {
                guard let reply = try WireReply.take(from: &self.buffer) else { return self.fail(promise) }
                promise.succeed(reply)
            } catch {
                promise.fail(error)
            }
        case .replies(let count, let promise):
            do {
                while self.replies.count < count, let reply = try WireReply.take(from: &self.buffer) {
                    self.replies.append(reply)
                }
                guard self.replies.count == count else { return self.fail(promise) }
                promise.succeed(self.replies)
            } catch {
                promise.fail(error)
            }
            self.replies = []
        case .end(let promise):
            guard let end = self.end else { return false }
            promise.succeed(end)
        }
        return true
    }

    /// Fails where nothing more will come.
    private func fail<Value>(_ promise: EventLoopPromise<Value>) -> Bool {
        guard let end = self.end else { return false }
        if let failure = self.failure, !(failure is IOError) {
            promise.fail(failure)
        } else {
            promise.fail(WireConnection.Ended(how: end))
        }
        return true
    }
}
