import NIOCore
import NIOSSL
import NIOTLS
import RefrainCore

/// The event loop's end of a connection: writes what callers have submitted, reads replies, and gives them to whom they
/// belong.
///
/// It is used on its channel's event loop only, and lives as long as the channel is open.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private typealias Machine = RedisConnectionMachine<RedisConnection.Waiter>

    private enum Phase {
        case handshake(RedisHandshake, RedisConnectAttempt)
        case serving(RedisConnection)
        case over
    }

    /// What TLS has to prove before anything is said.
    struct Security {
        /// The name that the server must prove; nil where it is its address.
        let serverName: String?
    }

    /// How many bytes the reader is fed at a time. It moves what is behind a reply to the front after each one, so much at
    /// a time costs small replies more than the system call that brought them (measured: 4 KiB is best for 1 and 4 KB).
    private static let portionSize = 4 << 10
    /// From how many bytes of an unfinished reply on it is fed whatever there is.
    private static let largeReplySize = 64 << 10
    /// How large a written buffer may be to be used again.
    private static let spareSize = 1 << 20

    private let settings: RedisConnection.Settings
    /// What becomes of TLS; nil for a plain connection.
    private let security: Security?
    private let reader: RESPReader
    private var phase: Phase
    private var machine: Machine
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    /// What has been written: its memory is used again.
    private var spare = RedisSubmissions<RedisConnection.Waiter>.Batch()

    init(
        handshake: RedisHandshake, attempt: RedisConnectAttempt, limits: RESPLimits, settings: RedisConnection.Settings,
        security: Security? = nil
    ) {
        self.security = security
        self.phase = .handshake(handshake, attempt)
        self.machine = Machine(takesPushes: settings.onPush != nil)
        self.reader = RESPReader(limits: limits)
        self.settings = settings
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if self.security == nil { self.introduce(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let security = self.security, case .handshakeCompleted? = event as? TLSUserEvent,
            case .handshake(_, let attempt) = self.phase
        {
            attempt.encrypted()
            if let name = security.serverName, !self.isServer(name, context) {
                self.fail(StoreError(.unavailable, "TLS failure: the server's certificate is for another name"))
            } else {
                self.introduce(context)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Whether the certificate that was verified is for this name.
    private func isServer(_ name: String, _ context: ChannelHandlerContext) -> Bool {
        do {
            let tls = try context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
            return tls.peerCertificate.map { ServerIdentity.proves(name, $0) } ?? false
        } catch {
            return false
        }
    }

    /// Says who we are.
    private func introduce(_ context: ChannelHandlerContext) {
        guard case .handshake(let handshake, _) = self.phase else { return }
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for command in handshake.commands { command.write(into: &buffer) }
        context.writeAndFlush(NIOAny(buffer), promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
        self.context = nil
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .over = self.phase { return }
        let buffer = self.unwrapInboundIn(data)
        do {
            try buffer.withUnsafeReadableBytes { try self.read($0) }
        } catch {
            // What came before it was right, and has been delivered.
            let isTooMuch = [RESPError.Code.tooLarge, .tooManyElements, .tooDeep].contains((error as? RESPError)?.code)
            self.failForNonsense(
                StoreError(.corrupt, isTooMuch ? "a reply is too large" : "what came is not Redis's protocol"))
        }
        if case .serving(let connection) = self.phase { connection.release(self.machine.takeReleasedBytes()) }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = self.reader.heldByteCount < Self.largeReplySize ? Self.portionSize : rest.count
            try self.reader.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            rest = rest.dropFirst(count)
            while let reply = try self.reader.next() { self.received(reply) }
        }
    }

    private func received(_ reply: RESPValue) {
        switch self.phase {
        case .serving(let connection): self.deal(self.machine.received(reply), connection)
        case .over: break
        case .handshake(var handshake, let attempt):
            switch handshake.received(reply) {
            case .wait: self.phase = .handshake(handshake, attempt)
            case .ready: self.open(attempt)
            case .fail(let error): self.fail(error)
            }
        }
    }

    private func deal(_ action: Machine.ReplyAction, _ connection: RedisConnection) {
        switch action {
        case .none:
            break
        case .push(let message):
            self.settings.onPush?(message)
        case .deliver(let waiter, let answer, let fatal):
            if let fatal { self.fail(fatal) }
            waiter.resume(returning: answer)
        case .drop(let fatal):
            self.settings.counters.droppedReplies.add()
            if let fatal { self.fail(fatal) }
        case .violation(let error):
            self.failForNonsense(error)
        }
    }

    private func open(_ attempt: RedisConnectAttempt) {
        guard let context = self.context else { return }
        let connection = RedisConnection(channel: context.channel, handler: self, settings: self.settings)
        self.phase = .serving(connection)
        attempt.succeed(connection)
    }

    // MARK: Writing

    /// Writes what callers have submitted.
    func flush() {
        guard case .serving(let connection) = self.phase, let context = self.context else { return }
        var batch = connection.take(spare: self.spare)
        guard !batch.slots.isEmpty else { return self.spare = batch }
        self.spare = RedisSubmissions.Batch()
        if let reason = self.machine.enqueue(&batch.slots) {
            for slot in batch.slots { slot.waiter?.resume(returning: .notSent(reason)) }
            return
        }
        for part in batch.parts { context.write(NIOAny(part), promise: nil) }
        if batch.tail.readableBytes > 0 { context.write(NIOAny(batch.tail), promise: nil) }
        context.flush()
        batch.parts.removeAll()
        if batch.tail.capacity <= Self.spareSize {
            // Where the write is not over, this makes a buffer of the same size.
            batch.tail.clear()
            self.spare = batch
        }
        if let moment = self.machine.takeTimer() { self.setTimer(moment) }
    }

    /// Nobody waits for a reply any more.
    func cancel(_ id: RedisConnectionMachine<RedisConnection.Waiter>.SlotID) {
        // It may not have been taken yet.
        self.flush()
        self.machine.cancel(id)?.resume(returning: .failed(RedisConnection.cancelled))
    }

    // MARK: Deadlines

    private func setTimer(_ moment: UInt64) {
        guard let context = self.context else { return }
        let now = self.settings.time.monotonicNanoseconds()
        let delay = TimeAmount.nanoseconds(Int64(clamping: moment > now ? moment - now : 0))
        self.timer?.cancel()
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.timer = nil
            self.checkDeadlines()
        }
    }

    private func checkDeadlines() {
        guard case .serving(let connection) = self.phase else { return }
        switch self.machine.check(now: self.settings.time.monotonicNanoseconds()) {
        case .none:
            break
        case .wait(let moment):
            self.setTimer(moment)
        case .late(let due, let others, let reason):
            self.settings.counters.timeouts.add(due.count)
            connection.close(reason)
            for waiter in due {
                waiter.resume(returning: .failed(StoreError(.timeout, "the server did not answer in time")))
            }
            for waiter in others { waiter.resume(returning: .failed(reason)) }
        }
    }

    // MARK: Ends

    func channelInactive(context: ChannelHandlerContext) {
        self.fail(StoreError(.unavailable, "the server closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(StoreError(connecting: error))
    }

    private func failForNonsense(_ error: StoreError) {
        if self.fail(error) { self.settings.counters.protocolErrors.add() }
    }

    /// Ends the connection. False where it had ended before.
    @discardableResult
    private func fail(_ error: StoreError) -> Bool {
        switch self.phase {
        case .serving(let connection):
            return connection.close(error)
        case .handshake(_, let attempt):
            self.phase = .over
            attempt.fail(error)
            self.abort()
            return true
        case .over:
            return false
        }
    }

    /// The connection takes no more commands: fails what is in flight, and closes the channel.
    func end(_ reason: StoreError) {
        self.phase = .over
        for waiter in self.machine.close(reason) ?? [] { waiter.resume(returning: .failed(reason)) }
        self.abort()
    }

    private func abort() {
        if let context = self.context { Self.abort(context.pipeline.syncOperations, context.channel) }
    }

    /// Closes a channel at once, from any thread.
    static func abort(_ channel: any Channel) {
        channel.eventLoop.execute { Self.abort(channel.pipeline.syncOperations, channel) }
    }

    /// TLS is passed by: its farewell would wait for a server that hangs, and Redis does without.
    private static func abort(_ pipeline: ChannelPipeline.SynchronousOperations, _ channel: any Channel) {
        // It throws where there is no TLS.
        if let tls = try? pipeline.context(handlerType: NIOSSLClientHandler.self) {
            tls.close(promise: nil)
        } else {
            channel.close(promise: nil)
        }
    }
}
