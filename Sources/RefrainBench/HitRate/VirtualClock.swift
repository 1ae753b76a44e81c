import RefrainCore
import Synchronization

/// The clock of a replay: it shows what the replay sets, so that a week passes in a moment.
final class VirtualClock: Sendable {
    private let milliseconds: Atomic<Int64>

    /// Creates a clock that shows `now`.
    init(now: Timestamp) { self.milliseconds = Atomic(now.milliseconds) }

    /// What the clock shows.
    var now: Timestamp { Timestamp(milliseconds: self.milliseconds.load(ordering: .relaxed)) }

    /// Sets the clock. The replay sets it while nobody reads it.
    func set(_ now: Timestamp) { self.milliseconds.store(now.milliseconds, ordering: .relaxed) }

    /// The clock as a source of time. Whoever sleeps sleeps until it is cancelled: nothing in a replay is to happen by
    /// itself.
    var time: TimeSource {
        TimeSource(
            now: { self.now },
            monotonicNanoseconds: { UInt64(clamping: self.now.milliseconds) &* 1_000_000 },
            sleep: { _ in while true { try await Task.sleep(for: .seconds(86_400)) } })
    }
}
