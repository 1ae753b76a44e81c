import RefrainKeys

extension ResponseCache {
    /// Answers a request with a whole message.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - upstream: Makes the upstream call, where one is needed: see ``Upstream``. It may be called after this
    ///     function has returned or thrown, or on behalf of others.
    /// - Throws: ``UpstreamResponseError`` where upstream answered with something other than a 200, as it was received;
    ///   ``CacheError`` and ``CachePolicyError``; `CancellationError` when the calling task is cancelled, which disturbs
    ///   no other caller; and whatever `upstream` throws.
    public func respond(
        to request: CacheRequest, upstream: @escaping Upstream
    ) async throws -> CachedResponse {
        let (answer, status) = try await self.answer(request, .message, upstream: upstream)
        self.counters.answered(status)
        return CachedResponse(
            status: 200, headers: status == .joined ? HeaderRules.shared(answer.headers) : answer.headers,
            body: answer.body, cache: status, details: answer.details)
    }

    /// Makes a call that the cache steps aside for: nothing is read, joined or stored.
    ///
    /// - Parameters:
    ///   - reason: Why, for the answer and the statistics.
    ///   - bodyBytes: The bytes that the request itself holds, for the in-flight budget.
    ///   - upstream: Makes the call.
    /// - Throws: As ``respond(to:upstream:)``.
    public func respond(
        bypassing reason: CacheReason, bodyBytes: Int = 0, upstream: Upstream
    ) async throws -> CachedResponse {
        let answer = try await self.callAlone(bodyBytes, upstream)
        self.counters.answered(.bypassed(reason))
        return CachedResponse(
            status: 200, headers: answer.headers, body: answer.body, cache: .bypassed(reason), details: answer.details)
    }

    /// A whole answer by the way that is decided on.
    func answer(
        _ request: CacheRequest, _ wish: Wish, upstream: @escaping Upstream
    ) async throws -> (FlightAnswer, CacheStatus) {
        // A flight may bring what this caller cannot use: a stream that no message can be made of, or an entry that is
        // older than it takes. It then asks again, and if that happens twice it calls alone.
        for _ in 0..<2 {
            switch try self.decide(request, wish, upstream: upstream) {
            case .stored(let envelope, let status):
                return (FlightAnswer(envelope, from: .memory), status)
            case .alone(let status):
                return (try await self.callAlone(request.bodyBytes, upstream), status)
            case .storeOnly:
                return try await self.readStores(request, wish)
            case .shared(let seat, let status):
                switch try await seat.outcome() {
                case .eventsOnly: continue
                case .answer(let answer):
                    guard let status = self.status(of: answer, for: request, wish, shared: status) else { continue }
                    return (answer, status)
                case .failed(let failure):
                    guard failure.isTransient, let stale = self.standIn(request, wish) else { throw failure.error }
                    return stale
                }
            }
        }
        return (try await self.callAlone(request.bodyBytes, upstream), .bypassed(.eventsOnly))
    }

    /// What a caller is told of a flight's answer; nil where the answer is of no use to it.
    func status(
        of answer: FlightAnswer, for request: CacheRequest, _ wish: Wish, shared: CacheStatus
    ) -> CacheStatus? {
        guard wish.isServed(by: answer.form) else { return nil }
        guard let (tier, envelope) = answer.stored else { return shared }
        guard case .hit(_, let age) = self.judge(envelope, request, wish, at: self.time.now()) else { return nil }
        return .hit(tier, age: age)
    }

    /// The entry that stands in for an upstream failure. It is looked up anew, so that a purge meanwhile counts.
    func standIn(_ request: CacheRequest, _ wish: Wish) -> (FlightAnswer, CacheStatus)? {
        guard request.policy.staleIfError > .zero, request.policy.mode.answersFromStore,
            request.policy.ttl > .zero
        else { return nil }
        let now = self.time.now()
        guard let envelope = self.memory.lookup(request.key, now: now), wish.isServed(by: envelope.form),
            Freshness.standsIn(envelope, by: request.policy, at: now),
            !Self.repeatsToolUse(envelope, request.toolUseIDs)
        else { return nil }
        return (
            FlightAnswer(envelope, from: .memory),
            .stale(age: Freshness.age(of: envelope, at: now), .upstreamFailed)
        )
    }

    /// The second tier's entry, for a caller that wants no upstream call.
    func readStores(_ request: CacheRequest, _ wish: Wish) async throws -> (FlightAnswer, CacheStatus) {
        guard !self.table.withLock({ $0.isClosed }) else { throw Self.closedError }
        if request.policy.ttl > .zero, let second = self.second,
            let envelope = await second.get(request.key, until: second.readDeadline()),
            self.memory.generations.admits(envelope, at: self.time.now()),
            case .hit(_, let age) = self.judge(envelope, request, wish, at: self.time.now())
        {
            self.memory.fill(envelope, now: self.time.now())
            return (FlightAnswer(envelope, from: second.tier), .hit(second.tier, age: age))
        }
        try Task.checkCancellation()
        throw CacheError(.notCached, "nothing is stored for the request, and upstream is not to be asked")
    }

    /// Calls upstream in the caller's own task, neither sharing nor storing.
    func callAlone(_ bodyBytes: Int, _ upstream: Upstream) async throws -> FlightAnswer {
        let lease = try self.passingLease(bodyBytes)
        defer { withExtendedLifetime(lease) {} }
        let response = try await self.open(UpstreamCall(isStreaming: false), upstream)
        var body: [UInt8] = []
        do {
            for try await chunk in response.body { body.append(contentsOf: chunk) }
        } catch {
            self.counters.upstreamFailures.add()
            throw error
        }
        var headers = response.headers
        if HeaderRules.isEventStream(response) {
            body = try Self.assembled(body)
            headers = HeaderRules.converted(headers, contentType: HeaderRules.json)
        }
        return FlightAnswer(stored: nil, form: .message, headers: headers, body: body, details: nil)
    }

    /// Makes a call of the caller's own, and returns its response with status 200.
    func open(_ call: UpstreamCall, _ upstream: Upstream) async throws -> HTTPResponse {
        self.counters.upstreamCalls.add()
        let response: HTTPResponse
        do {
            response = try await upstream(call)
        } catch {
            self.counters.upstreamFailures.add()
            throw error
        }
        guard response.status == 200 else {
            self.counters.upstreamFailures.add()
            throw await UpstreamResponseError(reading: response)
        }
        return response
    }

    /// A share of the budget for a call that is made alone.
    func passingLease(_ bytes: Int) throws(CacheError) -> BudgetLease {
        guard !self.table.withLock({ $0.isClosed }) else { throw Self.closedError }
        guard let lease = BudgetLease(self.budget, bytes: bytes, for: .passing) else {
            self.counters.overloaded.add()
            throw CacheError(.overloaded, "too many bytes are in flight")
        }
        return lease
    }

    /// The message of a stream that came where a message was asked for.
    private static func assembled(_ stream: [UInt8]) throws -> [UInt8] {
        var parser = SSEParser()
        var assembler = MessageAssembler()
        var events = try parser.feed(stream)
        if let last = parser.finish() { events.append(last) }
        for event in events { assembler.consume(event) }
        switch assembler.finish() {
        case .message(let body): return body
        case .failed(let error):
            throw UpstreamResponseError(status: error.type.status, headers: [], body: error.encoded())
        case .eventsOnly:
            throw CacheError(.incomplete, "upstream sent a stream that no message can be made of")
        case .incomplete(let reason):
            throw CacheError(.incomplete, "the upstream stream is no whole message: \(reason)")
        }
    }
}
