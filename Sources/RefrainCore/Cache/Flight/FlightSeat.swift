/// A caller's place in a flight: given up when the last reference to it goes.
final class FlightSeat: Sendable {
    /// The flight.
    let flight: Flight
    /// The caller's name in it.
    let id: FlightMachine.CallerID
    private let finish: Bool
    /// The share of the in-flight budget that the caller's own request holds.
    private let lease: BudgetLease?

    init(flight: Flight, id: FlightMachine.CallerID, finish: Bool, lease: BudgetLease?) {
        self.flight = flight
        self.id = id
        self.finish = finish
        self.lease = lease
    }

    deinit { self.leave() }

    /// Gives the place up. Harmless where that was done before.
    func leave() { self.flight.leave(self.id, finish: self.finish) }

    /// Waits for the end of the flight. Throws `CancellationError`, and gives the place up, when the task is cancelled.
    func outcome() async throws -> FlightEnding {
        while true {
            if case .ended(let ending) = self.flight.outcome(self.id) {
                self.leave()
                return ending
            }
            guard !Task.isCancelled else {
                self.leave()
                throw CancellationError()
            }
            await self.flight.waitForOutcome(self.id)
        }
    }

    /// Waits until a stream may have begun, at most for `limit`. True where the time ran out first.
    func waitForStart(atMost limit: Duration?, time: TimeSource) async -> Bool {
        guard let limit else {
            await self.flight.waitForStart(self.id)
            return false
        }
        return await Self.race(limit, time) { await self.flight.waitForStart(self.id) }
    }

    /// Waits until there may be an event, at most for `limit`. True where the time ran out first.
    func waitForEvent(atMost limit: Duration?, time: TimeSource) async -> Bool {
        guard let limit else {
            await self.flight.waitForEvent(self.id)
            return false
        }
        return await Self.race(limit, time) { await self.flight.waitForEvent(self.id) }
    }

    private static func race(
        _ limit: Duration, _ time: TimeSource, _ wait: @escaping @Sendable () async -> Void
    ) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await wait()
                return false
            }
            group.addTask {
                do {
                    try await time.sleep(limit)
                    return true
                } catch {
                    return false
                }
            }
            let timedOut = await group.next() ?? false
            group.cancelAll()
            return timedOut
        }
    }
}
