import RefrainKeys

/// How a request is answered.
enum Decision {
    /// From memory.
    case stored(Envelope, CacheStatus)
    /// By a call of its own that is neither shared nor stored.
    case alone(CacheStatus)
    /// From a store or not at all, and memory has nothing.
    case storeOnly
    /// From a flight.
    case shared(FlightSeat, CacheStatus)
}

extension ResponseCache {
    /// What a caller wants of an answer.
    enum Wish {
        /// A message.
        case message
        /// The events of a stream.
        case events
        /// Bytes of its own.
        case bytes

        /// Whether an entry of that form serves it.
        func isServed(by form: Envelope.Form) -> Bool {
            switch (self, form) {
            case (.message, .message), (.events, .message), (.events, .events), (.bytes, .bytes): true
            default: false
            }
        }
    }

    /// Decides how to answer a request, and takes its seat in a flight where that is how. Suspends nowhere.
    func decide(
        _ request: CacheRequest, _ wish: Wish, upstream: @escaping Upstream
    ) throws -> Decision {
        let policy = request.policy
        var reason = CacheReason.refresh
        if policy.mode.answersFromStore {
            switch self.judge(request, wish) {
            case .hit(let envelope, let age): return .stored(envelope, .hit(.memory, age: age))
            case .stale(let envelope, let age):
                // A new answer that would not be stored is not worth its call.
                if policy.mode.stores {
                    try policy.validate()
                    self.revalidate(request, wish, upstream: upstream)
                    return .stored(envelope, .stale(age: age, .revalidating))
                }
                reason = .expired
            case .repeated: return .alone(.bypassed(.toolUseRepeated))
            case .nothing(let why): reason = why
            }
        }
        try policy.validate()
        switch policy.mode {
        case .bypass: return .alone(.bypassed(.mode))
        case .onlyIfCached: return .storeOnly
        case .observe: return try self.observe(request, wish, upstream: upstream)
        default: return try self.share(request, wish, reason, upstream: upstream)
        }
    }

    /// What memory has for a request.
    enum Judgement {
        case hit(Envelope, age: Duration)
        case stale(Envelope, age: Duration)
        /// It would repeat a tool call of the request's own messages.
        case repeated
        case nothing(CacheReason)
    }

    /// Looks into memory.
    func judge(_ request: CacheRequest, _ wish: Wish) -> Judgement {
        guard request.policy.ttl > .zero else { return .nothing(.ttlZero) }
        let now = self.time.now()
        guard let envelope = self.memory.lookup(request.key, now: now) else { return .nothing(.absent) }
        return self.judge(envelope, request, wish, at: now)
    }

    /// Judges an entry of any tier.
    func judge(_ envelope: Envelope, _ request: CacheRequest, _ wish: Wish, at now: Timestamp) -> Judgement {
        guard wish.isServed(by: envelope.form) else { return .nothing(.eventsOnly) }
        let freshness = Freshness.of(envelope, by: request.policy, at: now)
        guard freshness != .expired else { return .nothing(.expired) }
        if Self.repeatsToolUse(envelope, request.toolUseIDs) { return .repeated }
        let age = Freshness.age(of: envelope, at: now)
        return freshness == .fresh ? .hit(envelope, age: age) : .stale(envelope, age: age)
    }

    /// Joins the flight of the key, or becomes the leader of a new one.
    private func share(
        _ request: CacheRequest, _ wish: Wish, _ reason: CacheReason, upstream: @escaping Upstream
    ) throws -> Decision {
        let isRefresh = request.policy.mode == .refresh
        while true {
            if !isRefresh, let flight = self.table.withLock({ $0.flight(for: request.key) }) {
                guard flight.mayAnswer(by: self.memory.generations) else {
                    self.table.withLock { $0.remove(flight) }
                    flight.close(.purged)
                    continue
                }
                guard let lease = BudgetLease(self.budget, bytes: request.bodyBytes, for: .sharing) else {
                    return .alone(.bypassed(.overBudget))
                }
                if let id = flight.join(request, isStreaming: wish == .events, asLeader: false, upstream: upstream) {
                    return .shared(self.seat(flight, id, request, lease), .joined)
                }
                // It ended, or takes nobody any more, and has not been taken out yet.
                self.table.withLock { $0.remove(flight) }
                continue
            }
            guard let (flight, id) = self.flight(for: request, wish, upstream: upstream) else {
                return .alone(.bypassed(.overBudget))
            }
            let seat = self.seat(flight, id, request, nil)
            switch try self.enter(flight, replacing: isRefresh) {
            case .joined: continue
            case .entered(let older): older?.close(.replaced)
            }
            // Whoever flew before may have stored between our look and our entry.
            if !isRefresh, case .hit(let envelope, let age) = self.judge(request, wish) {
                self.land(flight, with: envelope, from: .memory)
                return .stored(envelope, .hit(.memory, age: age))
            }
            self.launch(flight, upstream: upstream)
            return .shared(seat, .miss(reason))
        }
    }

