import RefrainCore

/// When a failed call is made again, and after how long: the algorithm of the official SDKs.
public struct RetryPolicy: Hashable, Sendable {
    /// How often a call is repeated at most, after the first attempt.
    public var maximumRetries: Int
    /// The first back-off; each further one doubles it.
    public var initialDelay: Duration
    /// The longest back-off.
    public var maximumDelay: Duration
    /// A server that asks for a longer wait than this is not waited for: its answer is the result. Nil honours any.
    public var longestServerDelay: Duration?

    /// Creates a policy; the defaults are the official SDKs' (2 retries, 0.5 s doubling up to 8 s, any wait the server
    /// asks for).
    public init(
        maximumRetries: Int = 2, initialDelay: Duration = .milliseconds(500), maximumDelay: Duration = .seconds(8),
        longestServerDelay: Duration? = nil
    ) {
        self.maximumRetries = maximumRetries
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
        self.longestServerDelay = longestServerDelay
    }

    /// No retries, for a gateway whose clients retry themselves.
    public static let never = RetryPolicy(maximumRetries: 0)
}

/// The retries of one call, as a value: it is told how an attempt ended and says what to do.
struct RetryState: Sendable {
    /// How an attempt ended.
    enum Outcome: Sendable {
        /// With a response's head, or a whole response.
        case response(status: Int, headers: [HTTPHeader])
        /// Without one, or with an incomplete one that the caller has not seen.
        case failure(TransportError)
    }

    /// What to do next.
    enum Action: Hashable, Sendable {
        /// Hand the outcome to the caller.
        case finish
        /// Wait this long, then try again.
        case retry(after: Duration)
    }

    let policy: RetryPolicy
    let isReplayable: Bool
    /// Retries so far.
    private(set) var retries = 0

    init(policy: RetryPolicy, isReplayable: Bool) {
        self.policy = policy
        self.isReplayable = isReplayable
    }

    /// An attempt ended. `random` is uniform in 0..<1; `now` is for a `retry-after` that is a date.
    mutating func attemptEnded(_ outcome: Outcome, random: Double, now: Timestamp) -> Action {
        guard self.isReplayable, self.retries < self.policy.maximumRetries else { return .finish }
        let delay: Duration
        switch outcome {
        case .failure(let error):
            guard error.isTransient else { return .finish }
            delay = self.backOff(random)
        case .response(let status, let headers):
            guard Self.asksForRetry(status, headers) else { return .finish }
            if let asked = RetryAfter.delay(in: headers, now: now) {
                if let longest = self.policy.longestServerDelay, asked > longest { return .finish }
                delay = asked
            } else {
                delay = self.backOff(random)
            }
        }
        self.retries += 1
        return .retry(after: delay)
    }

    /// `min(initial·2^n, maximum)·(1 − 0.25·random)`.
    private func backOff(_ random: Double) -> Duration {
        // 2^32 times any initial delay of a nanosecond or more exceeds every maximum that makes sense.
        let doubled = self.policy.initialDelay * (1 << min(self.retries, 32))
        return min(doubled, self.policy.maximumDelay) * (1 - 0.25 * min(max(random, 0), 1))
    }

    private static func asksForRetry(_ status: Int, _ headers: [HTTPHeader]) -> Bool {
        // A success is never repeated, whatever its fields say: the answer is there and was paid for.
        guard !(200..<300).contains(status) else { return false }
        switch headers.first(where: { $0.name == "x-should-retry" })?.value {
        case "true": return true
        case "false": return false
        default: return [408, 409, 429].contains(status) || status >= 500
        }
    }
}

extension TransportError {
    /// Whether another attempt may fare better: connection errors and timeouts. Not what the caller did, nor a
    /// certificate that will not be trusted the next time either.
    var isTransient: Bool {
        let lasting: [Code] = [.invalidRequest, .certificate, .upload, .tooLarge, .cancelled, .closed, .unexpected]
        return !lasting.contains(self.code)
    }
}
