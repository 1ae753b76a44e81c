import RefrainCore
import RefrainKeys

/// Whether a client is still there, for the task that answers it.
final class ConnectionWatch: Sendable {
    /// The task that answers, while it does.
    ///
    /// `@unchecked Sendable`: of an `UnsafeCurrentTask` only `cancel()` is called, which any thread may do while the task
    /// lives; ``whileOpen(isolation:_:)`` takes it away under the lock before its task goes on.
    private struct Answering: @unchecked Sendable {
        let task: UnsafeCurrentTask
    }

    private struct State {
        var isClosed = false
        var answering: Answering?
    }

    private let state = Locked(State())

    /// Runs `body`, and cancels the calling task if the connection closes meanwhile: nobody is left to answer.
    func whileOpen<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> Result {
        withUnsafeCurrentTask { task in
            guard let answering = task.map(Answering.init) else { return }
            let isClosed = self.state.withLock { state in
                state.answering = answering
                return state.isClosed
            }
            if isClosed { answering.task.cancel() }
        }
        defer { self.state.withLock { $0.answering = nil } }
        return try await body()
    }

    /// The connection is closed.
    func close() {
        self.state.withLock { state in
            state.isClosed = true
            // Under the lock: after it the task may be gone.
            state.answering?.task.cancel()
        }
    }
}
