extension GuardedTier {
    /// Starts `operation` and a timer, each of which resolves `first`. An answer that is not the first is `tooLate`.
    ///
    /// Unstructured on purpose: a tier that hangs and does not heed cancellation must not keep its caller, and the end
    /// of a task group waits for its children. Both tasks are cancelled by whoever waits for `first`, the timer ends
    /// then at once, and the operation as soon as its store lets it.
    static func race<Value: Sendable>(
        _ first: FirstAnswer<Answer<Value>>, against budget: Duration, time: TimeSource,
        tooLate: @escaping @Sendable (Answer<Value>) async -> Void,
        _ operation: @escaping @Sendable () async -> Answer<Value>
    ) -> [Task<Void, Never>] {
        [
            Task {
                let answer = await operation()
                if !first.resolve(answer) { await tooLate(answer) }
            },
            Task {
                do {
                    try await time.sleep(budget)
                    first.resolve(.late)
                } catch {
                    // Cancelled: the answer is there.
                }
            },
        ]
    }
}
