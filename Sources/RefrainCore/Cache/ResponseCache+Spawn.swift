extension ResponseCache {
    /// Starts a flight's own task.
    ///
    /// Unstructured on purpose: an upstream call belongs to all callers that share it, and the tokens are being paid
    /// for. It must outlive the caller that happened to come first, whose leaving or cancellation would end a child
    /// task. The flight owns the task: it is stopped when the last caller has left and its policy says so, when nobody
    /// has come back for ``Limits/abandonment``, and at ``shutdown()``, which also waits for it.
    func launch(_ flight: Flight, isObserved: Bool = false, upstream: @escaping Upstream) {
        flight.flies(in: Task { await self.fly(flight, isObserved: isObserved, upstream: upstream) })
    }
}
