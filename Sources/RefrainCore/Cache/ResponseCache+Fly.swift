import RefrainKeys

extension ResponseCache {
    /// Flies a flight from its beginning to its end: looks into the second tier, calls upstream, relays, stores.
    func fly(_ flight: Flight, isObserved: Bool, upstream: @escaping Upstream) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.bring(flight, upstream: upstream) }
            group.addTask { await flight.watchAbandonment(limit: self.limits.abandonment) }
            // Whichever is first ends the other: the answer is there, or nobody wants it.
            await group.next()
            group.cancelAll()
        }
        self.table.withLock { table in
            table.end(flight)
            if isObserved { table.endObserving(flight.key) }
        }
        flight.landed()
    }

    /// Ends a flight that has not been launched with an entry that was found.
    func land(_ flight: Flight, with envelope: Envelope, from tier: CacheTier) {
        flight.completed(.answer(FlightAnswer(envelope, from: tier)))
        self.table.withLock { $0.end(flight) }
        flight.landed()
    }

    private func bring(_ flight: Flight, upstream: @escaping Upstream) async {
        switch await self.consult(flight) {
        case .answered(let envelope, let lease):
            let tier = self.second?.tier ?? .memory
            flight.completed(.answer(FlightAnswer(envelope, from: tier)))
            guard let lease else { return }
            // Its callers have their answer; nobody waits for this.
            self.table.withLock { $0.remove(flight) }
            await self.second?.end(lease, .stored)
        case .call(nil):
            _ = await self.callUntilAnswered(flight, upstream: upstream)
        case .call(let lease?):
            let verdict = await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.second?.keep(lease) { flight.mayStore } }
                defer { group.cancelAll() }
                return await self.callUntilAnswered(flight, upstream: upstream)
            }
            await self.second?.end(lease, verdict)
        }
    }

    /// Calls upstream on behalf of one caller after another, until there is an answer or nobody is left.
    private func callUntilAnswered(_ flight: Flight, upstream: @escaping Upstream) async -> LeaseVerdict {
        var next: Upstream? = upstream
        var isFirst = true
        while let upstream = next {
            if !isFirst { self.counters.promotions.add() }
            isFirst = false
            switch await self.call(flight, upstream: upstream) {
            case .answered(let answer, let storing):
                flight.completed(answer)
                self.table.withLock { $0.remove(flight) }
                switch storing {
                case .stored(let envelope, let isTooLargeForMemory):
                    // Its callers have their answer; nobody waits for this.
                    let verdict = await self.second?.set(envelope) ?? .stored
                    if isTooLargeForMemory {
                        if verdict == .stored { self.counters.stored.add() } else { self.counters.refused(.tooLarge) }
                    }
                    return verdict
                case .unstorable: return .unstorable
                case .notStored: return .failed
                }
            case .failed(let failure):
                self.counters.upstreamFailures.add()
                self.counters.refused(failure.refusal)
                next = flight.failed(failure)
            }
        }
        return .failed
    }

    // MARK: The second tier

    private enum Consultation {
        /// It has the entry, and has given a lease that is not needed any more.
        case answered(Envelope, UpstreamLease?)
        /// Upstream is to be called, with a lease or without.
        case call(UpstreamLease?)
    }

    /// Asks the second tier for the entry, and then for the lease; waits while another process has that.
    private func consult(_ flight: Flight) async -> Consultation {
        guard flight.readsSecondTier, let second = self.second else { return .call(nil) }
        var deadline = second.readDeadline()
        if let envelope = await second.get(flight.key, until: deadline), self.takes(envelope, for: flight) {
            return .answered(envelope, nil)
        }
        guard second.hasLeases, case .success = flight.filling else { return .call(nil) }
        var wait = LeaseWait(from: self.time.monotonicNanoseconds(), patience: second.patience)
        while !Task.isCancelled {
            let answer = await second.lease(flight.key, until: deadline)
            let step = wait.asked(answer?.holder, at: self.time.monotonicNanoseconds())
            if let entry = answer?.entry, self.takes(entry, for: flight) {
                if case .lead(let lease) = step { return .answered(entry, lease) }
                return .answered(entry, nil)
            }
            switch step {
            case .call: return .call(nil)
            case .lead(let lease):
                flight.waits(elsewhere: false)
                self.counters.leases.add()
                return .call(lease)
            case .wait(let limit):
                if flight.waits(elsewhere: true) { self.counters.leaseWaits.add() }
                await second.waitForVerdict(on: flight.key, atMost: limit)
                deadline = second.readDeadline()
            }
        }
        return .call(nil)
    }

    /// Whether an entry of the second tier answers the flight. It fills memory where it can.
    private func takes(_ envelope: Envelope, for flight: Flight) -> Bool {
        let now = self.time.now()
        guard self.memory.generations.admits(envelope, at: now) else { return false }
        let wish: Wish = flight.isMemo ? .bytes : flight.isStreamingCall ? .events : .message
        guard case .hit = self.judge(envelope, flight.request, wish, at: now) else {
            // Too old for this caller, but it may stand in for an error.
            if self.memory.lookup(flight.key, now: now) == nil { self.memory.insert(envelope, now: now) }
            return false
        }
        self.memory.fill(envelope, now: now)
        return true
    }

    // MARK: One upstream call

    private enum Outcome {
        /// A whole answer, and what became of storing it.
        case answered(FlightEnding, Storing)
        case failed(FlightFailure)
    }

    /// What became of storing an answer.
    private enum Storing {
        /// It is to be kept in the second tier too; or only there, which decides whether it counts as stored.
        case stored(Envelope, isTooLargeForMemory: Bool)
        /// An answer of its kind, or its size, is never stored.
        case unstorable
        /// This one is not.
        case notStored
    }

    /// What is known of a call when its answer is whole.
    private struct Call {
        /// The generation before the call: an answer older than a purge must not be stored after it.
        var stamp: GenerationStamp
        var began: UInt64
    }

    private func call(_ flight: Flight, upstream: @escaping Upstream) async -> Outcome {
        guard !Task.isCancelled else { return .failed(FlightFailure(thrown: CancellationError())) }
        let call = Call(stamp: self.memory.generation(), began: self.time.monotonicNanoseconds())
        flight.calls(at: call.stamp)
        self.counters.upstreamCalls.add()
        let response: HTTPResponse
        do {
            response = try await upstream(UpstreamCall(isStreaming: flight.isStreamingCall))
        } catch let error as UpstreamResponseError {
            return .failed(FlightFailure(error))
        } catch {
            return .failed(FlightFailure(thrown: error))
        }
        guard response.status == 200 else {
            return .failed(FlightFailure(await UpstreamResponseError(reading: response)))
        }
        if HeaderRules.isEventStream(response), !flight.isMemo {
            return await self.relay(response, to: flight, call)
        }
        do {
            var body: [UInt8] = []
            for try await chunk in response.body {
                if !flight.lease.grow(by: chunk.count) { flight.close(.overBudget) }
                body.append(contentsOf: chunk)
            }
            let form: Envelope.Form = flight.isMemo ? .bytes : .message
            return self.settle(flight, call, form: form, headers: response.headers, body: body)
        } catch {
            return .failed(FlightFailure(cutShort: error))
        }
    }

    /// Relays a stream event by event, and assembles it on the way.
    private func relay(_ response: HTTPResponse, to flight: Flight, _ call: Call) async -> Outcome {
        flight.began(FlightHead(status: response.status, headers: response.headers))
        var parser = SSEParser()
        var assembler = MessageAssembler()
        var relayed: [[UInt8]] = []
        var events: [ServerSentEvent] = []
        var lastError: [UInt8] = []
        func take() {
            for event in events {
                flight.append(event.raw)
                // Kept for storing alone, so not beyond the moment when that is out of the question.
                if case .success = flight.filling { relayed.append(event.raw) } else { relayed = [] }
                assembler.consume(event)
                if event.name == "error" { lastError = event.data }
            }
            events.removeAll(keepingCapacity: true)
        }
        var failure: (any Error)?
        do {
            for try await chunk in response.body {
                defer { take() }
                try parser.feed(chunk, into: &events)
            }
            if let last = parser.finish() {
                events.append(last)
                take()
            }
        } catch {
            failure = error
        }
        switch assembler.finish() {
        case .message(let body):
            return self.settle(flight, call, form: .message, headers: response.headers, body: body)
        case .eventsOnly:
            let summary = assembler.summary()
            return self.settle(
                flight, call, form: .events, headers: response.headers, body: Array(relayed.joined()),
                summary: summary)
        case .failed(let error):
            // The event was relayed as it came; a caller that wants a message gets it as an error of its own.
            return .failed(
                FlightFailure(
                    UpstreamResponseError(
                        status: error.type.status,
                        headers: HeaderRules.converted(response.headers, contentType: HeaderRules.json),
                        body: lastError.isEmpty ? error.encoded() : lastError)))
        case .incomplete(let reason):
            let error = CacheError(.incomplete, "the upstream stream is no whole message: \(reason)")
            // A stream that told its own end is given as it came, however odd it is.
            if !assembler.hasStopped { flight.append(ErrorEvents.event(for: error)) }
            return .failed(FlightFailure(cutShort: failure ?? error, as: error))
        }
    }

    /// Stores a whole answer where it may be stored, and says how the flight ends.
    private func settle(
        _ flight: Flight, _ call: Call, form: Envelope.Form, headers: [HTTPHeader], body: [UInt8],
        summary known: MessageSummary? = nil
    ) -> Outcome {
        let elapsed = self.time.monotonicNanoseconds() &- call.began
        var summary = known
        if form == .message {
            do throws(WireError) {
                summary = try MessageSummary(json: body)
            } catch {
                summary = nil
            }
        }
        var details = Envelope.Details(
            requestedModel: flight.request.model, upstreamMilliseconds: UInt32(clamping: elapsed / 1_000_000))
        if let summary {
            details.answeringModel = summary.model
            details.usage = summary.usage
            details.cost = summary.isMessage ? self.models.cost(of: summary) : nil
            details.toolUseIDs = summary.toolUseIDs
        }
        let answer = FlightAnswer(
            stored: nil, form: form,
            headers: form == .events || flight.hasBegun
                ? HeaderRules.converted(headers, contentType: HeaderRules.json) : headers,
            body: body, details: details)
        let ending: FlightEnding = form == .events ? .eventsOnly : .answer(answer)
        let storing = self.store(
            flight, call, form: form, headers: headers, body: body, summary: summary, details: details)
        return .answered(ending, storing)
    }

    private func store(
        _ flight: Flight, _ call: Call, form: Envelope.Form, headers: [HTTPHeader], body: [UInt8],
        summary: MessageSummary?, details: Envelope.Details
    ) -> Storing {
        let fill: Flight.Fill
        switch flight.filling {
        case .success(let found): fill = found
        case .failure(let refusal):
            self.counters.refused(refusal.reason)
            return .notStored
        }
        if form != .bytes, let reason = Storability.refusal(of: summary, storable: fill.policy.storable) {
            self.counters.refused(reason)
            return .unstorable
        }
        let labels = fill.labels(answeringModel: details.answeringModel)
        guard labels.count <= Label.maximumCount else {
            self.counters.refused(.tooManyLabels)
            return .notStored
        }
        guard labels.allSatisfy({ $0.description.utf8.count <= Label.maximumBytes }) else {
            self.counters.refused(.labelTooLong)
            return .notStored
        }
        let now = self.time.now()
        let fresh = now.advanced(by: fill.policy.ttl)
        let envelope = Envelope(
            key: flight.key, form: form, created: now, freshUntil: fresh,
            staleUntil: fresh.advanced(by: max(fill.policy.staleWhileRevalidate, fill.policy.staleIfError)),
            generation: call.stamp, labels: labels, details: details,
            headers: HeaderRules.stored(headers, as: form), body: body)
        switch self.memory.insert(envelope, now: now) {
        case .stored: self.counters.stored.add()
        case .tooLarge:
            guard self.second != nil else {
                self.counters.refused(.tooLarge)
                return .unstorable
            }
            return .stored(envelope, isTooLargeForMemory: true)
        case .expired, .superseded: self.counters.refused(.expired)
        case .invalidated:
            self.counters.refused(.purged)
            return .notStored
        case .closed:
            self.counters.refused(.closed)
            return .notStored
        }
        return .stored(envelope, isTooLargeForMemory: false)
    }
}

