/// One upstream call and the callers that share its answer, as a value.
///
/// It knows who waits, what has arrived, who has read how far, and how it ended. It does no I/O and reads no clock: its
/// owner tells it what happened, one method per event, and acts on what the method returns after unlocking.
///
/// ```
///             began                completed | failed
/// waiting ──────────────► relaying ──────────────────► ended
///   │  ▲                                                 ▲
///   │  └── failed, and another caller is promoted        │
///   └──────────────────────── completed | failed ────────┘
/// ```
struct FlightMachine {
    /// Names a caller within a flight.
    typealias CallerID = Int

    /// Why a flight takes no new caller, and stores nothing.
    enum Closing: Hashable {
        /// A purge named it.
        case purged
        /// A refresh took its place.
        case replaced
        /// The in-flight budget cannot hold it.
        case overBudget
        /// The cache was shut down.
        case shutDown
        /// Its task was told to stop.
        case cancelled
    }

    /// How far the upstream call has come.
    private enum Phase {
        /// Nothing of an answer has arrived.
        case waiting
        /// A stream has begun, and its events arrive.
        case relaying
        /// Nothing more will arrive.
        case ended(FlightEnding)
    }

    private struct Caller {
        let credential: String
        let isStreaming: Bool
        /// The number of the next event to read, counted from the stream's first.
        var position = 0
        /// The bytes of the events before `position`.
        var bytesRead = 0
        /// How many bytes it may be behind: the limit, and what was there before it came.
        var allowance: Int
        /// It fell behind by more than that.
        var isCut = false
    }

    /// How many bytes behind the stream a caller may fall.
    let lagLimit: Int
    /// How the present upstream call was asked for.
    private(set) var isStreamingCall: Bool
    /// Why no new caller is taken; nil while one is.
    private(set) var closing: Closing?
    /// The beginning of the stream, once there is one.
    private(set) var head: FlightHead?
    /// Whether another process makes the call.
    private(set) var waitsElsewhere = false

    private var phase = Phase.waiting
    private var callers: [CallerID: Caller] = [:]
    /// Callers that this flight has failed while it goes on for others.
    private var verdicts: [CallerID: FlightFailure] = [:]
    private var nextID = 0
    private var leader: CallerID?
    private var leaderCredential: String
    private var hasPromotedAfterThrow = false
    private var abandonments = 0

    private var events: [[UInt8]] = []
    /// The number of the first event that is still held.
    private var base = 0
    private var totalBytes = 0

    /// Creates a flight without callers, whose upstream call has the given credential and form.
    init(credential: String, isStreaming: Bool, lagLimit: Int) {
        self.leaderCredential = credential
        self.isStreamingCall = isStreaming
        self.lagLimit = lagLimit
    }

    // MARK: What the owner asks

    /// How many callers wait for it.
    var callerCount: Int { self.callers.count }
    /// Whether its answer may be stored, as far as the flight knows.
    var mayStore: Bool { self.closing == nil }
    /// Whether its task is to be stopped.
    var isCancelled: Bool { self.closing == .cancelled }
    /// Whether nothing more will arrive.
    var isEnded: Bool { if case .ended = self.phase { true } else { false } }
    /// Whether nothing of an answer has arrived.
    var isWaiting: Bool { if case .waiting = self.phase { true } else { false } }

    // MARK: Callers

    /// A caller wants the answer. Nil where the flight takes no new one.
    mutating func join(credential: String, isStreaming: Bool, asLeader: Bool = false) -> CallerID? {
        guard self.closing == nil, !self.isEnded else { return nil }
        let id = self.nextID
        self.nextID += 1
        self.callers[id] = Caller(
            credential: credential, isStreaming: isStreaming, allowance: self.lagLimit + self.totalBytes)
        if asLeader { self.leader = id }
        return id
    }

    /// What is to be done when a caller has left.
    enum LeaveAction: Hashable {
        /// Nothing: others wait, or it is over.
        case none
        /// Stop the upstream call.
        case cancel
        /// The last one left: report ``abandonmentEnded(_:)`` with the number when the time for finishing is over.
        case abandoned(Int)
    }

