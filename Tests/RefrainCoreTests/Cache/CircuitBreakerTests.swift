import Testing

@testable import RefrainCore

@Suite struct CircuitBreakerTests {
    static let second: UInt64 = 1_000_000_000

    static func open() -> CircuitBreaker {
        var breaker = CircuitBreaker(threshold: 3, openFor: .seconds(5))
        for _ in 0..<3 { breaker.failed(at: 0) }
        return breaker
    }

    @Test func opensAfterFailuresInARow() {
        var breaker = CircuitBreaker(threshold: 3, openFor: .seconds(5))
        breaker.failed(at: 0)
        breaker.failed(at: 0)
        breaker.succeeded()
        #expect(breaker.state == .closed(failures: 0))
        breaker.failed(at: 0)
        breaker.failed(at: 0)
        #expect(breaker.admits(at: 0) == true)
        breaker.failed(at: 7)
        #expect(breaker.state == .open(until: 7 + 5 * Self.second))
        #expect(breaker.admits(at: 8) == false)
        #expect(breaker.openings == 1)
    }

    @Test func letsOneProbeThrough() {
        var breaker = Self.open()
        #expect(breaker.admits(at: 5 * Self.second - 1) == false)
        #expect(breaker.admits(at: 5 * Self.second) == true)
        #expect(breaker.admits(at: 5 * Self.second) == false, "one, not all")
        #expect(breaker.state == .probing(until: 10 * Self.second))
    }

    /// A tier that nobody has asked since it healed does not count as left alone for ever.
    @Test func isOpenOnlyForAsLongAsItRefuses() {
        var breaker = Self.open()
        #expect(breaker.refuses(at: 5 * Self.second - 1) && !breaker.refuses(at: 5 * Self.second))
        #expect(breaker.admits(at: 6 * Self.second) && breaker.refuses(at: 6 * Self.second), "a probe is under way")
        #expect(!breaker.refuses(at: 11 * Self.second), "and given up")
        breaker.succeeded()
        #expect(!breaker.refuses(at: 0))
    }

    @Test func aProbeDecides() {
        var healed = Self.open()
        _ = healed.admits(at: 5 * Self.second)
        healed.succeeded()
        #expect(healed.state == .closed(failures: 0))

        var ill = Self.open()
        _ = ill.admits(at: 5 * Self.second)
        ill.failed(at: 6 * Self.second)
        #expect(ill.state == .open(until: 11 * Self.second))
        #expect(ill.openings == 2)
    }

    @Test func aProbeThatNeverReportsDoesNotCloseTheWayForEver() {
        var breaker = Self.open()
        _ = breaker.admits(at: 5 * Self.second)
        #expect(breaker.admits(at: 10 * Self.second) == true)
    }

    @Test func lateNewsFromBeforeItOpenedChangesNothing() {
        var breaker = Self.open()
        breaker.succeeded()
        breaker.failed(at: 4 * Self.second)
        #expect(breaker.state == .open(until: 5 * Self.second))
        #expect(breaker.openings == 1)
    }

    @Test func aThresholdBelowOneIsOne() {
        var breaker = CircuitBreaker(threshold: 0, openFor: .zero)
        breaker.failed(at: 3)
        #expect(breaker.state == .open(until: 3))
    }
}