    /// Calls upstream in any case, on a flight that nobody can join, and tells what a cache would have done.
    private func observe(_ request: CacheRequest, _ wish: Wish, upstream: @escaping Upstream) throws -> Decision {
        guard let (flight, id) = self.flight(for: request, wish, upstream: upstream) else {
            return .alone(.bypassed(.overBudget))
        }
        let seat = self.seat(flight, id, request, nil)
        let wouldJoin = try self.table.withLock { table throws(CacheError) in
            guard table.begin(flight) else { throw Self.closedError }
            return table.observe(request.key)
        }
        let verdict: CacheReason
        switch self.judge(request, wish) {
        case .hit:
            // A hit never extends an entry, so what a hit would have spared must not either.
            flight.storesNothing()
            verdict = .observedHit
        case .stale: verdict = .observedHit
        case .repeated, .nothing: verdict = wouldJoin ? .observedJoin : .observedMiss
        }
        self.launch(flight, isObserved: true, upstream: upstream)
        return .shared(seat, .bypassed(verdict))
    }

    /// Fetches a new answer that nobody waits for, unless a call for the key is under way.
    private func revalidate(_ request: CacheRequest, _ wish: Wish, upstream: @escaping Upstream) {
        guard self.table.withLock({ $0.flight(for: request.key) }) == nil,
            let lease = BudgetLease(self.budget, bytes: request.bodyBytes, for: .sharing)
        else { return }
        let flight = Flight(
            for: request, isStreaming: wish == .events, isMemo: wish == .bytes, readsSecondTier: true, lease: lease,
            lagLimit: self.limits.followerLagBytes, time: self.time)
        flight.beginsAlone()
        let isEntered = self.table.withLock { table in
            guard table.begin(flight) else { return false }
            guard table.insert(flight) == nil else {
                table.end(flight)
                return false
            }
            return true
        }
        guard isEntered else { return }
        self.counters.revalidations.add()
        self.launch(flight, upstream: upstream)
    }

    /// A new flight with the request as its leader; nil where the in-flight budget does not allow it.
    private func flight(
        for request: CacheRequest, _ wish: Wish, upstream: @escaping Upstream
    ) -> (Flight, FlightMachine.CallerID)? {
        guard let lease = BudgetLease(self.budget, bytes: request.bodyBytes, for: .sharing) else { return nil }
        let flight = Flight(
            for: request, isStreaming: wish == .events, isMemo: wish == .bytes,
            readsSecondTier: request.policy.mode.answersFromStore && request.policy.ttl > .zero, lease: lease,
            lagLimit: self.limits.followerLagBytes, time: self.time)
        // A new flight takes its first caller.
        return flight.join(request, isStreaming: wish == .events, asLeader: true, upstream: upstream)
            .map { (flight, $0) }
    }

    private func seat(
        _ flight: Flight, _ id: FlightMachine.CallerID, _ request: CacheRequest, _ lease: BudgetLease?
    ) -> FlightSeat {
        FlightSeat(flight: flight, id: id, finish: request.policy.onAbandon == .finish, lease: lease)
    }

    private enum Entry: Sendable {
        /// The flight is the one for its key; there was another before it, or not.
        case entered(older: Flight?)
        /// There is another to join.
        case joined
    }

    private func enter(_ flight: Flight, replacing: Bool) throws(CacheError) -> Entry {
        try self.table.withLock { table throws(CacheError) in
            guard table.begin(flight) else { throw Self.closedError }
            if replacing { return .entered(older: table.replace(with: flight)) }
            guard table.insert(flight) == nil else {
                table.end(flight)
                return .joined
            }
            return .entered(older: nil)
        }
    }

    static let closedError = CacheError(.closed, "the cache was shut down")
}
