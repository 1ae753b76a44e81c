/// What a flight does that wants a key's lease, as a value: it leads, waits for another, or gives up and calls by itself.
///
/// Waiters are woken, and look now and then besides, less and less often, for what a wake-up that got lost would cost.
struct LeaseWait {
    /// What to do next.
    enum Step: Hashable {
        /// Call upstream without a lease.
        case call
        /// Call upstream with this one.
        case lead(UpstreamLease)
        /// Wait for a verdict, so long at most, and ask again.
        case wait(Duration)
    }

    /// The shortest and the longest time between two looks.
    static let polls: ClosedRange<Duration> = .milliseconds(100) ... .seconds(1)

    /// When patience ends, on the monotonic clock in nanoseconds.
    private let end: UInt64
    private var poll = Self.polls.lowerBound

    /// A wait that begins at `now` and lasts for `patience` at most.
    init(from now: UInt64, patience: Duration) {
        self.end = now &+ UInt64(max(0, min(patience.wholeMilliseconds, 86_400_000))) * 1_000_000
    }

    /// The tier has said who makes the call; nil where it did not say.
    mutating func asked(_ holder: LeaseAnswer.Holder?, at now: UInt64) -> Step {
        switch holder {
        case nil, .everybody: return .call
        case .asker(let lease): return .lead(lease)
        case .other:
            guard now < self.end else { return .call }
            let limit = min(self.poll, .nanoseconds(Int64(clamping: self.end - now)))
            self.poll = min(self.poll * 2, Self.polls.upperBound)
            return .wait(limit)
        }
    }
}
