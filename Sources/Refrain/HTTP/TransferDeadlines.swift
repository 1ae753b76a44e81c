/// The time limits of one transfer, as a value: it is told what happens when, in nanoseconds of a clock that never goes
/// back, and says when to look again. The limit on connecting is libcurl's, which shares it out among a host's addresses.
struct TransferDeadlines: Sendable {
    private enum Stage: Sendable {
        case connecting
        /// The last byte of the request's body went at this time.
        case sending(since: UInt64)
        /// The request went completely at this time.
        case waiting(since: UInt64)
        /// The last byte of the response's body came at this time.
        case receiving(since: UInt64)
    }

    private let firstByte: UInt64?
    private let idle: UInt64?
    private let end: UInt64?
    private var stage = Stage.connecting
    /// The caller holds the transfer up: it has nothing to send, or does not read.
    private var isHeld = false

    init(_ timeouts: HTTPRequest.Timeouts, start: UInt64) {
        self.firstByte = timeouts.firstByte?.wholeNanoseconds
        self.idle = timeouts.idle?.wholeNanoseconds
        self.end = timeouts.total.map { Self.sum(start, $0.wholeNanoseconds) }
    }

    /// A connection is ready, and the request begins to go.
    mutating func connected(at now: UInt64) { self.stage = .sending(since: now) }

    /// Bytes of either body went or came.
    mutating func moved(at now: UInt64) {
        self.isHeld = false
        switch self.stage {
        case .connecting, .waiting: break
        case .sending: self.stage = .sending(since: now)
        case .receiving: self.stage = .receiving(since: now)
        }
    }

    /// The request has gone. After the response's head this is no event.
    mutating func sent(at now: UInt64) {
        self.isHeld = false
        if case .sending = self.stage { self.stage = .waiting(since: now) }
    }

    /// The response's head is complete.
    mutating func headReceived(at now: UInt64) { self.stage = .receiving(since: now) }

    /// The caller holds the transfer up.
    mutating func held() { self.isHeld = true }

    /// The caller goes on.
    mutating func released(at now: UInt64) { self.moved(at: now) }

    /// When ``expired(at:)`` will first name a limit if nothing happens; nil if never.
    var next: UInt64? {
        guard let limit = self.stageLimit else { return self.end }
        return self.end.map { min($0, limit.at) } ?? limit.at
    }

    /// The limit that is exceeded, if one is.
    func expired(at now: UInt64) -> TransportError.Code? {
        if let end, now >= end { return .deadline }
        if let limit = self.stageLimit, now >= limit.at { return limit.code }
        return nil
    }

    private var stageLimit: (at: UInt64, code: TransportError.Code)? {
        switch self.stage {
        case .connecting: nil
        case .sending(let since), .receiving(let since):
            self.isHeld ? nil : self.idle.map { (Self.sum(since, $0), .idleTimeout) }
        case .waiting(let since): self.firstByte.map { (Self.sum(since, $0), .firstByteTimeout) }
        }
    }

    private static func sum(_ time: UInt64, _ nanoseconds: UInt64) -> UInt64 {
        let (sum, overflow) = time.addingReportingOverflow(nanoseconds)
        return overflow ? .max : sum
    }
}

extension Duration {
    /// The duration in nanoseconds, clamped to what a `UInt64` holds.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (scaled, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = scaled.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return overflow || carry ? .max : sum
    }
}
