public import RefrainCore

/// Makes failed calls again, by a ``RetryPolicy``.
///
/// ``send(_:)`` retries up to the response's head; what happens to the body after that is the caller's, because it may
/// have used a part. ``collect(_:upTo:)`` also retries a body that was cut short, since its caller sees a whole body
/// or nothing. No header is added to say which attempt this is.
///
/// The time limits of a request hold for each attempt, as in the official SDKs.
public struct RetryingTransport: HTTPTransport {
    private let base: any HTTPTransport
    private let policy: RetryPolicy
    private let time: TimeSource
    private let random: @Sendable () -> Double

    /// Wraps a transport.
    ///
    /// - Parameters:
    ///   - base: what makes each attempt. ``shutdown()`` shuts it down.
    ///   - policy: when and how soon.
    ///   - time: for the waits.
    ///   - random: uniform in 0..<1, for the jitter.
    public init(
        _ base: any HTTPTransport, policy: RetryPolicy = .init(), time: TimeSource = .system,
        random: @escaping @Sendable () -> Double = { .random(in: 0..<1) }
    ) {
        self.base = base
        self.policy = policy
        self.time = time
        self.random = random
    }

    /// Sends `request`, again where the policy says so, and returns when a response's head is there.
    ///
    /// A response that the policy gives up on is returned like any other; a transport error is thrown.
    public func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        var state = RetryState(policy: self.policy, isReplayable: request.body.isReplayable)
        while true {
            let response: HTTPResponse?
            let outcome: RetryState.Outcome
            do throws(TransportError) {
                let head = try await self.base.send(request)
                response = head
                outcome = .response(status: head.status, headers: head.headers)
            } catch {
                response = nil
                outcome = .failure(error)
            }
            switch state.attemptEnded(outcome, random: self.random(), now: self.time.now()) {
            case .finish:
                if let response { return response }
                if case .failure(let error) = outcome { throw error }
            case .retry(let delay):
                await response?.discard()
                try await self.wait(delay)
            }
        }
    }

    /// Sends `request`, again where the policy says so, and returns when a whole response is there.
    public func collect(
        _ request: HTTPRequest, upTo limit: Int
    ) async throws(TransportError) -> CollectedResponse {
        var state = RetryState(policy: self.policy, isReplayable: request.body.isReplayable)
        while true {
            let response: CollectedResponse?
            let outcome: RetryState.Outcome
            do throws(TransportError) {
                let whole = try await self.base.collect(request, upTo: limit)
                response = whole
                outcome = .response(status: whole.status, headers: whole.headers)
            } catch {
                response = nil
                outcome = .failure(error)
            }
            switch state.attemptEnded(outcome, random: self.random(), now: self.time.now()) {
            case .finish:
                if let response { return response }
                if case .failure(let error) = outcome { throw error }
            case .retry(let delay): try await self.wait(delay)
            }
        }
    }

    /// Shuts the wrapped transport down.
    public func shutdown() async { await self.base.shutdown() }

    private func wait(_ delay: Duration) async throws(TransportError) {
        do {
            try await self.time.sleep(delay)
        } catch {
            throw TransportError(.cancelled, during: .request, "the call was cancelled before its next attempt")
        }
    }
}
