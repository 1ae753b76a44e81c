import Foundation
import RefrainKeys

/// Something that happens once and that tasks and threads wait for.
final class Signal: Sendable {
    private let state = Locked<(isSet: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))
    private let semaphore = DispatchSemaphore(value: 0)

    /// It has happened.
    func set() {
        let waiters = self.state.withLock { state in
            defer { state = (true, []) }
            return state.waiters
        }
        self.semaphore.signal()
        for waiter in waiters { waiter.resume() }
    }

    /// Waits, as a task, whether cancelled or not.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isSet = self.state.withLock { state in
                if !state.isSet { state.waiters.append(continuation) }
                return state.isSet
            }
            if isSet { continuation.resume() }
        }
    }

    /// Waits, as a thread of a scripted server.
    func block() {
        self.semaphore.wait()
        // For the next who asks.
        self.semaphore.signal()
    }
}
