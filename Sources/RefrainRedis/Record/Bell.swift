import RefrainCore
import RefrainKeys

/// What one task waits at, for a time at most, until another rings.
///
/// A ring while nobody waits is kept: the next wait returns at once.
final class Bell: Sendable {
    private struct State {
        var hasRung = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    /// Lets the task that waits go on.
    func ring() {
        let waiting = self.state.withLock { state in
            state.hasRung = true
            return state.waiting.take()
        }
        waiting?.resume()
    }

    /// Waits until it rings, the time is over, or the task is cancelled. For one task at a time.
    func wait(atMost limit: Duration, time: TimeSource) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForRing() }
            group.addTask {
                do {
                    try await time.sleep(limit)
                } catch {
                    // Cancelled: it rang.
                }
            }
            await group.next()
            group.cancelAll()
        }
        self.state.withLock { $0.hasRung = false }
    }

    private func waitForRing() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    // Read under the lock: a cancellation after this finds the continuation.
                    guard !state.hasRung, !Task.isCancelled else { return true }
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.take() }?.resume()
        }
    }
}
