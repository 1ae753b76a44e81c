/// Keeps a failing tier from being asked, as a value.
///
/// Closed, it lets every call through and counts failures in a row. At the threshold it opens for a while, and refuses.
/// Then it lets one call through, the probe: its success closes the breaker, its failure opens it again. Calls that
/// were let through before it opened are heard too.
struct CircuitBreaker {
    /// What it does with calls.
    enum State: Hashable {
        /// Lets them through; so many have failed in a row.
        case closed(failures: Int)
        /// Refuses them until a moment of the monotonic clock, in nanoseconds.
        case open(until: UInt64)
        /// Refuses them while one is under way to find out; it is given up at that moment.
        case probing(until: UInt64)
    }

    /// How many failures in a row open it.
    let threshold: Int
    /// How long it stays open, in nanoseconds.
    let openNanoseconds: UInt64
    /// What it does now.
    private(set) var state = State.closed(failures: 0)
    /// How often it has opened.
    private(set) var openings = 0

    init(threshold: Int, openFor: Duration) {
        self.threshold = max(1, threshold)
        self.openNanoseconds = UInt64(max(0, min(openFor.wholeMilliseconds, 86_400_000))) * 1_000_000
    }

    /// Whether it refuses a call that is wanted now. Where it has been open long enough it does not: the next call finds
    /// out, whenever it comes.
    func refuses(at now: UInt64) -> Bool {
        switch self.state {
        case .closed: false
        case .open(let until), .probing(let until): now < until
        }
    }

    /// A call is wanted. False where it must not be made.
    mutating func admits(at now: UInt64) -> Bool {
        switch self.state {
        case .closed: return true
        case .open(let until), .probing(let until):
            guard now >= until else { return false }
            // A probe that never reports must not close the way for ever.
            self.state = .probing(until: now &+ self.openNanoseconds)
            return true
        }
    }

    /// A change that is worth telling.
    enum Change: Hashable {
        /// The tier is left alone from now on.
        case opened
        /// The tier is asked again.
        case closed
    }

    /// A call succeeded.
    @discardableResult
    mutating func succeeded() -> Change? {
        switch self.state {
        case .closed:
            self.state = .closed(failures: 0)
            return nil
        case .probing:
            self.state = .closed(failures: 0)
            return .closed
        case .open: return nil  // It was let through before the failures: they are the newer news.
        }
    }

    /// A call failed, or took too long. A probe that fails is no change: the tier was left alone before.
    @discardableResult
    mutating func failed(at now: UInt64) -> Change? {
        switch self.state {
        case .closed(let failures) where failures + 1 < self.threshold:
            self.state = .closed(failures: failures + 1)
            return nil
        case .closed:
            self.open(at: now)
            return .opened
        case .probing:
            self.open(at: now)
            return nil
        case .open: return nil
        }
    }

    private mutating func open(at now: UInt64) {
        self.state = .open(until: now &+ self.openNanoseconds)
        self.openings += 1
    }
}
