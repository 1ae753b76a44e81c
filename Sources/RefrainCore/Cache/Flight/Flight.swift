import RefrainKeys

/// One upstream call in the process and the callers that share it: the ``FlightMachine`` behind its lock, and the
/// continuations of those who wait.
///
/// Callers wait by state, not by message: they look, and where there is nothing for them they leave a continuation and
/// look again when it is resumed. So a wake-up too many is harmless, and none is lost, since whoever leaves a
/// continuation looks once more under the lock.
final class Flight: Sendable {
    /// On whose account an answer is stored: the first caller's whose policy stores.
    struct Fill: Sendable {
        var policy: CachePolicy
        var model: String

        init?(_ request: CacheRequest) {
            guard request.policy.mode.stores, request.policy.ttl > .zero else { return nil }
            self.policy = request.policy
            self.model = request.model
        }

        /// The same with the tags of another caller that joins.
        func tagged(by other: Fill) -> Fill {
            var fill = self
            // More than an entry may carry are as good as any number: it is not stored.
            guard fill.policy.tags.count <= Label.maximumCount else { return fill }
            fill.policy.tags += other.policy.tags.filter { !fill.policy.tags.contains($0) }
            return fill
        }

        /// The names that the entry can be purged by; more than ``Label/maximumCount`` where many callers with tags of
        /// their own have joined.
        func labels(answeringModel: String) -> [Label] {
            var labels = self.policy.tags.map(Label.tag)
            if !self.model.isEmpty { labels.append(.model(self.model)) }
            if !answeringModel.isEmpty, answeringModel != self.model { labels.append(.model(answeringModel)) }
            if !self.policy.version.isEmpty { labels.append(.version(self.policy.version)) }
            return labels
        }
    }

    /// Why an answer is not to be stored on anybody's account.
    struct Refusal: Error {
        var reason: CacheReason
    }

    private struct State {
        var machine: FlightMachine
        /// Callers that wait for an event or for the stream's beginning.
        var streaming: [FlightMachine.CallerID: CheckedContinuation<Void, Never>] = [:]
        /// Callers that wait for the whole answer.
        var whole: [FlightMachine.CallerID: CheckedContinuation<Void, Never>] = [:]
        /// How each caller would make the call, should it be promoted.
        var upstreams: [FlightMachine.CallerID: Upstream] = [:]
        var labels: Set<Label>
        var fill: Fill?
        /// The generation before the present upstream call, and when that began.
        var call: (stamp: GenerationStamp, began: Timestamp)?
        /// Bytes of events that the budget had no room for: letting go of them gives nothing back.
        var unchargedBytes = 0
        var task: Task<Void, Never>?
        /// Since when nobody waits, on the monotonic clock, and the machine's number for that.
        var abandoned: (number: Int, since: UInt64)?
        /// The watch that waits to be told of an abandonment.
        var watch: CheckedContinuation<Void, Never>?
        /// Whether its task is at its end, and who waits for that.
        var hasLanded = false
        var landings: [CheckedContinuation<Void, Never>] = []
    }

    /// The request that it was begun for.
    let request: CacheRequest
    /// When it began.
    let started: Timestamp
    /// Whether the answer is a caller's own bytes rather than a message.
    let isMemo: Bool
    /// Whether its answer may come from a second tier.
    let readsSecondTier: Bool
    /// Its share of the in-flight budget.
    let lease: BudgetLease
    private let time: TimeSource
    private let state: Locked<State>

    /// Creates a flight for `request`, without callers.
    init(
        for request: CacheRequest, isStreaming: Bool, isMemo: Bool, readsSecondTier: Bool, lease: BudgetLease,
        lagLimit: Int, time: TimeSource
    ) {
        self.request = request
        self.started = time.now()
        self.isMemo = isMemo
        self.readsSecondTier = readsSecondTier
        self.lease = lease
        self.time = time
        self.state = Locked(
            State(
                machine: FlightMachine(
                    credential: request.credential, isStreaming: isStreaming, lagLimit: lagLimit),
                labels: Self.labels(of: request), fill: Fill(request)))
    }