extension FlightAnswer {
    /// The answer that an entry is.
    init(_ envelope: Envelope, from tier: CacheTier) {
        self.init(
            stored: (tier, envelope), form: envelope.form, headers: envelope.headers, body: envelope.body,
            details: envelope.details)
    }
}

extension FlightFailure {
    /// Upstream answered with something other than a 200.
    init(_ error: UpstreamResponseError) {
        self.init(
            // Beside the credential itself: what an organisation may use, and what is left of its limits (400 and 404 too).
            error: error, concernsCredential: [400, 401, 402, 403, 404, 429].contains(error.status),
            isTransient: error.status == 408 || error.status == 429 || (500...599).contains(error.status),
            refusal: .status)
    }

    /// The call's function threw.
    init(thrown error: any Error) {
        // To callers that were not cancelled themselves, a cancellation is no answer.
        let error = error is CancellationError ? CacheError(.abandoned, "the upstream call was cancelled") : error
        self.init(error: error, isThrown: true, isTransient: true, refusal: .failed)
    }

    /// The answer was cut short.
    init(cutShort error: any Error, as shown: (any Error)? = nil) {
        self.init(
            error: error is CancellationError
                ? CacheError(.abandoned, "the upstream call was cancelled") : shown ?? error,
            isTransient: true, refusal: .failed)
    }
}
