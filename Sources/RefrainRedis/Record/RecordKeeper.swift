import RefrainCore
import RefrainKeys

/// Keeps this process's copy of the namespace's generation record in step with the one in Redis, and takes purges there.
///
/// One task does all of it, one exchange after the other, so that records are taken over in the order in which they were
/// read. It exchanges every second; at once when asked, or told that the record has changed; and every 100 ms while
/// nothing tells it.
final class RecordKeeper: Sendable {
    /// How often the record is looked at while changes are told, and while they are not.
    private static let intervals = (told: Duration.seconds(1), untold: Duration.milliseconds(100))
    /// How long the record counts as news.
    private static let healthy = Duration.seconds(2)
    /// How often an exchange is tried where others change the record at the same time.
    private static let attempts = 32

    private typealias Waiter = CheckedContinuation<StoreError?, Never>

    private struct State {
        var isKnown = false
        var isTold = false
        var isClosed = false
        var nextID = 0
        /// Those who wait for the end of an exchange that begins after they came.
        var waiting: [Int: Waiter] = [:]
        /// Since when the record has not been seen, on the monotonic clock.
        var seen: UInt64
        /// The record's `write` as it was when it was taken over.
        var write = RESPValue.bulk(nil)
    }

    private let client: RedisClient
    private let names: RedisNames
    private let generations: GenerationTracker
    private let grace: Duration
    private let time: TimeSource
    private let bell = Bell()
    private let state: Locked<State>

    init(
        client: RedisClient, names: RedisNames, generations: GenerationTracker, grace: Duration, time: TimeSource
    ) {
        self.client = client
        self.names = names
        self.generations = generations
        self.grace = grace
        self.time = time
        self.state = Locked(State(seen: time.monotonicNanoseconds()))
        // Before Redis was ever reached, memory is as good as during a partition.
        self.vouch(from: time.now())
    }

    /// The key of the record.
    var recordName: String { self.names.record }

    /// Whether somebody tells when the record changes.
    func isTold(_ isTold: Bool) {
        self.state.withLock { $0.isTold = isTold }
        self.bell.ring()
    }

    /// The record has changed.
    func hasChanged() { self.bell.ring() }

    // MARK: Waiting

    /// Returns when the record was read at least once.
    func waitUntilKnown() async throws(StoreError) {
        if self.state.withLock({ $0.isKnown }) { return }
        try await self.refresh()
    }

    /// Returns when an exchange has ended that began after the call: all purges that were pending are acknowledged then,
    /// and the record is Redis's.
    func refresh() async throws(StoreError) {
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let error = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: Waiter) in
                let refusal = self.state.withLock { state -> StoreError? in
                    if state.isClosed { return StoreError(.closed, "the store was shut down") }
                    // Read under the lock: a cancellation after this finds the waiter.
                    if Task.isCancelled { return StoreError(.closed, "the task was cancelled") }
                    state.waiting[id] = continuation
                    return nil
                }
                if let refusal { continuation.resume(returning: refusal) } else { self.bell.ring() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.removeValue(forKey: id) }?
                .resume(returning: StoreError(.closed, "the task was cancelled"))
        }
        if let error { throw error }
    }

    /// Fails whoever waits, from now on.
    func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for waiter in waiting.values { waiter.resume(returning: StoreError(.closed, "the store was shut down")) }
    }

    // MARK: The task

    /// Exchanges again and again, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let waiting = self.state.withLock { state in
                defer { state.waiting = [:] }
                return state.waiting
            }
            var failure: StoreError?
            do throws(StoreError) {
                try await self.exchange()
            } catch {
                failure = error
                self.suspendIfOverdue()
            }
            for waiter in waiting.values { waiter.resume(returning: failure) }
            let (isTold, isAwaited) = self.state.withLock { ($0.isTold, !$0.waiting.isEmpty) }
            // Whoever asks while Redis fails waits for the next round, rather than turn this into a busy loop.
            if isAwaited, failure == nil { continue }
            await self.bell.wait(atMost: isTold ? Self.intervals.told : Self.intervals.untold, time: self.time)
        }
    }

    private func exchange() async throws(StoreError) {
        let asked = self.time.now()
        let key = RESPArgument.text(self.names.record)
        let pending = self.generations.pending
        if pending.isEmpty {
            let known = self.generations.stamp()
            let heads = try await self.client.send(RESPCommand("HMGET", key, "epoch", "clock", "write")).elements()
            let (isKnown, write) = self.state.withLock { ($0.isKnown, $0.write) }
            if isKnown, heads == ["\(known.epoch)", "\(known.clock)"].map({ .bulk(Array($0.utf8)) }) + [write] {
                self.seen(at: asked)
                return
            }
            let fields = try await self.client.send(RESPCommand("HGETALL", key)).elements() ?? []
            if let record = GenerationRecord(hash: fields), self.generations.replace(with: record) == .adopted {
                self.seen(at: asked, GenerationRecord.write(of: fields))
                return
            }
        }
        let connection = try await self.client.dedicated()
        let result: Result<Void, StoreError>
        do throws(StoreError) {
            try await self.write(pending.map(\.purge), on: connection, asked: asked)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await connection.close()
        try result.get()
        for (purge, number) in pending { self.generations.settle(purge, number: number) }
    }

    /// Takes over the record, applies purges to it, and writes it back, unless another has changed it meanwhile: then
    /// again.
    private func write(
        _ purges: [Purge], on connection: RedisConnection, asked: Timestamp
    ) async throws(StoreError) {
        let key = self.names.record
        for _ in 0..<Self.attempts {
            _ = try await connection.send(RESPCommand("WATCH", .text(key))).checked()
            let reply = try await connection.send(RESPCommand("HGETALL", .text(key)))
            let fields = reply.isWrongType ? [] : try reply.elements() ?? []
            let shared = GenerationRecord(hash: fields)
            // Whether or not it may be written, it has been read.
            if self.generations.replace(with: shared) == .adopted {
                self.seen(at: asked, GenerationRecord.write(of: fields))
            }
            var next = self.generations.record
            for purge in purges { next.apply(purge, newEpoch: .random(in: .min ... .max)) }
            guard next != shared else { return }
            let write = "\(UInt64.random(in: .min ... .max))"
            let commands = next.commands(replacing: shared, at: key, write: write)
            let replies = try await connection.send([RESPCommand("MULTI")] + commands + [RESPCommand("EXEC")])
            guard let last = replies.last, try last.elements() != nil else { continue }
            for reply in try last.elements() ?? [] { _ = try reply.checked() }
            self.generations.replace(with: next)
            self.seen(at: asked, .bulk(Array(write.utf8)))
            return
        }
        throw StoreError(.unavailable, "the generation record changes all the time")
    }

    /// The record was asked for at `moment`, and is known. `write` is what it has as that, where it was taken over.
    private func seen(at moment: Timestamp, _ write: RESPValue? = nil) {
        let now = self.time.monotonicNanoseconds()
        self.state.withLock { state in
            state.isKnown = true
            state.seen = now
            if let write { state.write = write }
        }
        self.vouch(from: moment)
    }

    private func vouch(from moment: Timestamp) {
        let healthy = moment.advanced(by: Self.healthy)
        self.generations.vouch(healthyUntil: healthy, until: healthy.advanced(by: self.grace))
    }

    /// The same by a clock that nobody sets.
    private func suspendIfOverdue() {
        let now = self.time.monotonicNanoseconds()
        let seen = self.state.withLock { $0.seen }
        guard now > seen, now - seen > (Self.healthy + self.grace).wholeNanoseconds else { return }
        self.generations.suspend()
    }
}
