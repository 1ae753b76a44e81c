import NIOCore

/// One direction of a connection through a ``FaultProxy``: the bytes that wait, and when they go on. On the proxy's event
/// loop only.
final class ProxyLane {
    /// How the side that the bytes come from has ended.
    enum SourceEnd: Hashable { case input, closed, reset }

    private struct Piece {
        var bytes: ByteBuffer
        var arrived: NIODeadline
    }

    /// How many bytes wait at most before the source is read no further.
    private static let room = 1 << 20

    private let direction: FaultProxy.Direction
    private unowned let link: ProxyLink
    private var queue = CircularBuffer<Piece>()
    private var waiting = 0
    private var timer: Scheduled<Void>?
    /// When the next portion goes, of a flow by portions.
    private var nextTurn = NIODeadline.uptimeNanoseconds(0)
    private var sourceEnd: SourceEnd?
    private var passedEnd: SourceEnd?
    private var isReading = false
    private var isClosed = false

    /// How bytes flow, where not as everywhere.
    var flow: FaultProxy.Flow?
    /// How many bytes it has passed on.
    private(set) var carried = 0

    init(_ direction: FaultProxy.Direction, of link: ProxyLink) {
        self.direction = direction
        self.link = link
    }

    private var currentFlow: FaultProxy.Flow { self.flow ?? self.link.core.flow(self.direction) }
    private var isBlackhole: Bool { if case .blackhole = self.currentFlow { true } else { false } }

    /// Whether the source's end has been passed on, or is hidden, or there is nobody to see it.
    var isOver: Bool {
        guard let end = self.sourceEnd else { return false }
        return self.isClosed || self.passedEnd == end || self.isBlackhole
    }

    /// Takes bytes from the source.
    func add(_ bytes: ByteBuffer) {
        guard !self.isClosed, bytes.readableBytes > 0 else { return }
        self.queue.append(Piece(bytes: bytes, arrived: .now()))
        self.waiting += bytes.readableBytes
        self.pump()
    }

    /// Sends what was passed on.
    func flush() {
        self.link.sink(of: self.direction)?.flush()
        self.updateReading()
    }

    func sourceEnded(_ end: SourceEnd) {
        self.sourceEnd = end
        self.pump()
    }

    /// The flow has changed.
    func restart() {
        self.timer?.cancel()
        self.timer = nil
        self.nextTurn = .now()
        self.pump()
        self.flush()
    }

    /// Nothing passes any more.
    func close() {
        self.isClosed = true
        self.timer?.cancel()
        self.timer = nil
        self.queue.removeAll()
        self.waiting = 0
    }

    /// Passes on what the flow allows now.
    func pump() {
        let link = self.link
        // Until there is somebody to pass it on to, it waits.
        guard self.timer == nil, link.sink(of: self.direction) != nil else { return }
        while !self.isClosed, let piece = self.queue.first, self.pass(piece) {}
        self.passEnd()
        self.updateReading()
        link.settle()
    }

    /// Passes on some of a piece; false where nothing more goes now.
    private func pass(_ piece: Piece) -> Bool {
        switch self.currentFlow {
        case .pass:
            self.emit(.max)
            return true
        case .delay(let delay):
            let due = piece.arrived + TimeAmount(delay)
            guard due <= .now() else { return self.wait(until: due) }
            self.emit(.max, flushing: true, as: .delayed)
            return true
        case .drip(let bytes, let interval):
            return self.takeTurn(max(bytes, 1), every: TimeAmount(interval), as: .dripped)
        case .bandwidth(let rate):
            let portion = max(rate / 200, 1)
            let interval = Int64(portion) * 1_000_000_000 / Int64(max(rate, 1))
            return self.takeTurn(portion, every: .nanoseconds(interval), as: .limited)
        case .slice(let sizes):
            self.emit(max(Int.random(in: sizes, using: &self.link.random), 1), flushing: true, as: .sliced)
            // The next goes in the loop's next round: written together they would arrive together.
            return self.queue.isEmpty ? true : self.wait(until: .now())
        case .blackhole(.losing):
            self.link.core.tally[.lost] += 1
            self.remove(.max)
            return true
        case .blackhole(.holding):
            return false
        }
    }

    private func takeTurn(_ bytes: Int, every interval: TimeAmount, as kind: FaultProxy.Kind) -> Bool {
        guard self.nextTurn <= .now() else { return self.wait(until: self.nextTurn) }
        self.emit(bytes, flushing: true, as: kind)
        self.nextTurn = .now() + interval
        return true
    }

    private func wait(until time: NIODeadline) -> Bool {
        self.timer = self.link.core.loop.assumeIsolated().scheduleTask(deadline: time) { [weak self] in
            self?.timer = nil
            self?.pump()
            self?.flush()
        }
        return false
    }

    /// Takes up to `count` bytes from the first piece.
    @discardableResult
    private func remove(_ count: Int) -> ByteBuffer {
        guard var piece = self.queue.popFirst() else { return ByteBuffer() }
        let length = min(count, piece.bytes.readableBytes)
        let bytes = piece.bytes.readSlice(length: length) ?? ByteBuffer()
        if piece.bytes.readableBytes > 0 { self.queue.prepend(piece) }
        self.waiting -= length
        return bytes
    }

    /// Passes on up to `count` bytes of the first piece, or ends the connection in the middle of them.
    private func emit(_ count: Int, flushing: Bool = false, as kind: FaultProxy.Kind? = nil) {
        var bytes = self.remove(count)
        guard let sink = self.link.sink(of: self.direction) else { return }
        let core = self.link.core
        let ending = core.ending(
            of: self.link.id, self.direction, carried: self.carried, count: bytes.readableBytes)
        if let ending { bytes.moveWriterIndex(to: bytes.readerIndex + ending.after) }
        self.carried += bytes.readableBytes
        core.tally.bytes[self.direction, default: 0] += bytes.readableBytes
        if let kind { core.tally[kind] += 1 }
        guard let ending else {
            sink.write(bytes, promise: nil)
            if flushing { sink.flush() }
            return
        }
        self.close()
        // Ended when they are with the kernel: it delivers them before the end.
        let link = NIOLoopBound(self.link, eventLoop: core.loop)
        sink.writeAndFlush(bytes).whenComplete { _ in link.value.end(ending.how) }
    }

    /// Passes on how the source has ended, when all its bytes have gone.
    private func passEnd() {
        guard let end = self.sourceEnd, end != self.passedEnd, !self.isClosed, self.queue.isEmpty, !self.isBlackhole,
            let sink = self.link.sink(of: self.direction)
        else { return }
        self.passedEnd = end
        sink.flush()
        switch end {
        case .input: sink.close(mode: .output, promise: nil)
        case .closed: sink.close(promise: nil)
        case .reset: self.link.reset(self.direction == .toServer ? .server : .client)
        }
    }

    /// Reads from the source while there is room, and something flows.
    func updateReading() {
        guard !self.isClosed, let source = self.link.source(of: self.direction),
            let sink = self.link.sink(of: self.direction)
        else { return }
        let reads = self.waiting < Self.room && sink.isWritable && self.currentFlow != .blackhole(.holding)
        guard reads != self.isReading else { return }
        self.isReading = reads
        self.link.read(source, reads)
    }
}
