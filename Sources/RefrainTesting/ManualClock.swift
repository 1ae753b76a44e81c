public import RefrainCore
import RefrainKeys

/// A clock that stands still until a test moves it.
///
/// Give ``time`` to what is tested. Both of its clocks move together, by ``advance(by:)`` alone, and whoever sleeps wakes
/// when the clock has passed the end of the sleep. Nothing waits for real time.
///
/// ```swift
/// let clock = ManualClock()
/// let cache = ResponseCache(memory: MemoryStore(time: clock.time), time: clock.time)
/// clock.advance(by: .hours(1))
/// ```
public final class ManualClock: Sendable {
    private struct Sleeper {
        let end: UInt64
        /// Resumed with whether the sleep came to its end.
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var elapsed: UInt64 = 0
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
            let satisfied = self.watchers.filter { $0.count <= self.sleepers.count }
            self.watchers.removeAll { $0.count <= self.sleepers.count }
            return satisfied.map(\.continuation)
        }
    }

    private let start: Timestamp
    private let state = Locked(State())

    /// Creates a clock that shows `now`.
    public init(now: Timestamp = Timestamp(milliseconds: 1_800_000_000_000)) { self.start = now }

    /// What the clock shows.
    public var now: Timestamp {
        self.start.advanced(by: .nanoseconds(Int64(clamping: self.state.withLock { $0.elapsed })))
    }

    /// The number of tasks that sleep on the clock.
    public var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    /// The clock as a source of time for what is tested.
    public var time: TimeSource {
        TimeSource(
            now: { self.now },
            monotonicNanoseconds: { self.state.withLock { $0.elapsed } },
            sleep: { try await self.sleep(for: $0) })
    }

    /// Moves the clock on, and wakes whoever's sleep is over, in the order of their ends.
    public func advance(by duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let step = UInt64(clamping: seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
        let woken = self.state.withLock { state in
            state.elapsed &+= step
            let due = state.sleepers.filter { $0.value.end <= state.elapsed }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.end < $1.end }.map(\.continuation)
        }
        for continuation in woken { continuation.resume(returning: true) }
    }

    /// Waits until at least `count` tasks sleep on the clock.
    public func waitForSleepers(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isSatisfied = self.state.withLock { state in
                if state.sleepers.count < count { state.watchers.append((count, continuation)) }
                return state.sleepers.count >= count
            }
            if isSatisfied { continuation.resume() }
        }
    }

    private func sleep(for duration: Duration) async throws {
        guard duration > .zero else { return try Task.checkCancellation() }
        let id = self.state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let (seconds, attoseconds) = duration.components
        let length = UInt64(clamping: seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isCancelled, watchers) = self.state.withLock { state in
                    // Read under the lock: a cancellation after this finds the sleeper.
                    guard !Task.isCancelled else { return (true, [CheckedContinuation<Void, Never>]()) }
                    state.sleepers[id] = Sleeper(end: state.elapsed &+ length, continuation: continuation)
                    return (false, state.takeWatchers())
                }
                if isCancelled { continuation.resume(returning: false) }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(returning: false)
        }
        guard isOver else { throw CancellationError() }
    }
}
