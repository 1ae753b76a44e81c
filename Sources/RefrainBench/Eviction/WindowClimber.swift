/// Moves a window's share towards more hits: each period in the direction that brought more in the last, by steps that
/// become smaller.
struct WindowClimber {
    private static let firstStep = 0.0625
    private static let stepDecay = 0.98
    /// The change of the hit ratio from which on the steps are as large as at first.
    private static let restartThreshold = 0.05

    private let period: Int
    private var requests = 0
    private var hits = 0
    private var lastRatio = 0.0
    private var step = Self.firstStep

    init(entries: Int) { self.period = 10 * max(1, entries) }

    /// Notes a request.
    ///
    /// - Returns: The change of the window's share, at the end of a period.
    mutating func note(isHit: Bool) -> Double? {
        self.requests += 1
        if isHit { self.hits += 1 }
        guard self.requests >= self.period else { return nil }
        let ratio = Double(self.hits) / Double(self.requests)
        let change = ratio - self.lastRatio
        let amount = change >= 0 ? self.step : -self.step
        if abs(change) >= Self.restartThreshold {
            self.step = amount < 0 ? -Self.firstStep : Self.firstStep
        } else {
            self.step = amount * Self.stepDecay
        }
        self.lastRatio = ratio
        self.requests = 0
        self.hits = 0
        return amount
    }
}
