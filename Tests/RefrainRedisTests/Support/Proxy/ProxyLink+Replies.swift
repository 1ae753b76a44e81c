import NIOCore

extension ProxyLink {
    /// Passes on what the server has sent, whole reply by whole reply where a fault waits for one.
    func receivedReplies(_ bytes: ByteBuffer) {
        let lane = self.lane(.toClient)
        var bytes = bytes
        /// How many of the bytes are known to pass as they are.
        var passing = 0
        while passing < bytes.readableBytes, !self.splitter.isForeign {
            if !self.splitter.isInReply, self.core.faults.concerns(self.id) { self.whole = ByteBuffer() }
            let step = bytes.withUnsafeReadableBytes {
                self.splitter.consume(UnsafeRawBufferPointer(rebasing: $0[passing...]))
            }
            let length =
                switch step {
                case .end(let length): length
                case .unfinished, .foreign: bytes.readableBytes - passing
                }
            if case .end = step { self.core.tally.replies += 1 }
            if self.whole == nil {
                passing += length
            } else {
                if passing > 0 { lane.add(Self.take(passing, from: &bytes)) }
                passing = 0
                self.whole?.writeImmutableBuffer(Self.take(length, from: &bytes))
            }
            switch step {
            case .end: self.finishReply(lane)
            case .foreign: self.release()
            case .unfinished: break
            }
            if !self.splitter.isInReply, !self.injections.isEmpty {
                if passing > 0 { lane.add(Self.take(passing, from: &bytes)) }
                passing = 0
                self.sendInjections(lane)
            }
        }
        if bytes.readableBytes > 0 { lane.add(bytes) }
    }

    /// A reply has ended: what arrives for it, if it was needed whole.
    private func finishReply(_ lane: ProxyLane) {
        guard let reply = self.whole else { return }
        self.whole = nil
        let arriving = self.core.faults.pass(
            reply, on: self.id, held: &self.held, random: &self.random, tally: &self.core.tally)
        for bytes in arriving { lane.add(bytes) }
    }

    /// Sends bytes that are no part of a reply, between two.
    func inject(_ bytes: ByteBuffer) {
        self.core.tally[.injected] += 1
        self.injections.append(bytes)
        guard !self.splitter.isInReply || self.splitter.isForeign else { return }
        self.sendInjections(self.lane(.toClient))
        self.lane(.toClient).flush()
    }

    private func sendInjections(_ lane: ProxyLane) {
        for bytes in self.injections { lane.add(bytes) }
        self.injections = []
    }

    /// Lets go of what is held back.
    func release() {
        for bytes in [self.held, self.whole].compactMap({ $0 }) { self.lane(.toClient).add(bytes) }
        self.held = nil
        self.whole = nil
    }

    private static func take(_ count: Int, from bytes: inout ByteBuffer) -> ByteBuffer {
        bytes.readSlice(length: count) ?? ByteBuffer()
    }
}
