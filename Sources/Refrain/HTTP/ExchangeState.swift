import RefrainCore

/// What a response's head says.
struct ResponseHead: Hashable, Sendable {
    var status: Int
    var headers: [HTTPHeader]
}

/// Where one call stands between the caller and the thread that transfers it.
///
/// A value: each method is an event, and returns what its owner does after unlocking. `HeadWaiter` and `BodyWaiter`
/// stand for the suspended caller.
struct ExchangeState<HeadWaiter: Sendable, BodyWaiter: Sendable>: Sendable {
    private enum State: Sendable {
        /// Nobody waits yet and nothing was begun.
        case idle
        /// The caller waits for the head.
        case waiting(HeadWaiter)
        /// The caller has the head; the body is on its way.
        case receiving(Body)
        /// Nothing more will come. What was received before may still be read.
        case ended(unread: [[UInt8]], TransportError?)
    }

    private struct Body: Sendable {
        var unread: [[UInt8]] = []
        var unreadBytes = 0
        var reader: BodyWaiter?
        /// The server is being held up until the reader catches up.
        var isHeld = false
    }

    private let bufferBytes: Int
    private var state = State.idle
    /// Whether the caller has gone. Sticky.
    private(set) var isCancelled = false

    /// - Parameter bufferBytes: how many unread bytes hold the server up.
    init(bufferBytes: Int) { self.bufferBytes = bufferBytes }

    // MARK: The caller's events

    enum StartAction: Sendable {
        /// Tell the thread to begin.
        case start
        /// The caller had gone before it began.
        case fail(HeadWaiter, TransportError)
    }

    /// The caller begins to wait for the head. Called once.
    mutating func start(_ waiter: HeadWaiter) -> StartAction {
        if self.isCancelled {
            let error = Self.cancellation(during: .request)
            self.state = .ended(unread: [], error)
            return .fail(waiter, error)
        }
        self.state = .waiting(waiter)
        return .start
    }

    enum ReadAction: Sendable {
        /// These chunks are next; if `release`, tell the thread to let the server go on.
        case chunks([[UInt8]], release: Bool)
        /// The body is complete.
        case end
        /// The body is not, and will not be.
        case fail(TransportError)
        /// Nothing is there yet. A waiter that was given is kept.
        case wait
    }

    /// The caller asks for the next bytes: without a waiter to see whether there are any, with one to wait for them.
    mutating func read(_ waiter: BodyWaiter?) -> ReadAction {
        switch self.state {
        case .idle, .waiting:
            return .fail(TransportError(.unexpected, during: .body, "the body was read before there was a head"))
        case .receiving(var body):
            if self.isCancelled { return .fail(Self.cancellation(during: .body)) }
            guard body.unread.isEmpty else {
                let (chunks, release) = (body.unread, body.isHeld)
                body.unread = []
                body.unreadBytes = 0
                body.isHeld = false
                self.state = .receiving(body)
                return .chunks(chunks, release: release)
            }
            guard let waiter else { return .wait }
            guard body.reader == nil else {
                return .fail(TransportError(.unexpected, during: .body, "the body was read by two tasks at a time"))
            }
            body.reader = waiter
            self.state = .receiving(body)
            return .wait
        case .ended(let unread, let error):
            if !unread.isEmpty, !self.isCancelled {
                self.state = .ended(unread: [], error)
                return .chunks(unread, release: false)
            }
            if let error { return .fail(error) }
            return .end
        }
    }

    /// The caller has gone. Whether the thread must be told, which then ends the transfer and calls ``ended(_:)``.
    mutating func cancel() -> Bool {
        if case .ended = self.state { return false }
        defer { self.isCancelled = true }
        if case .idle = self.state { return false }
        return !self.isCancelled
    }

    // MARK: The thread's events

    /// The head is complete. Returns the caller to hand it to.
    mutating func headReceived() -> HeadWaiter? {
        guard case .waiting(let waiter) = self.state else { return nil }
        self.state = .receiving(Body())
        return waiter
    }

    /// Bytes of the body are there. Whether to take them now, and hand them to ``bodyReceived(_:)``; if not, the
    /// server is to be held up until a read action says otherwise.
    mutating func admitsBody() -> Bool {
        guard case .receiving(var body) = self.state else { return true }
        guard body.unreadBytes >= self.bufferBytes else { return true }
        body.isHeld = true
        self.state = .receiving(body)
        return false
    }

    /// Bytes of the body. Returns the caller to hand them to, if it waits for them; they are kept otherwise.
    mutating func bodyReceived(_ chunk: [UInt8]) -> BodyWaiter? {
        guard case .receiving(var body) = self.state else { return nil }
        // The state is put back below: leaving it here too would have `unread` copied at every chunk.
        self.state = .idle
        let reader = body.reader
        body.reader = nil
        if reader == nil {
            body.unread.append(chunk)
            body.unreadBytes += chunk.count
        }
        self.state = .receiving(body)
        return reader
    }

    enum EndAction: Sendable {
        case none
        /// The call has failed.
        case failHead(HeadWaiter, TransportError)
        /// The body has ended, with or without an error.
        case endBody(BodyWaiter, TransportError?)
    }

    /// The transfer is over; nil if the response is complete.
    mutating func ended(_ error: TransportError?) -> EndAction {
        switch self.state {
        case .idle:
            self.state = .ended(unread: [], error)
            return .none
        case .waiting(let waiter):
            let error =
                error ?? TransportError(.noResponse, during: .firstByte, "the transfer ended without a response")
            self.state = .ended(unread: [], error)
            return .failHead(waiter, error)
        case .receiving(let body):
            self.state = .ended(unread: body.unread, error)
            return body.reader.map { .endBody($0, error) } ?? .none
        case .ended: return .none
        }
    }

    private static func cancellation(during phase: TransportError.Phase) -> TransportError {
        TransportError(.cancelled, during: phase, "the call was cancelled")
    }
}
