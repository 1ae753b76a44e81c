import RefrainCore
import RefrainKeys

/// One replay of a trace through a cache of its own.
///
/// An actor, so that joining is exact: a request's task runs here until it waits for an answer, and by then it has its
/// seat in the flight of its key. The clock moves on only when every request that has come is seated.
actor Replay {
    private let keyed: KeyedTrace
    private let policy: CachePolicy
    private let clock: VirtualClock
    private let cache: ResponseCache
    private var outcomes: [ReplayOutcome] = []
    private var pending = CallQueue()
    /// The calls that can be joined, by the number of their key.
    private var flying: [Int: SharedCall] = [:]
    /// What was last stored, by the number of the key.
    private var stored: [Stored?]
    private var rejections = 0

    private struct Stored {
        var created: Timestamp
        /// The request whose answer it is.
        var source: Int
        /// Whether the store refused it for its size.
        var isRejected = false
    }

    init(_ keyed: KeyedTrace, lifetime: Duration?, bytes: Int?) {
        self.keyed = keyed
        // A thousand years: longer than any trace, and no overflow.
        self.policy = CachePolicy(ttl: lifetime ?? .days(365_000))
        self.clock = VirtualClock(now: keyed.trace.requests.first?.time ?? Timestamp(milliseconds: 0))
        self.stored = Array(repeating: nil, count: (keyed.numbers.max() ?? -1) + 1)
        self.cache = ResponseCache(
            memory: MemoryStore(.init(bytes: bytes ?? 1 << 44), time: self.clock.time),
            limits: .init(inFlightBytes: 1 << 44, followerLagBytes: 1 << 44), time: self.clock.time)
    }

    /// What the cache has counted.
    var statistics: CacheStatistics { self.cache.statistics }

    /// Replays the trace from its beginning; to be called once. The outcomes stand in the order of the requests.
    func run() async throws -> [ReplayOutcome] {
        self.outcomes = Array(repeating: ReplayOutcome(kind: .unkeyed), count: self.keyed.trace.requests.count)
        for (index, request) in self.keyed.trace.requests.enumerated() {
            while let call = self.pending.popFirst(endingBy: request.time) { try await self.end(call) }
            self.clock.set(request.time)
            if let key = self.keyed.keys[index] { try await self.come(index, key, request) }
            if index.isMultiple(of: 256) { try Task.checkCancellation() }
        }
        while let call = self.pending.popFirst(endingBy: .distantFuture) { try await self.end(call) }
        return self.outcomes
    }

    /// A request comes: it is answered from memory, joins a call, or begins one.
    private func come(_ index: Int, _ key: RequestKey, _ request: RequestTrace.Request) async throws {
        let number = self.keyed.numbers[index]
        let asked = CacheRequest(
            key: key, policy: self.policy, model: request.model, toolUseIDs: { request.toolUseIDs })
        if self.cache.lookup(key, policy: self.policy, toolUseIDs: asked.toolUseIDs) != nil {
            return self.saved(index, .hit, source: self.stored[number]?.source)
        }
        if let call = self.flying[number] {
            return await self.join(call, index, asked)
        }
        self.outcomes[index].kind = self.reasonForCalling(index, number, key)
        let ends = self.keyed.ends(index)
        let call = PendingCall(index: index, request: asked, ends: ends)
        if ends <= request.time {
            try await self.end(call)
        } else if let next = self.keyed.next[index], next < ends {
            let shared = SharedCall()
            self.flying[number] = shared
            await self.join(shared, index, asked)
            self.pending.insert(call)
        } else {
            // Its key does not come again before it ends, so that nobody can join: it is made when it ends.
            self.pending.insert(call)
        }
    }

    /// Why upstream has to be called.
    private func reasonForCalling(_ index: Int, _ number: Int, _ key: RequestKey) -> ReplayOutcome.Kind {
        guard self.keyed.isRepeat[index] else { return .first }
        guard let stored = self.stored[number] else { return .refused }
        if self.clock.now >= stored.created.advanced(by: self.policy.ttl) { return .expired }
        if stored.isRejected || self.cache.memory.lookup(key, now: self.clock.now) == nil { return .evicted }
        // It is there, and must not be given: a tool call of it stands in the request already.
        return .refused
    }

    private func saved(_ index: Int, _ kind: ReplayOutcome.Kind, source: Int?) {
        self.outcomes[index].kind = kind
        guard let given = source.flatMap({ self.keyed.fingerprints[$0] }),
            let recorded = self.keyed.fingerprints[index]
        else { return }
        self.outcomes[index].isRight = given == recorded
    }

    // MARK: Calls

    /// Asks the cache in a task of its own, and returns when that has its seat in the flight.
    private func join(_ call: SharedCall, _ index: Int, _ asked: CacheRequest) async {
        let upstream = self.upstream(call.callers.first?.index ?? index, after: call.gate)
        let seat = Seat()
        let task = Task {
            seat.isTaken = true
            return try await self.ask(asked, upstream)
        }
        call.callers.append((index, task))
        // What runs here next after the task's beginning runs when it waits: see above.
        while !seat.isTaken { await Task.yield() }
    }

    /// Whether the task of a request has begun. Reached on the actor alone.
    private final class Seat {
        var isTaken = false
    }

    /// The answer's status; nil where upstream answered with an error, or with nothing whole.
    private func ask(_ asked: CacheRequest, _ upstream: @escaping Upstream) async throws -> CacheStatus? {
        do {
            return try await self.cache.respond(to: asked, upstream: upstream).cache
        } catch is UpstreamResponseError {
            return nil
        } catch let error as CacheError where error.code == .incomplete {
            return nil
        }
    }

    /// A call ends: it is answered, and those that joined it are.
    private func end(_ call: PendingCall) async throws {
        let number = self.keyed.numbers[call.index]
        self.clock.set(max(self.clock.now, call.ends))
        if let shared = self.flying.removeValue(forKey: number) {
            shared.gate.open()
            for (index, task) in shared.callers {
                let status = try await task.value
                guard index != call.index else { continue }
                switch status {
                case .joined?: self.saved(index, .joined, source: call.index)
                case .hit?: self.saved(index, .hit, source: call.index)
                default: self.outcomes[index].kind = .refused
                }
            }
        } else {
            _ = try await self.ask(call.request, self.upstream(call.index, after: nil))
        }
        if self.cache.memory.lookup(call.request.key, now: self.clock.now) != nil {
            self.stored[number] = Stored(created: self.clock.now, source: call.index)
        } else {
            let rejections = self.cache.memory.statistics().rejections
            let isRejected = rejections > self.rejections
            self.rejections = rejections
            self.stored[number] =
                isRejected ? Stored(created: self.clock.now, source: call.index, isRejected: true) : nil
        }
    }

    /// The upstream that answers what was recorded of a request, once the gate is open.
    private func upstream(_ index: Int, after gate: ReplayGate?) -> Upstream {
        let request = self.keyed.trace.requests[index]
        return { _ in
            await gate?.wait()
            return request.response
        }
    }
}

/// A call under way that other requests join.
private final class SharedCall {
    let gate = ReplayGate()
    var callers: [(index: Int, task: Task<CacheStatus?, any Error>)] = []
}
