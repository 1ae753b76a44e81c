import RefrainKeys
import Testing

@testable import RefrainCore

@Suite struct InFlightBudgetTests {
    @Test func keepsAnEighthForCallsThatPass() {
        var budget = InFlightBudget(limit: 800)
        #expect(budget.reserve(700, for: .sharing) == true)
        #expect(budget.reserve(1, for: .sharing) == false)
        #expect(budget.reserve(100, for: .passing) == true)
        #expect(budget.reserve(1, for: .passing) == false)
        budget.release(500)
        #expect(budget.used == 300)
        #expect(budget.reserve(400, for: .sharing) == true)
    }

    @Test func hugeAndOddSizesDoNotOverflow() {
        var budget = InFlightBudget(limit: .max)
        #expect(budget.reserve(.max - .max / 8, for: .sharing) == true)
        #expect(budget.reserve(.max, for: .passing) == false)
        var none = InFlightBudget(limit: -5)
        #expect(none.reserve(0, for: .passing) == true)
        #expect(none.reserve(1, for: .passing) == false)
    }

    @Test func aLeaseGivesBackWhatItHolds() {
        let budget = Locked(InFlightBudget(limit: 1_000))
        var lease = BudgetLease(budget, bytes: 100, for: .sharing)
        #expect(lease?.grow(by: 300) == true)
        #expect(lease?.grow(by: 600) == false)
        lease?.shrink(by: 150)
        #expect(budget.withLock { $0.used } == 250)
        lease?.shrink(by: 10_000)
        #expect(budget.withLock { $0.used } == 0)
        lease = BudgetLease(budget, bytes: 10, for: .sharing)
        #expect(budget.withLock { $0.used } == 10)
        lease = nil
        #expect(budget.withLock { $0.used } == 0)
        #expect(BudgetLease(budget, bytes: 1_001, for: .passing) == nil)
        #expect(budget.withLock { $0.used } == 0)
    }
}
