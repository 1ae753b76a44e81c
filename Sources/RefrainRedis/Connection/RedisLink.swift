import Logging
import NIOCore
import RefrainCore
import RefrainKeys

/// Keeps one connection to a server: connects, connects again when it is lost, and lets callers wait for it.
final class RedisLink: Sendable {
    /// What a caller that waits for a connection is told.
    enum Outcome: Sendable {
        /// Here it is.
        case connected(RedisConnection)
        /// This attempt failed. Another link may be tried.
        case failed(StoreError)
        /// It came too late, or the caller was cancelled.
        case givenUp(StoreError)
    }

    /// What the links of one client have in common.
    struct Settings: Sendable {
        /// Makes the connections.
        let connector: RedisConnector
        /// How long to wait before connecting again.
        let reconnectDelay: ClosedRange<Duration>
        /// The clock of the deadlines.
        let time: TimeSource
        /// A number from 0 up to 1, for the jitter.
        let randomness: @Sendable () -> Double
        /// What is counted.
        let counters: RedisCounters
        /// Where it is told.
        let logger: Logger
        /// The refusal that was warned of last: all links meet the same, and each meets it again and again.
        let refusal = Locked<String?>(nil)
    }

    private typealias Waiter = CheckedContinuation<Outcome, Never>

    private struct State {
        var machine: RedisLinkMachine<RedisConnection, Waiter>
        var attempt: RedisConnectAttempt?
        var timer: Scheduled<Void>?
    }

    private let eventLoop: any EventLoop
    private let settings: Settings
    private let state: Locked<State>

    init(on eventLoop: any EventLoop, settings: Settings) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.state = Locked(State(machine: RedisLinkMachine(reconnectDelay: settings.reconnectDelay)))
    }

    // MARK: Callers

    /// The connection, where there is one.
    var connection: RedisConnection? { self.state.withLock { $0.machine.connection } }
    /// Whether a connection is being made.
    var isConnecting: Bool { self.state.withLock { $0.machine.isConnecting } }
    /// Why there is no connection.
    var failure: StoreError { self.state.withLock { $0.machine.failure } }

    /// Begins to connect, unless that was done before.
    func start() {
        if self.state.withLock({ $0.machine.start() }) { self.connect() }
    }

    /// Waits for the connection that is being made.
    func wait(deadline: UInt64) async -> Outcome {
        let id = Locked<(id: Int?, isCancelled: Bool)>((nil, false))
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let action = self.state.withLock { $0.machine.want(waiter, deadline: deadline) }
                switch action {
                case .use(let connection):
                    waiter.resume(returning: .connected(connection))
                case .fail(let error):
                    waiter.resume(returning: .failed(error))
                case .wait(let waiterID, let timer):
                    if let timer { self.setTimer(timer) }
                    let isCancelled = id.withLock { state in
                        state.id = waiterID
                        return state.isCancelled
                    }
                    if isCancelled { self.cancel(waiterID) }
                }
            }
        } onCancel: {
            let waiterID = id.withLock { state in
                state.isCancelled = true
                return state.id
            }
            if let waiterID { self.cancel(waiterID) }
        }
    }

    private func cancel(_ id: Int) {
        let waiter = self.state.withLock { $0.machine.cancel(id) }
        waiter?.resume(returning: .givenUp(RedisConnection.cancelled))
    }

    private func setTimer(_ moment: UInt64) {
        let now = self.settings.time.monotonicNanoseconds()
        let delay = TimeAmount.nanoseconds(Int64(clamping: moment > now ? moment - now : 0))
        let timer = self.eventLoop.scheduleTask(in: delay) {
            let now = self.settings.time.monotonicNanoseconds()
            let (late, next) = self.state.withLock { $0.machine.check(now: now) }
            for waiter in late {
                waiter.resume(returning: .givenUp(StoreError(.timeout, "there was no connection in time")))
            }
            if let next { self.setTimer(next) }
        }
        let earlier = self.state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        earlier?.cancel()
    }

    // MARK: The connection

    private func connect() {
        let attempt = self.settings.connector.connect(on: self.eventLoop)
        let isWanted = self.state.withLock { state in
            if state.machine.isConnecting { state.attempt = attempt }
            return state.machine.isConnecting
        }
        if !isWanted { attempt.cancel() }
        attempt.result.whenComplete { result in
            switch result {
            case .success(let connection): self.connected(connection)
            case .failure(let error): self.failed(StoreError(connecting: error))
            }
        }
    }

    private func connected(_ connection: RedisConnection) {
        let action = self.state.withLock { state in
            state.attempt = nil
            return state.machine.connected(connection)
        }
        switch action {
        case .discard:
            connection.close(StoreError(.closed, "the client was shut down"))
        case .serve(let waiters, let isReconnect):
            self.settings.refusal.withLock { $0 = nil }
            if isReconnect { self.settings.counters.reconnects.add() }
            self.settings.logger.debug("Connected to Redis.")
            for waiter in waiters { waiter.resume(returning: .connected(connection)) }
            connection.whenEnded { self.lost(connection, $0) }
        }
    }

    private func failed(_ error: StoreError) {
        let fraction = self.settings.randomness()
        let backOff = self.state.withLock { state in
            state.attempt = nil
            return state.machine.failed(error, fraction: fraction)
        }
        guard let backOff else { return }
        if error.code == .refused, self.isNew(refusal: error) {
            self.settings.logger.warning("Redis refuses the connection.", metadata: ["error": "\(error)"])
        }
        self.backOff(backOff, after: error)
    }

    private func isNew(refusal: StoreError) -> Bool {
        self.settings.refusal.withLock { last in
            defer { last = refusal.message }
            return last != refusal.message
        }
    }

    /// A connection that was given to a caller is closed.
    func lost(_ connection: RedisConnection, _ error: StoreError) {
        let fraction = self.settings.randomness()
        let backOff = self.state.withLock { $0.machine.lost(connection, error, fraction: fraction) }
        if let backOff { self.backOff(backOff, after: error) }
    }

    private func backOff(_ backOff: RedisLinkMachine<RedisConnection, Waiter>.BackOff, after error: StoreError) {
        self.settings.logger.debug(
            "There is no connection to Redis; backing off.",
            metadata: ["error": "\(error)", "delay": "\(backOff.delay)"])
        for waiter in backOff.waiters { waiter.resume(returning: .failed(backOff.failure)) }
        let delay = TimeAmount.nanoseconds(Int64(clamping: backOff.delay.wholeNanoseconds))
        self.eventLoop.scheduleTask(in: delay) {
            if self.state.withLock({ $0.machine.backOffOver() }) { self.connect() }
        }
    }

    /// Closes the connection, gives up the one that is being made, and returns the sockets that are then closing.
    func shutDown() -> [any Channel] {
        let (connection, waiters, attempt) = self.state.withLock { state in
            let (connection, waiters) = state.machine.shutDown()
            return (connection, waiters, state.attempt.take())
        }
        let error = StoreError(.closed, "the client was shut down")
        for waiter in waiters { waiter.resume(returning: .givenUp(error)) }
        attempt?.cancel()
        connection?.close(error)
        return (attempt?.channels ?? []) + (connection.map { [$0.channel] } ?? [])
    }
}