    /// A caller no longer wants the answer. `finish` is whether, by its policy, the call is to go on without callers.
    mutating func leave(_ id: CallerID, finish: Bool) -> LeaveAction {
        self.verdicts[id] = nil
        guard self.callers.removeValue(forKey: id) != nil, self.callers.isEmpty, !self.isEnded else { return .none }
        guard finish, self.mayStore else {
            // Nobody can want any more what it brings.
            self.closing = .cancelled
            return .cancel
        }
        self.abandonments += 1
        return .abandoned(self.abandonments)
    }

    /// The time for finishing is over. True where the call is to be stopped: nobody has joined since.
    mutating func abandonmentEnded(_ abandonment: Int) -> Bool {
        guard self.abandonments == abandonment, self.callers.isEmpty, !self.isEnded else { return false }
        self.closing = .cancelled
        return true
    }

    /// Takes no new caller and stores nothing from now on. True where the upstream call is to be stopped, because
    /// nobody waits for it.
    mutating func close(_ reason: Closing) -> Bool {
        guard !self.isEnded else { return false }
        self.closing = self.callers.isEmpty ? .cancelled : self.closing ?? reason
        return self.callers.isEmpty
    }

    // MARK: The upstream call

    /// Whom to wake.
    enum Wake: Hashable {
        case nobody
        /// Those who wait for the next event of a stream.
        case streaming
        /// Everyone: the phase, or someone's fate, has changed.
        case everyone
    }

    /// Another process makes the call, whose answer comes all at once; or it makes it no longer.
    mutating func waits(elsewhere: Bool) -> Wake {
        guard self.waitsElsewhere != elsewhere, self.isWaiting else { return .nobody }
        self.waitsElsewhere = elsewhere
        return elsewhere ? .streaming : .nobody
    }

    /// A stream has begun. Ignored where one has, or the flight has ended.
    mutating func began(_ head: FlightHead) -> Wake {
        guard self.isWaiting else { return .nobody }
        self.phase = .relaying
        self.head = head
        return .everyone
    }

    /// An event of the stream has arrived. Ignored unless one has begun.
    ///
    /// Returns the events that nobody can ask for any more, to be freed after unlocking.
    mutating func append(_ event: [UInt8]) -> (wake: Wake, released: [[UInt8]]) {
        guard case .relaying = self.phase else { return (.nobody, []) }
        self.events.append(event)
        self.totalBytes += event.count
        if self.totalBytes > self.lagLimit { self.cutThoseBehind() }
        return (.streaming, self.closing == nil ? [] : self.releaseRead())
    }

    /// The answer is complete. Ignored where the flight has ended.
    mutating func completed(_ ending: FlightEnding) -> Wake {
        guard !self.isEnded else { return .nobody }
        self.phase = .ended(ending)
        return .everyone
    }

    /// What is to be done about a failed upstream call.
    enum FailAction: Hashable {
        /// Nothing: the flight had ended.
        case none
        /// It ended. Wake everyone.
        case ended
        /// Call again on behalf of this caller. Wake everyone: some have failed.
        case promoted(CallerID)
    }

    /// The upstream call failed.
    ///
    /// Before the answer has begun, a failure that concerns the credential reaches only callers with the same one, and
    /// another is promoted. A call that could not be made at all (its function threw) fails only its own caller, and
    /// one other is promoted, once. Every other failure, and every failure after the answer has begun, reaches all.
    mutating func failed(_ failure: FlightFailure) -> FailAction {
        guard !self.isEnded else { return .none }
        if self.isWaiting, let next = self.promote(after: failure) { return .promoted(next) }
        self.phase = .ended(.failed(failure))
        return .ended
    }