    /// The key that it brings an answer for.
    var key: RequestKey { self.request.key }

    private static func labels(of request: CacheRequest) -> Set<Label> {
        var labels = Set(request.policy.tags.map(Label.tag))
        if !request.model.isEmpty { labels.insert(.model(request.model)) }
        if !request.policy.version.isEmpty { labels.insert(.version(request.policy.version)) }
        return labels
    }

    // MARK: Callers

    /// Adds a caller. Nil where the flight takes no new one.
    func join(
        _ request: CacheRequest, isStreaming: Bool, asLeader: Bool, upstream: @escaping Upstream
    ) -> FlightMachine.CallerID? {
        let fill = Fill(request)
        let labels = Self.labels(of: request)
        return self.state.withLock { state in
            guard
                let id = state.machine.join(
                    credential: request.credential, isStreaming: isStreaming, asLeader: asLeader)
            else { return nil }
            state.upstreams[id] = upstream
            state.abandoned = nil
            if let fill {
                // Whoever's purge names the answer must reach it, whoever called first.
                state.fill = state.fill.map { $0.tagged(by: fill) } ?? fill
                state.labels.formUnion(labels)
            }
            return id
        }
    }

    /// Takes a caller away. `finish` is whether, by its policy, the call goes on without callers.
    func leave(_ id: FlightMachine.CallerID, finish: Bool) {
        let now = self.time.monotonicNanoseconds()
        let (action, upstream, task, watch) = self.state.withLock { state in
            let upstream = state.upstreams.removeValue(forKey: id)
            let action = state.machine.leave(id, finish: finish && state.fill != nil)
            var watch: CheckedContinuation<Void, Never>?
            if case .abandoned(let number) = action {
                state.abandoned = (number, now)
                watch = state.watch.take()
            }
            return (action, upstream, state.task, watch)
        }
        watch?.resume()
        if action == .cancel { task?.cancel() }
        withExtendedLifetime(upstream) {}
    }

    /// The number of callers that wait for it.
    var callerCount: Int { self.state.withLock { $0.machine.callerCount } }

    /// What there is for a caller that wants a whole message.
    func outcome(_ id: FlightMachine.CallerID) -> FlightOutcome { self.state.withLock { $0.machine.outcome(id) } }

    /// What there is for a caller that wants a stream and has not been given its beginning.
    func start(_ id: FlightMachine.CallerID) -> FlightStart { self.state.withLock { $0.machine.start(id) } }

    /// The next event of the stream for a caller.
    func next(_ id: FlightMachine.CallerID) -> FlightNext { self.state.withLock { $0.machine.next(id) } }

