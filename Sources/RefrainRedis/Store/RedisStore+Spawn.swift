import Logging
import RefrainCore
import RefrainKeys

extension RedisStore {
    /// Starts the store's own tasks: one keeps the copy of the generation record, the other listens to the server.
    ///
    /// Unstructured on purpose: they belong to the store, not to whichever caller came first, and must go on between
    /// calls. They hold no reference to the store, which cancels them in `shutdown()` and when it is freed.
    static func watch(
        _ keeper: RecordKeeper, _ wakeups: Wakeups, client: RedisClient, time: TimeSource, logger: Logger
    ) -> [Task<Void, Never>] {
        let listener = Listener(client: client, keeper: keeper, wakeups: wakeups, time: time, logger: logger)
        return [Task { await keeper.run() }, Task { await listener.run() }]
    }

    /// Ends a lease that nobody holds any more, so that others do not wait until it ends by itself: tries again and
    /// again while it may last.
    ///
    /// Unstructured on purpose: whoever had it was cancelled, or has waited long enough. It lasts for ``leaseDuration``
    /// and a command at most, and ends when the client is shut down.
    func giveBack(_ lease: UpstreamLease, _ verdict: LeaseVerdict) {
        Task {
            var delay = Self.givingBack.lowerBound
            let end = self.time.monotonicNanoseconds() &+ UInt64(self.leaseDuration.wholeMilliseconds) * 1_000_000
            while self.time.monotonicNanoseconds() < end {
                do throws(StoreError) {
                    return try await self.tryToEnd(lease, verdict)
                } catch {
                    guard error.code != .closed else { return }
                }
                do {
                    try await self.time.sleep(delay)
                } catch {
                    return
                }
                delay = min(delay * 2, Self.givingBack.upperBound)
            }
        }
    }

    /// Takes away what stands under a key, if it is damaged and not just somebody else's reply that was read.
    func takeAwayIfDamaged(_ key: RequestKey) {
        self.examine(self.names.value(key)) { () throws(StoreError) in
            switch try await self.provedReading(key) {
            case .damaged(let sight): .useless(sight)
            case .doubtful: .notProved
            case .envelope, .nothing, .foreign: .inOrder
            }
        }
    }

    /// Takes away what stands in place of a key's lease, if it is none: until it is gone, nobody gets one.
    func takeAwayIfNoLease(_ key: RequestKey) {
        let name = self.names.lease(key)
        self.examine(name) { () throws(StoreError) in
            let look = RedisCommands.range(of: name, through: Sight.beginning - 1)
            guard let reply = try await self.client.sendInStep(look, lane: .small) else { return .notProved }
            return Self.isNoLease(reply) ? .useless(Sight(name, reply)) : .inOrder
        }
    }

    private enum Finding: Sendable {
        case useless(Sight)
        case inOrder
        case notProved
    }

    /// Deletes a key of Redis if it is found to be of no use.
    ///
    /// Unstructured on purpose: whoever came upon it has no time for that, and goes on without. One task for each name and
    /// ``mostExamined`` at once; each lasts for two commands at most. Where nothing is proved, or the server does not let us
    /// delete, the name is left alone for ``examinedAgain``: looking may take reading all of it.
    private func examine(_ name: String, _ find: @escaping @Sendable () async throws(StoreError) -> Finding) {
        let now = self.time.monotonicNanoseconds()
        let begins = self.examined.withLock { examined in
            examined = examined.filter { $0.value > now }
            guard examined[name] == nil, examined.count < Self.mostExamined else { return false }
            examined[name] = .max
            return true
        }
        guard begins else { return }
        Task {
            var isLeftAlone = false
            do throws(StoreError) {
                try await self.mindingSteps { () throws(StoreError) in
                    switch try await find() {
                    case .useless(let sight): _ = try await self.takeAway([sight])
                    case .inOrder: break
                    case .notProved: isLeftAlone = true
                    }
                }
            } catch {
                isLeftAlone = error.code == .refused
                self.configuration.logger.debug(
                    "What seems damaged could not be taken away.", metadata: ["error": "\(error)"])
            }
            let again = self.time.monotonicNanoseconds() &+ Self.examinedAgain.wholeNanoseconds
            self.examined.withLock { $0[name] = isLeftAlone ? again : nil }
        }
    }

    /// How many names are looked at at once, or left alone: each may have to be read whole.
    private static let mostExamined = 4
    /// How long a name is left alone that could not be taken away.
    private static let examinedAgain = Duration.seconds(10)
    /// The shortest and the longest time between two tries to end a lease.
    private static let givingBack: ClosedRange<Duration> = .milliseconds(50) ... .seconds(1)
}
