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

    /// What was written to a client: how many bytes of it wait, and how many were taken since the connection began. Both
    /// are of use only beside those of another time.
    struct Written: Hashable {
        let waiting: Int
        let taken: Int
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
    /// Since when the client is not seen to take anything, and what it had taken then; nil where nothing waits for it that
    /// is known of.
    private var taking: (since: NIODeadline, taken: Int)?
    /// Since when the rest of an answered request is thrown away, and when some of it last came.
    private var discarding: (since: NIODeadline, heard: NIODeadline)?
    /// Nothing is awaited any more but that the client takes what is written.
    private var isEnding = false

    init(idle: TimeAmount, stall: TimeAmount, now: NIODeadline) {
        self.idle = idle
        self.stall = stall
        self.pause = min(stall, .seconds(5))
        self.quietSince = now
    }

    // MARK: Requests

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

    /// All that had come is read: more comes only once somebody asks for it.
    mutating func readCompleted() { self.askedSince = nil }

    /// The server asks for more.
    mutating func asksForMore(now: NIODeadline) {
        if self.isReadingBody { self.askedSince = now }
    }

    /// What comes is not read any more, and the request that was not whole counts as none.
    mutating func stopsReading() {
        if self.isReadingBody { self.unanswered = max(0, self.unanswered - 1) }
        self.isReadingBody = false
        self.askedSince = nil
    }

    /// Requests that are whole and not answered.
    var wholeRequests: Int { self.unanswered - (self.isReadingBody ? 1 : 0) }

    // MARK: Answers

    /// A response is whole.
    mutating func answered(now: NIODeadline) {
        self.unanswered = max(0, self.unanswered - 1)
        self.quietSince = now
    }

    /// Whether the request that is being answered is not whole yet.
    var isAnsweringEarly: Bool { self.isReadingBody && self.unanswered == 1 }

    /// The response is whole and the request is not: its rest is thrown away.
    mutating func discards(now: NIODeadline) { self.discarding = (now, now) }

    /// Whether something waits for the client to take it.
    var isTaking: Bool { self.taking != nil }

    /// So much waits that no more is to be written.
    mutating func isFull(_ written: Written, now: NIODeadline) {
        if self.taking == nil { self.taking = (now, written.taken) }
    }

    /// What is written was looked at. Whoever has taken something since the last look is not late; an idle time begins when
    /// all is taken.
    mutating func looked(_ written: Written, now: NIODeadline) {
        if let taking {
            if written.waiting == 0, !self.isEnding {
                self.taking = nil
                self.quietSince = now
            } else if written.taken > taking.taken {
                self.taking = (now, written.taken)
            }
        } else if written.waiting > 0, self.unanswered == 0 {
            self.taking = (now, written.taken)
        }
    }

    /// The connection ends when all that is written is taken.
    mutating func ends(_ written: Written, now: NIODeadline) {
        self.isEnding = true
        self.taking = (now, written.taken)
    }

    // MARK: Lateness

    /// When to look whether something is late; nil where nothing can be.
    var deadline: NIODeadline? { self.next?.at }

    /// What is late.
    func lateness(now: NIODeadline) -> Lateness? {
        guard let next, next.at <= now else { return nil }
        return next.kind
    }

    /// What is late first, unless something happens.
    private var next: (kind: Lateness, at: NIODeadline)? {
        var next: (kind: Lateness, at: NIODeadline)?
        func awaits(_ kind: Lateness, _ at: NIODeadline) {
            if next.map({ at < $0.at }) ?? true { next = (kind, at) }
        }
        if let taking { awaits(.reader, taking.since + self.stall) }
        if self.isEnding { return next }
        if let discarding {
            awaits(.rest, min(discarding.since + self.stall, discarding.heard + self.pause))
            return next
        }
        if self.isReadingBody, let askedSince { awaits(.body, askedSince + self.stall) }
        if self.unanswered == 0, self.taking == nil {
            awaits(self.hasBytes ? .head : .idle, self.quietSince + self.idle)
        }
        return next
    }
}