    /// Waits until there may be something new for a caller that wants a whole message, or its task is cancelled.
    func waitForOutcome(_ id: FlightMachine.CallerID) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // `isCancelled` is read under the lock: a cancellation before that is seen here, and one after it finds
                // the continuation.
                let isReady = self.state.withLock { state in
                    if case .wait = state.machine.outcome(id), !Task.isCancelled {
                        state.whole[id] = continuation
                        return false
                    }
                    return true
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.whole.removeValue(forKey: id) }?.resume()
        }
    }

    /// Waits until a stream may have begun for a caller that wants one, or its task is cancelled.
    func waitForStart(_ id: FlightMachine.CallerID) async {
        await self.waitForStream(id) { machine in
            if case .wait = machine.start(id) { true } else { false }
        }
    }

    /// Waits until there may be an event for a caller, or its task is cancelled.
    func waitForEvent(_ id: FlightMachine.CallerID) async {
        await self.waitForStream(id) { $0.mustWait(id) }
    }

    private func waitForStream(
        _ id: FlightMachine.CallerID, while mustWait: @Sendable (FlightMachine) -> Bool
    ) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLock { state in
                    guard mustWait(state.machine), !Task.isCancelled else { return true }
                    state.streaming[id] = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.streaming.removeValue(forKey: id) }?.resume()
        }
    }

    // MARK: The upstream call

    /// An upstream call begins, at a generation.
    func calls(at stamp: GenerationStamp) {
        let now = self.time.now()
        self.state.withLock { $0.call = (stamp, now) }
    }

    /// Whether callers that come now may be given its answer. A purge here closes it; one that another process has made
    /// shows in the record alone.
    func mayAnswer(by generations: GenerationTracker) -> Bool {
        let (call, labels) = self.state.withLock { ($0.call, $0.labels) }
        return call.map { generations.mayAnswer(self.key, stamp: $0.stamp, labels: labels, began: $0.began) } ?? true
    }

    /// How a caller would make the call.
    func upstream(of id: FlightMachine.CallerID) -> Upstream? { self.state.withLock { $0.upstreams[id] } }

    /// How the present upstream call is asked for.
    var isStreamingCall: Bool { self.state.withLock { $0.machine.isStreamingCall } }

    /// Whether a stream has begun.
    var hasBegun: Bool { self.state.withLock { $0.machine.head != nil } }

    /// On whose account the answer is to be stored, or why on nobody's.
    var filling: Result<Fill, Refusal> {
        self.state.withLock { state in
            switch state.machine.closing {
            case nil: state.fill.map { .success($0) } ?? .failure(Refusal(reason: .policy))
            case .purged: .failure(Refusal(reason: .purged))
            case .replaced: .failure(Refusal(reason: .replaced))
            case .overBudget: .failure(Refusal(reason: .overBudget))
            case .shutDown: .failure(Refusal(reason: .closed))
            case .cancelled: .failure(Refusal(reason: .failed))
            }
        }
    }

    /// Whether the answer may be stored, as far as is known.
    var mayStore: Bool { if case .success = self.filling { true } else { false } }

    /// Stores nothing on the account of the caller that began it.
    func storesNothing() { self.state.withLock { $0.fill = nil } }

    /// Another process makes the call, or makes it no longer. True where that is news.
    @discardableResult
    func waits(elsewhere: Bool) -> Bool {
        let (waiting, isNews) = self.state.withLock { state in
            let before = state.machine.waitsElsewhere
            let wake = state.machine.waits(elsewhere: elsewhere)
            return (Self.take(wake, from: &state), state.machine.waitsElsewhere != before)
        }
        waiting.resume()
        return isNews
    }

    /// A stream has begun.
    func began(_ head: FlightHead) { self.wake { $0.began(head) } }

    /// An event of the stream has arrived.
    func append(_ event: [UInt8]) {
        let isCharged = self.lease.grow(by: event.count)
        if !isCharged { self.close(.overBudget) }
        let (waiting, released, refund) = self.state.withLock { state in
            if !isCharged { state.unchargedBytes += event.count }
            let (wake, released) = state.machine.append(event)
            let bytes = released.reduce(0) { $0 + $1.count }
            let uncharged = min(bytes, state.unchargedBytes)
            state.unchargedBytes -= uncharged
            return (Self.take(wake, from: &state), released, bytes - uncharged)
        }
        waiting.resume()
        self.lease.shrink(by: refund)
        withExtendedLifetime(released) {}
    }

    /// The answer is complete.
    func completed(_ ending: FlightEnding) { self.wake { $0.completed(ending) } }

    /// The upstream call failed. Returns how to make it again, where another caller is promoted.
    func failed(_ failure: FlightFailure) -> Upstream? {
        let (waiting, next) = self.state.withLock { state in
            var next: Upstream?
            switch state.machine.failed(failure) {
            case .none: return (Waiting(), next)
            case .ended: break
            case .promoted(let id): next = state.upstreams[id]
            }
            return (Self.take(.everyone, from: &state), next)
        }
        waiting.resume()
        return next
    }

    private struct Waiting: Sendable {
        var streaming: [FlightMachine.CallerID: CheckedContinuation<Void, Never>] = [:]
        var whole: [FlightMachine.CallerID: CheckedContinuation<Void, Never>] = [:]

        func resume() {
            for continuation in self.streaming.values { continuation.resume() }
            for continuation in self.whole.values { continuation.resume() }
        }
    }

    private func wake(_ event: @Sendable (inout FlightMachine) -> FlightMachine.Wake) {
        let waiting = self.state.withLock { state in
            let wake = event(&state.machine)
            return Self.take(wake, from: &state)
        }
        waiting.resume()
    }

    private static func take(_ wake: FlightMachine.Wake, from state: inout State) -> Waiting {
        var waiting = Waiting()
        if wake != .nobody { swap(&waiting.streaming, &state.streaming) }
        if wake == .everyone { swap(&waiting.whole, &state.whole) }
        return waiting
    }

    // MARK: Its task

    /// Takes no new caller and stores nothing from now on; stops where nobody waits.
    func close(_ reason: FlightMachine.Closing) {
        let task = self.state.withLock { state in state.machine.close(reason) ? state.task : nil }
        task?.cancel()
    }

    /// Whether a purge of `purge` names it.
    func isNamed(by purge: Purge) -> Bool {
        switch purge {
        case .all: true
        case .key(let key): self.key == key
        case .before(let moment): self.started < moment
        // Which model will answer is not known yet, so a purge of any model names it.
        case .label(let label): label.isModel || self.state.withLock { $0.labels.contains(label) }
        }
    }

    /// Is told the task that flies it, so that it can be stopped.
    func flies(in task: Task<Void, Never>) {
        let isCancelled = self.state.withLock { state in
            guard !state.hasLanded else { return false }
            state.task = task
            return state.machine.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// Its task is at its end: lets go of it and of its callers' functions.
    func landed() {
        let (released, waiting) = self.state.withLock { state in
            let released = (state.task.take(), state.upstreams)
            let waiting = state.landings
            state.upstreams = [:]
            state.landings = []
            state.hasLanded = true
            return (released, waiting)
        }
        for continuation in waiting { continuation.resume() }
        withExtendedLifetime(released) {}
    }

    /// Waits until its task is at its end.
    func waitUntilLanded() async {
        await withCheckedContinuation { continuation in
            let hasLanded = self.state.withLock { state in
                if !state.hasLanded { state.landings.append(continuation) }
                return state.hasLanded
            }
            if hasLanded { continuation.resume() }
        }
    }

    /// Returns when the flight has been without callers for `limit` and is to be stopped, or the task is cancelled.
    ///
    /// A flight that began without a caller counts as abandoned from its beginning.
    func watchAbandonment(limit: Duration) async {
        while !Task.isCancelled {
            guard let abandoned = self.state.withLock({ $0.abandoned }) else {
                await self.waitForAbandonment()
                continue
            }
            let elapsed = Duration.nanoseconds(Int64(clamping: self.time.monotonicNanoseconds() &- abandoned.since))
            do {
                try await self.time.sleep(max(.zero, limit - elapsed))
            } catch {
                return
            }
            let isOver = self.state.withLock { state in
                if state.abandoned?.number == abandoned.number { state.abandoned = nil }
                return state.machine.abandonmentEnded(abandoned.number)
            }
            if isOver { return }
        }
    }

    /// Counts it as abandoned from now on, where nobody has joined yet.
    func beginsAlone() {
        let now = self.time.monotonicNanoseconds()
        self.state.withLock { state in
            if state.machine.callerCount == 0 { state.abandoned = (0, now) }
        }
    }

    private func waitForAbandonment() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLock { state in
                    guard state.abandoned == nil, !Task.isCancelled else { return true }
                    state.watch = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.watch.take() }?.resume()
        }
    }
}
