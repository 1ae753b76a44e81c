import RefrainKeys

/// The bytes that calls under way may hold: request bodies, flights' buffers, writes to a second tier.
///
/// The last eighth is kept for calls that are made alone: when flights have used up the rest, nothing joins or is
/// stored any more, and calls still pass. Only when that eighth is used up too is a call refused.
struct InFlightBudget {
    /// What bytes are reserved for.
    enum Purpose { case sharing, passing }

    /// The most bytes held.
    let limit: Int
    /// The bytes held now.
    private(set) var used = 0

    init(limit: Int) { self.limit = max(0, limit) }

    /// Reserves bytes, or does nothing and returns false.
    mutating func reserve(_ bytes: Int, for purpose: Purpose) -> Bool {
        let ceiling = purpose == .sharing ? self.limit - self.limit / 8 : self.limit
        guard bytes <= ceiling - self.used else { return false }
        self.used += bytes
        return true
    }

    /// Gives bytes back.
    mutating func release(_ bytes: Int) { self.used = max(0, self.used - bytes) }
}

/// A share of the in-flight budget, given back when the last reference to it goes.
package final class BudgetLease: Sendable {
    private let budget: Locked<InFlightBudget>
    private let held: Locked<Int>

    /// Takes a share; nil where the budget does not allow it.
    init?(_ budget: Locked<InFlightBudget>, bytes: Int, for purpose: InFlightBudget.Purpose) {
        guard budget.withLock({ $0.reserve(bytes, for: purpose) }) else { return nil }
        self.budget = budget
        self.held = Locked(bytes)
    }

    deinit {
        let bytes = self.held.withLock { $0 }
        self.budget.withLock { $0.release(bytes) }
    }

    /// Takes more; false where the budget does not allow it.
    package func grow(by bytes: Int) -> Bool {
        guard self.budget.withLock({ $0.reserve(bytes, for: .sharing) }) else { return false }
        self.held.withLock { $0 += bytes }
        return true
    }

    /// Gives a part back, as far as it is held.
    func shrink(by bytes: Int) {
        let given = self.held.withLock { held in
            let given = min(held, bytes)
            held -= given
            return given
        }
        self.budget.withLock { $0.release(given) }
    }
}
