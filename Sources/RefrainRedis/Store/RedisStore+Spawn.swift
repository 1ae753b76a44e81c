import Logging
import RefrainCore

extension RedisStore {
    /// Starts the store's own tasks: one keeps the copy of the generation record, the other listens to the server.
    ///
    /// Unstructured on purpose: they belong to the store, not to whichever caller came first, and must go on between
    /// calls. They hold no reference to the store, which cancels them in `shutdown()` and when it is freed.
    static func watch(
        _ keeper: RecordKeeper, _ wakeups: Wakeups, client: RedisClient, time: TimeSource, logger: Logger
    ) -> [Task<Void, Never>] {
        let listener = Listener(client: client, keeper: keeper, wakeups: wakeups, time: time, logger: logger)
        return [Task { await keeper.run() }, Task { await listener.run() }]
    }

    /// Ends a lease that nobody holds any more, so that others do not wait until it ends by itself: tries again and
    /// again while it may last.
    ///
    /// Unstructured on purpose: whoever had it was cancelled, or has waited long enough. It lasts for ``leaseDuration``
    /// and a command at most, and ends when the client is shut down.
    func giveBack(_ lease: UpstreamLease, _ verdict: LeaseVerdict) {
        Task {
            var delay = Self.givingBack.lowerBound
            let end = self.time.monotonicNanoseconds() &+ UInt64(self.leaseDuration.wholeMilliseconds) * 1_000_000
            while self.time.monotonicNanoseconds() < end {
                do throws(StoreError) {
                    return try await self.tryToEnd(lease, verdict)
                } catch {
                    guard error.code != .closed else { return }
                }
                do {
                    try await self.time.sleep(delay)
                } catch {
                    return
                }
                delay = min(delay * 2, Self.givingBack.upperBound)
            }
        }
    }

    /// The shortest and the longest time between two tries to end a lease.
    private static let givingBack: ClosedRange<Duration> = .milliseconds(50) ... .seconds(1)
}