    private mutating func promote(after failure: FlightFailure) -> CallerID? {
        let condemned: Set<CallerID>
        if failure.concernsCredential {
            condemned = Set(self.callers.filter { $0.value.credential == self.leaderCredential }.keys)
        } else if failure.isThrown, !self.hasPromotedAfterThrow {
            condemned = Set(self.leader.map { [$0] } ?? [])
            self.hasPromotedAfterThrow = true
        } else {
            return nil
        }
        let candidates = self.callers.keys.filter { !condemned.contains($0) }
        guard let next = candidates.min(), let caller = self.callers[next] else { return nil }
        for id in condemned where self.callers.removeValue(forKey: id) != nil { self.verdicts[id] = failure }
        self.leader = next
        self.leaderCredential = caller.credential
        self.isStreamingCall = caller.isStreaming
        return next
    }

    // MARK: Reading

    /// What there is for a caller that wants a whole message.
    func outcome(_ id: CallerID) -> FlightOutcome {
        if let failure = self.verdicts[id] { return .ended(.failed(failure)) }
        if case .ended(let ending) = self.phase { return .ended(self.shown(ending, to: id)) }
        return .wait
    }

    /// An ending as a caller may see it.
    private func shown(_ ending: FlightEnding, to id: CallerID) -> FlightEnding {
        guard case .failed(let failure) = ending, self.callers[id]?.credential != self.leaderCredential else {
            return ending
        }
        return .failed(failure.forOthers)
    }

    /// What there is for a caller that wants a stream and has not been given its head.
    func start(_ id: CallerID) -> FlightStart {
        if let failure = self.verdicts[id] { return .ended(.failed(failure)) }
        if let head = self.head { return .head(head) }
        if case .ended(let ending) = self.phase { return .ended(self.shown(ending, to: id)) }
        return .wait(mayBeLong: self.mayWaitLong(id))
    }

    /// Whether a caller that wants a stream waits for another's call, of this process or another, which sends it nothing
    /// before it is answered.
    private func mayWaitLong(_ id: CallerID) -> Bool {
        self.isWaiting && (self.waitsElsewhere || id != self.leader)
    }

    /// Whether there is nothing for a caller that wants a stream but to wait.
    func mustWait(_ id: CallerID) -> Bool {
        guard self.verdicts[id] == nil, !self.isEnded, let caller = self.callers[id] else { return false }
        return !caller.isCut && caller.position - self.base >= self.events.count
    }

    /// The next event of the stream for a caller.
    mutating func next(_ id: CallerID) -> FlightNext {
        if let failure = self.verdicts[id] { return .ended(.failed(failure)) }
        guard var caller = self.callers[id] else { return .finished }
        if caller.isCut {
            self.callers[id] = nil
            return .tooSlow
        }
        if caller.position - self.base < self.events.count {
            let event = self.events[caller.position - self.base]
            caller.position += 1
            caller.bytesRead += event.count
            // Whoever has caught up once is held to the limit alone.
            if self.totalBytes - caller.bytesRead <= self.lagLimit { caller.allowance = self.lagLimit }
            self.callers[id] = caller
            return .event(event)
        }
        guard case .ended(let ending) = self.phase else { return .wait(mayBeLong: self.mayWaitLong(id)) }
        let shown = self.shown(ending, to: id)
        self.callers[id] = nil
        return self.head == nil ? .ended(shown) : .finished
    }

    // MARK: Memory

    private mutating func cutThoseBehind() {
        for (id, caller) in self.callers where caller.isStreaming && !caller.isCut {
            if self.totalBytes - caller.bytesRead > caller.allowance { self.callers[id]?.isCut = true }
        }
    }

    /// Lets go of what every caller has read, once no other can come. In halves, so that the cost stays linear.
    private mutating func releaseRead() -> [[UInt8]] {
        let slowest = self.callers.values.lazy.filter { $0.isStreaming && !$0.isCut }.map(\.position).min()
        let count = (slowest ?? self.base + self.events.count) - self.base
        guard count > 0, count * 2 >= self.events.count else { return [] }
        let released = Array(self.events[..<count])
        self.events.removeFirst(count)
        self.base += count
        return released
    }
}
