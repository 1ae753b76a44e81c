import RefrainKeys

/// Events that are there already.
final class ReplaySource: EventSource {
    private let remaining: Locked<ArraySlice<[UInt8]>>

    init(_ events: [[UInt8]]) { self.remaining = Locked(events[...]) }

    func next() async throws -> [UInt8]? {
        try Task.checkCancellation()
        return self.remaining.withLock { $0.popFirst() }
    }
}

/// The events of a flight, for one of its callers.
final class SeatSource: EventSource {
    private struct State {
        /// What there is before the flight is asked again.
        var pending: ArraySlice<[UInt8]> = []
        /// Whether `pending` is the end.
        var isLast = false
    }

    private let seat: FlightSeat
    private let pingInterval: Duration
    private let time: TimeSource
    private let state: Locked<State>

    /// `pingsFirst`: the wait before the stream was given to its caller has been long enough for a first ping.
    init(_ seat: FlightSeat, pingsFirst: Bool = false, pingInterval: Duration, time: TimeSource) {
        self.seat = seat
        self.pingInterval = pingInterval
        self.time = time
        self.state = Locked(State(pending: pingsFirst ? [ErrorEvents.ping] : []))
    }

    func next() async throws -> [UInt8]? {
        while true {
            let (event, isLast) = self.state.withLock { ($0.pending.popFirst(), $0.isLast) }
            if let event { return event }
            if isLast { return nil }
            guard !Task.isCancelled else {
                self.seat.leave()
                throw CancellationError()
            }
            switch self.seat.flight.next(self.seat.id) {
            case .event(let event): return event
            case .finished: self.end(with: [])
            case .tooSlow:
                self.end(with: [
                    ErrorEvents.event(for: CacheError(.tooSlow, "the stream was read too slowly"))
                ])
            case .ended(.answer(let answer)): self.end(with: try ResponseCache.events(of: answer))
            case .ended(.failed(let failure)): self.end(with: [ErrorEvents.event(for: failure.error)])
            case .ended(.eventsOnly): self.end(with: [])
            case .wait(let mayBeLong):
                let limit = mayBeLong ? self.pingInterval : nil
                if await self.seat.waitForEvent(atMost: limit, time: self.time) { return ErrorEvents.ping }
            }
        }
    }

    private func end(with events: [[UInt8]]) {
        self.state.withLock { state in
            state.pending = events[...]
            state.isLast = true
        }
        self.seat.leave()
    }
}

/// The events of a call of the caller's own: passed on as they come, but for a stream that ends before its end.
final class DirectSource: EventSource {
    private struct State {
        var parser = SSEParser()
        var pending: [ServerSentEvent] = []
        var position = 0
        /// Whether the stream has told its own end: `message_stop`, or an `error` event.
        var hasStopped = false
        var isLast = false

        mutating func pop() -> [UInt8]? {
            guard self.position < self.pending.count else {
                self.pending.removeAll(keepingCapacity: true)
                self.position = 0
                return nil
            }
            defer { self.position += 1 }
            let event = self.pending[self.position]
            if event.name == "message_stop" || event.name == "error" { self.hasStopped = true }
            return event.raw
        }
    }

    private let body: ByteStream
    private let isEventStream: Bool
    private let counters: CacheCounters
    private let lease: BudgetLease
    private let state = Locked(State())

    init(_ body: ByteStream, isEventStream: Bool, counters: CacheCounters, lease: BudgetLease) {
        self.body = body
        self.isEventStream = isEventStream
        self.counters = counters
        self.lease = lease
    }

    func next() async throws -> [UInt8]? {
        var chunks = self.body.makeAsyncIterator()
        guard self.isEventStream else { return try await chunks.next() }
        while true {
            let (event, isLast) = self.state.withLock { ($0.pop(), $0.isLast) }
            if let event { return event }
            if isLast { return nil }
            do {
                guard let chunk = try await chunks.next() else {
                    self.end(afterFailure: false)
                    continue
                }
                try self.state.withLock { state in try state.parser.feed(chunk, into: &state.pending) }
            } catch let error as CancellationError {
                throw error
            } catch {
                self.end(afterFailure: true)
            }
        }
    }

    private func end(afterFailure: Bool) {
        let isCutShort = self.state.withLock { state in
            state.isLast = true
            if !afterFailure, let last = state.parser.finish() { state.pending.append(last) }
            let stops = state.pending[state.position...].contains { $0.name == "message_stop" || $0.name == "error" }
            guard !state.hasStopped, !stops else { return false }
            state.pending.append(
                CacheError(.incomplete, "the upstream stream was cut short").body.event())
            return true
        }
        if isCutShort { self.counters.upstreamFailures.add() }
    }
}
