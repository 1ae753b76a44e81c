import RefrainKeys

extension ResponseCache {
    /// Answers a request with the events of a stream.
    ///
    /// It returns as soon as the stream's beginning is known. Where the answer comes from a call that another caller
    /// made for a whole message, that is when the message is there, or after ``Limits/pingInterval``: then the stream
    /// begins with `ping` events while it waits, and a failure is its `error` event.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - upstream: Makes the upstream call, where one is needed: see ``Upstream``. It may be called after this
    ///     function has returned or thrown, or on behalf of others.
    /// - Throws: As ``respond(to:upstream:)``, for what goes wrong before the stream begins. After that it ends with an
    ///   `error` event.
    public func stream(
        _ request: CacheRequest, upstream: @escaping Upstream
    ) async throws -> CachedStream {
        let stream = try await self.openStream(request, upstream: upstream)
        self.counters.answered(stream.cache)
        return stream
    }

    /// Makes a streaming call that the cache steps aside for: nothing is read, joined or stored.
    ///
    /// - Throws: As ``respond(to:upstream:)``, for what goes wrong before the stream begins.
    public func stream(
        bypassing reason: CacheReason, bodyBytes: Int = 0, upstream: Upstream
    ) async throws -> CachedStream {
        let stream = try await self.streamAlone(bodyBytes, .bypassed(reason), upstream)
        self.counters.answered(stream.cache)
        return stream
    }

    private func openStream(
        _ request: CacheRequest, upstream: @escaping Upstream
    ) async throws -> CachedStream {
        for _ in 0..<2 {
            switch try self.decide(request, .events, upstream: upstream) {
            case .stored(let envelope, let status):
                return try Self.replay(FlightAnswer(envelope, from: .memory), status)
            case .alone(let status):
                return try await self.streamAlone(request.bodyBytes, status, upstream)
            case .storeOnly:
                let (answer, status) = try await self.readStores(request, .events)
                return try Self.replay(answer, status)
            case .shared(let seat, let status):
                if let stream = try await self.begin(seat, request, status) { return stream }
            }
        }
        return try await self.streamAlone(request.bodyBytes, .bypassed(.expired), upstream)
    }

    /// Waits for the beginning of a flight's stream. Nil where the flight brought what the caller cannot use.
    private func begin(
        _ seat: FlightSeat, _ request: CacheRequest, _ status: CacheStatus
    ) async throws -> CachedStream? {
        while true {
            let start = seat.flight.start(seat.id)
            switch start {
            case .head(let head):
                return CachedStream(
                    status: head.status,
                    headers: status == .joined ? HeaderRules.shared(head.headers) : head.headers, cache: status,
                    details: nil,
                    source: SeatSource(seat, pingInterval: self.limits.pingInterval, time: self.time))
            case .ended(.answer(let answer)):
                seat.leave()
                guard let status = self.status(of: answer, for: request, .events, shared: status) else { return nil }
                return try Self.replay(answer, status)
            case .ended(.eventsOnly):
                // Only a stream ends so, and a stream has a beginning.
                seat.leave()
                return nil
            case .ended(.failed(let failure)):
                seat.leave()
                guard failure.isTransient, let (answer, status) = self.standIn(request, .events) else {
                    throw failure.error
                }
                return try Self.replay(answer, status)
            case .wait(let mayBeLong):
                guard !Task.isCancelled else {
                    seat.leave()
                    throw CancellationError()
                }
                let limit = mayBeLong ? self.limits.pingInterval : nil
                if await seat.waitForStart(atMost: limit, time: self.time), !Task.isCancelled {
                    return CachedStream(
                        status: 200,
                        headers: [
                            HTTPHeader("content-type", HeaderRules.eventStream),
                            HTTPHeader("cache-control", "no-cache"),
                        ],
                        cache: status, details: nil,
                        source: SeatSource(
                            seat, pingsFirst: true, pingInterval: self.limits.pingInterval, time: self.time))
                }
            }
        }
    }

    /// The events of a whole answer.
    static func replay(_ answer: FlightAnswer, _ status: CacheStatus) throws -> CachedStream {
        CachedStream(
            status: 200, headers: HeaderRules.converted(answer.headers, contentType: HeaderRules.eventStream),
            cache: status, details: answer.details, source: ReplaySource(try Self.events(of: answer)))
    }

    /// The events of a whole answer, one element each. A body that is no message becomes an `error` event.
    static func events(of answer: FlightAnswer) throws -> [[UInt8]] {
        if answer.form == .events {
            var parser = SSEParser()
            return try parser.feed(answer.body).map(\.raw)
        }
        if answer.stored == nil, let error = APIErrorBody(json: answer.body) { return [error.event().raw] }
        do throws(WireError) {
            return try MessageReplayer.events(for: answer.body)
        } catch {
            return [
                ErrorEvents.event(for: CacheError(.incomplete, "upstream answered with something else than a message"))
            ]
        }
    }

    private func streamAlone(_ bodyBytes: Int, _ status: CacheStatus, _ upstream: Upstream) async throws -> CachedStream
    {
        let lease = try self.passingLease(bodyBytes)
        let response = try await self.open(UpstreamCall(isStreaming: true), upstream)
        return CachedStream(
            status: response.status, headers: response.headers, cache: status, details: nil,
            source: DirectSource(
                response.body, isEventStream: HeaderRules.isEventStream(response), counters: self.counters,
                lease: lease))
    }
}
