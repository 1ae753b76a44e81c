import RefrainCore

/// The steps in which a planned response is sent: pacing, pings and faults spelled out, without any I/O.
package struct DeliveryScript: Sendable, Equatable {
    package enum Step: Sendable, Equatable {
        case wait(Duration)
        /// The answer has begun: what it adds to the prompt cache is readable from here on.
        case begin
        /// Send the head, with a `content-length` where one is known.
        case head(contentLength: Int?)
        case send([UInt8])
        /// End the body as complete.
        case finish
        /// Close the connection, in order or with a reset.
        case abort, reset
        /// Send nothing more until the client goes away.
        case hang
    }

    /// The steps before the head, and from the head on. The second are empty where there is no head.
    package private(set) var beforeHead: [Step] = []
    package private(set) var fromHead: [Step] = []

    package init(_ response: PlannedResponse, _ configuration: SimulatorConfiguration) {
        var pieces = response.pieces
        var contentLength = response.isStream ? nil : response.body.count
        var end = Step.finish
        var drip: (bytes: Int, interval: Duration)?
        var reached: Int?
        switch response.fault?.kind {
        case .delay(let duration): self.beforeHead.append(.wait(duration))
        case .hang(nil):
            self.beforeHead = [.hang]
            return
        case .reset(nil):
            self.beforeHead = [.reset]
            return
        case .hang(let events?): (reached, end) = (events, .hang)
        case .reset(let events?): (reached, end) = (events, .reset)
        case .cut(let events): (reached, end) = (events, .abort)
        case .truncate(let events): (reached, contentLength) = (events, nil)
        case .errorEvent where !response.isStream: (reached, end) = (0, .abort)
        case .drip(let bytes, let interval): drip = (bytes, interval)
        default: break
        }
        if let reached { pieces = Self.beginning(of: pieces, events: reached, isStream: response.isStream) }

        if response.isAnswer { self.beforeHead += [.wait(configuration.latency), .begin] }
        if response.isAnswer, !response.isStream {
            let tokens = response.pieces.reduce(0) { $0 + $1.tokens }
            self.beforeHead.append(.wait(Self.time(forTokens: tokens, configuration)))
        }
        self.beforeHead.removeAll { $0 == .wait(.zero) }
        self.fromHead = [.head(contentLength: contentLength)]
        for piece in pieces {
            if response.isStream {
                self.pause(Self.time(forTokens: piece.tokens, configuration), pingEvery: configuration.pingInterval)
            }
            guard let drip else {
                self.fromHead.append(.send(piece.bytes))
                continue
            }
            for start in stride(from: 0, to: piece.bytes.count, by: drip.bytes) {
                self.fromHead.append(.send(Array(piece.bytes[start..<min(start + drip.bytes, piece.bytes.count)])))
                self.fromHead.append(.wait(drip.interval))
            }
        }
        self.fromHead.append(end)
    }

    /// A silence that pings fill where it is long.
    private mutating func pause(_ duration: Duration, pingEvery interval: Duration) {
        var rest = duration
        while interval > .zero, rest > interval {
            self.fromHead += [.wait(interval), .send(AnswerEncoder.ping)]
            rest -= interval
        }
        if rest > .zero { self.fromHead.append(.wait(rest)) }
    }

    private static func time(forTokens tokens: Int, _ configuration: SimulatorConfiguration) -> Duration {
        guard let rate = configuration.tokensPerSecond, rate > 0, tokens > 0 else { return .zero }
        // A day is for ever to a client, and keeps a tiny rate from overflowing.
        return .seconds(min(Double(tokens) / rate, 86_400))
    }

    /// The first events of a stream, or the first half of a body.
    private static func beginning(
        of pieces: [PlannedResponse.Piece], events: Int, isStream: Bool
    ) -> [PlannedResponse.Piece] {
        if isStream { return Array(pieces.prefix(events)) }
        return pieces.map {
            PlannedResponse.Piece(bytes: Array($0.bytes.prefix($0.bytes.count / 2)), tokens: $0.tokens)
        }
    }
}
