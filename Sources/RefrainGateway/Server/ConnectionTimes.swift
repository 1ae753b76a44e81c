import NIOCore
import NIOHTTPTypes

/// What a connection waits for, and since when: a state machine without I/O.
struct ConnectionTimes {
    /// What has taken too long.
    enum Lateness: Hashable {
        /// Nothing was sent at all.
        case idle
        /// The head of a request has begun and does not end.
        case head
        /// The body of a request does not go on.
        case body
        /// The client does not take what it is sent.
        case reader
        /// The client was answered before its request was whole, and does not end it.
        case rest
    }

    private let idle: TimeAmount
    private let stall: TimeAmount
    /// How long the rest of a request that was answered may pause.
    private let pause: TimeAmount
    /// Requests received, at least their heads, and not answered.
    private var unanswered = 0
    private var isReadingBody = false
    /// Whether bytes came since the last part of a request.
    private var hasBytes = false
    /// Since when the next head is awaited.
    private var quietSince: NIODeadline
    /// Since when the next piece of a body is awaited; nil where nobody asks for it.
    private var askedSince: NIODeadline?
    /// Since when the client takes nothing; nil where it does.
    private var unwritableSince: NIODeadline?
    /// Since when the rest of an answered request is thrown away, and when some of it last came.
    private var discarding: (since: NIODeadline, heard: NIODeadline)?

    init(idle: TimeAmount, stall: TimeAmount, now: NIODeadline) {
        self.idle = idle
        self.stall = stall
        self.pause = min(stall, .seconds(5))
        self.quietSince = now
    }

    /// Bytes came, decoded or not.
    mutating func bytesArrived() { self.hasBytes = true }

    /// A part of a request came.
    mutating func received(_ part: HTTPRequestPart, now: NIODeadline) {
        self.hasBytes = false
        self.discarding?.heard = now
        switch part {
        case .head:
            self.unanswered += 1
            self.isReadingBody = true
            self.askedSince = now
        case .body: self.askedSince = self.askedSince == nil ? nil : now
        case .end:
            self.isReadingBody = false
            self.askedSince = nil
        }
    }

    /// The server asks for more.
    mutating func asksForMore(now: NIODeadline) {
        if self.isReadingBody { self.askedSince = now }
    }

    /// A response is whole.
    mutating func answered(now: NIODeadline) {
        self.unanswered = max(0, self.unanswered - 1)
        self.quietSince = now
    }

    /// Whether the request that is being answered is not whole yet.
    var isAnsweringEarly: Bool { self.isReadingBody && self.unanswered == 1 }

    /// The response is whole and the request is not: its rest is thrown away.
    mutating func discards(now: NIODeadline) { self.discarding = (now, now) }

    /// The client takes what it is sent again, or not any more.
    mutating func writabilityChanged(to isWritable: Bool, now: NIODeadline) {
        self.unwritableSince = isWritable ? nil : (self.unwritableSince ?? now)
    }

    /// When to look whether something is late; nil where nothing can be.
    var deadline: NIODeadline? { self.waits.map(\.until).min() }

    /// What is late.
    func lateness(now: NIODeadline) -> Lateness? { self.waits.first { $0.until <= now }?.kind }

    private var waits: [(kind: Lateness, until: NIODeadline)] {
        var waits: [(Lateness, NIODeadline)] = []
        if let unwritableSince { waits.append((.reader, unwritableSince + self.stall)) }
        if let discarding {
            waits.append((.rest, min(discarding.since + self.stall, discarding.heard + self.pause)))
            return waits
        }
        if self.isReadingBody, let askedSince { waits.append((.body, askedSince + self.stall)) }
        if self.unanswered == 0 { waits.append((self.hasBytes ? .head : .idle, self.quietSince + self.idle)) }
        return waits
    }
}
