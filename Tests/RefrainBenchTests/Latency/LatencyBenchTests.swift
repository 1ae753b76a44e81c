import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainBench

/// On a clock that only the operations move, so each figure is known beforehand.
@Suite struct LatencyBenchTests {
    private let clock = ManualClock()

    private func bench(_ duration: Duration = .microseconds(100)) -> LatencyBench {
        LatencyBench(duration: duration, shortestSample: .microseconds(10), time: self.clock.time)
    }

    private func takes(_ duration: Duration) -> LatencyCase.Operation {
        { [clock] count in clock.advance(by: duration * count) }
    }

    @Test func shortOperationsAreTimedTogether() async throws {
        let outcome = try await self.bench().run(
            LatencyCase(.keys, "short", bytes: 1_000, operation: self.takes(.nanoseconds(900))))
        #expect(outcome.samples.operationsPerSample == 16)
        #expect(outcome.samples.median == 900)
        // 14.4 us a sample until 100 us are over.
        #expect(outcome.samples.count == 7)
        #expect(outcome.throughput.map { $0.rounded() } == 1_111_111_111)
        #expect(outcome.reference == nil && outcome.ratio == nil && outcome.meetsAim == nil)
    }

    @Test func longOperationsAreTimedAlone() async throws {
        let outcome = try await self.bench().run(
            LatencyCase(.keys, "long", operation: self.takes(.microseconds(30))))
        #expect(outcome.samples.operationsPerSample == 1 && outcome.samples.count == 4)
        #expect(outcome.throughput == nil)
    }

    @Test func onceIsEnoughForWhatTakesLongerThanTheDuration() async throws {
        let outcome = try await self.bench().run(LatencyCase(.keys, "slow", operation: self.takes(.seconds(1))))
        #expect(outcome.samples.count == 1 && outcome.samples.median == 1e9)
    }

    /// What the machine does beside falls on an operation and its reference alike.
    @Test func aReferenceIsTimedInTurn() async throws {
        let order = Locked("")
        let outcome = try await self.bench().run(
            LatencyCase(
                .keys, "operation",
                reference: .init("reference") { [clock] count in
                    order.withLock { $0 += "r" }
                    clock.advance(by: .microseconds(10) * count)
                },
                operation: { [clock] count in
                    order.withLock { $0 += "o" }
                    clock.advance(by: .microseconds(15) * count)
                }))
        // Each twice to find out how long it takes, then in turn: 25 us a round, until 100 us are over.
        #expect(order.withLock { $0 } == "oorr" + "orororor")
        #expect(outcome.ratio == 1.5)
    }

    @Test(
        arguments: [
            (.median(900), true), (.median(899), false), (.throughput(1e9), true), (.throughput(1.2e9), false),
            (.ratio(1.6, plus: 0), false), (.ratio(1.6, plus: 100), true), (.ratio(1.8, plus: 0), true),
        ] as [(LatencyCase.Aim, Bool)])
    func anAimIsReachedOrMissed(aim: LatencyCase.Aim, isMet: Bool) async throws {
        let outcome = try await self.bench().run(
            LatencyCase(
                .keys, "operation", bytes: 1_000,
                reference: .init("reference", operation: self.takes(.nanoseconds(500))), aim: aim,
                operation: self.takes(.nanoseconds(900))))
        #expect(outcome.meetsAim == isMet)
    }

    @Test func anAimWithoutAReferenceIsNotReached() {
        #expect(!LatencyCase.Aim.ratio(100, plus: 100).isMet(median: 1, reference: nil, bytes: nil))
        #expect(!LatencyCase.Aim.throughput(1).isMet(median: 1, reference: nil, bytes: nil))
    }

    @Test func aWrongResultEndsTheMeasurement() async {
        await #expect(throws: BenchError.self) {
            _ = try await self.bench().run(
                LatencyCase(.keys, "wrong") { _ in throw LatencyCase.wrong("a miss") })
        }
    }

    @Test func quantilesAreOfTheNearestRank() {
        let samples = LatencySamples((1...10).reversed().map(Double.init), operationsPerSample: 1)
        #expect([0, 0.1, 0.11, 0.5, 0.9, 0.99, 1].map { samples.quantile($0) } == [1, 1, 2, 5, 9, 10, 10])
        #expect(LatencySamples([], operationsPerSample: 1).quantile(0.5) == nil)
    }
}
