import RefrainCore

/// One lasting link to a server, made of one connection after the other, as a value.
///
/// ```
///                                       connected
/// idle ──────────────────► connecting ────────────► ready
///   start | want             ▲     │ failed           │ lost
///                            │     ▼                  │
///                            └── backingOff ◄─────────┘        shutDown, from anywhere ──► closed
///                     backOffOver
/// ```
///
/// A caller waits only while a connection is being made. It does no I/O and reads no clock: its owner, ``RedisLink``, tells
/// it what happened and acts on what it returns after unlocking.
struct RedisLinkMachine<Connection: AnyObject, Waiter> {
    /// Names a waiting caller.
    typealias WaiterID = Int

    private enum Phase {
        case idle
        case connecting
        case ready(Connection)
        case backingOff
        case closed
    }

    /// How long to wait before connecting again. See ``RedisConfiguration/reconnectDelay``.
    let reconnectDelay: ClosedRange<Duration>
    /// How often in a row a connection could not be made or was lost before it was ready.
    private(set) var failures = 0

    private var phase = Phase.idle
    private var wasReady = false
    /// Why there is no connection.
    private var reason: StoreError?
    /// That the server refuses the credentials: the reason to give until a connection succeeds.
    private var refusal: StoreError?
    private var waiters: [(id: WaiterID, waiter: Waiter, deadline: UInt64)] = []
    private var nextID = 0
    /// When the owner's timer fires.
    private var timer = UInt64.max

    init(reconnectDelay: ClosedRange<Duration>) { self.reconnectDelay = reconnectDelay }

    // MARK: What the owner asks

    /// The connection, where there is one.
    var connection: Connection? { if case .ready(let connection) = self.phase { connection } else { nil } }
    /// Whether a connection is being made.
    var isConnecting: Bool { if case .connecting = self.phase { true } else { false } }
    /// What a caller is told while there is no connection.
    var failure: StoreError {
        if case .closed = self.phase { return StoreError(.closed, "the client was shut down") }
        if let refusal = self.refusal { return refusal }
        return StoreError(.unavailable, self.reason?.message ?? "there is no connection")
    }

    // MARK: Callers

    /// A connection will be wanted. Whether one is to be made.
    mutating func start() -> Bool {
        guard case .idle = self.phase else { return false }
        self.phase = .connecting
        return true
    }

    /// What a caller that wants a connection is to do.
    enum WantAction {
        /// Use this one.
        case use(Connection)
        /// Wait. Where `timer` is given, call ``check(now:)`` then.
        case wait(WaiterID, timer: UInt64?)
        /// There will be none soon.
        case fail(StoreError)
    }

    /// A caller wants a connection, until a moment of the clock.
    mutating func want(_ waiter: Waiter, deadline: UInt64) -> WantAction {
        switch self.phase {
        case .ready(let connection): return .use(connection)
        case .idle, .backingOff, .closed: return .fail(self.failure)
        case .connecting:
            self.nextID += 1
            self.waiters.append((self.nextID, waiter, deadline))
            guard deadline < self.timer else { return .wait(self.nextID, timer: nil) }
            self.timer = deadline
            return .wait(self.nextID, timer: deadline)
        }
    }

    /// A caller waits no more. Returns it unless it has been told something.
    mutating func cancel(_ id: WaiterID) -> Waiter? {
        guard let index = self.waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return self.waiters.remove(at: index).waiter
    }

    /// The timer has fired. Returns those who have waited too long, and when it is to fire again.
    mutating func check(now: UInt64) -> (late: [Waiter], timer: UInt64?) {
        let late = self.waiters.filter { $0.deadline <= now }.map(\.waiter)
        self.waiters.removeAll { $0.deadline <= now }
        self.timer = self.waiters.map(\.deadline).min() ?? .max
        return (late, self.timer == .max ? nil : self.timer)
    }

    // MARK: The connection

    /// What is to be done with a new connection.
    enum ConnectedAction {
        /// Give it to those who wait.
        case serve([Waiter], isReconnect: Bool)
        /// Close it: the link is shut down.
        case discard
    }

    /// A connection is ready.
    mutating func connected(_ connection: Connection) -> ConnectedAction {
        guard self.isConnecting else { return .discard }
        defer {
            self.phase = .ready(connection)
            self.failures = 0
            self.reason = nil
            self.refusal = nil
            self.wasReady = true
        }
        return .serve(self.takeWaiters(), isReconnect: self.wasReady)
    }

    /// What is to be done when there is no connection any more.
    struct BackOff {
        /// Call ``backOffOver()`` after so long.
        let delay: Duration
        /// Tell them.
        let waiters: [Waiter]
        /// What they are told.
        let failure: StoreError
    }

    /// A connection could not be made. `fraction`, at least 0 and less than 1, decides how long is waited. Nil where
    /// nothing is to be done.
    mutating func failed(_ error: StoreError, fraction: Double) -> BackOff? {
        guard self.isConnecting else { return nil }
        if error.code == .refused { self.refusal = error }
        return self.backOff(error, fraction: fraction)
    }

    /// A connection is closed. Nil where nothing is to be done, because it is not the present one.
    mutating func lost(_ connection: Connection, _ error: StoreError, fraction: Double) -> BackOff? {
        guard self.connection === connection else { return nil }
        return self.backOff(error, fraction: fraction)
    }

    private mutating func backOff(_ error: StoreError, fraction: Double) -> BackOff {
        self.phase = .backingOff
        self.reason = error
        // The exponent is bounded so that the product is.
        let doublings = min(self.failures, 30)
        self.failures += 1
        let (shortest, longest) = (self.reconnectDelay.lowerBound, self.reconnectDelay.upperBound)
        let ceiling = min(longest, max(shortest, .milliseconds(1)) * (2 << doublings))
        return BackOff(
            delay: shortest + (ceiling - shortest) * min(max(fraction, 0), 1), waiters: self.takeWaiters(),
            failure: self.failure)
    }

    /// The time of backing off is over. Whether a connection is to be made.
    mutating func backOffOver() -> Bool {
        guard case .backingOff = self.phase else { return false }
        self.phase = .connecting
        return true
    }

    /// No connection is wanted any more. Returns what there is, to be closed, and those who wait, to be told ``failure``.
    mutating func shutDown() -> (connection: Connection?, waiters: [Waiter]) {
        defer { self.phase = .closed }
        return (self.connection, self.takeWaiters())
    }

    private mutating func takeWaiters() -> [Waiter] {
        defer { self.waiters = [] }
        return self.waiters.map(\.waiter)
    }
}
