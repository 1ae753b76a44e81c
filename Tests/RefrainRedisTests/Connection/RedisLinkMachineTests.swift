import RefrainCore
import Testing

@testable import RefrainRedis

/// What the machine of a lasting link says, in each of its states, to each event. Waiters are letters.
@Suite("RedisLinkMachine")
struct RedisLinkMachineTests {
    final class Connection {}

    /// The machine as an object: expectations cannot contain calls that change a value.
    final class Machine {
        typealias Value = RedisLinkMachine<Connection, String>
        var value: Value
        init(_ value: Value) { self.value = value }

        var connection: Connection? { self.value.connection }
        var isConnecting: Bool { self.value.isConnecting }
        func start() -> Bool { self.value.start() }
        func backOffOver() -> Bool { self.value.backOffOver() }
        func want(_ waiter: String, deadline: UInt64) -> Value.WantAction {
            self.value.want(waiter, deadline: deadline)
        }
        func cancel(_ id: Int) -> String? { self.value.cancel(id) }
        func check(now: UInt64) -> (late: [String], timer: UInt64?) { self.value.check(now: now) }
        func connected(_ connection: Connection) -> Value.ConnectedAction { self.value.connected(connection) }
        func failed(_ error: StoreError, fraction: Double) -> Value.BackOff? {
            self.value.failed(error, fraction: fraction)
        }
        func lost(_ connection: Connection, _ error: StoreError, fraction: Double) -> Value.BackOff? {
            self.value.lost(connection, error, fraction: fraction)
        }
        @discardableResult
        func shutDown() -> (connection: Connection?, waiters: [String]) { self.value.shutDown() }
    }

    private static let down = StoreError(.unavailable, "connection refused")
    private static let wrongPassword = StoreError(.refused, "wrong password")

    private static func idle() -> Machine {
        Machine(RedisLinkMachine(reconnectDelay: .milliseconds(50) ... .seconds(5)))
    }

    private static func connecting() -> Machine {
        let machine = Self.idle()
        #expect(machine.start())
        return machine
    }

    private static func ready() -> (Machine, Connection) {
        let machine = Self.connecting()
        let connection = Connection()
        _ = machine.connected(connection)
        return (machine, connection)
    }

    private static func backingOff(_ error: StoreError = Self.down) -> Machine {
        let machine = Self.connecting()
        _ = machine.failed(error, fraction: 0)
        return machine
    }

    private static func closed() -> Machine {
        let machine = Self.idle()
        _ = machine.shutDown()
        return machine
    }

    private static func want(_ machine: Machine, _ waiter: String = "w", deadline: UInt64 = 100) -> String {
        switch machine.want(waiter, deadline: deadline) {
        case .use: "use"
        case .wait(let id, let timer): "wait \(id)\(timer.map { ", timer \($0)" } ?? "")"
        case .fail(let error): "\(error)"
        }
    }

    // MARK: Every state and event

    @Test("Idle: it connects when asked to, and gives nothing before")
    func whenIdle() {
        let machine = Self.idle()
        #expect(machine.connection == nil && !machine.isConnecting)
        #expect(Self.want(machine) == "unavailable: there is no connection")
        #expect(machine.cancel(1) == nil)
        #expect(machine.check(now: .max).late.isEmpty)
        #expect(machine.failed(Self.down, fraction: 0) == nil)
        #expect(machine.lost(Connection(), Self.down, fraction: 0) == nil)
        #expect(!machine.backOffOver())
        guard case .discard = machine.connected(Connection()) else { Issue.record("kept a connection"); return }
        #expect(machine.start())
        #expect(machine.isConnecting)
    }

    @Test("Connecting: callers wait, once it is ready they get it")
    func whenConnecting() {
        let machine = Self.connecting()
        #expect(!machine.start())
        #expect(!machine.backOffOver())
        #expect(machine.lost(Connection(), Self.down, fraction: 0) == nil)
        #expect(Self.want(machine, "a", deadline: 100) == "wait 1, timer 100")
        #expect(Self.want(machine, "b", deadline: 110) == "wait 2")
        #expect(Self.want(machine, "c", deadline: 90) == "wait 3, timer 90")
        #expect(machine.cancel(2) == "b")
        #expect(machine.cancel(2) == nil)
        let connection = Connection()
        guard case .serve(let waiters, let isReconnect) = machine.connected(connection) else {
            Issue.record("discarded the connection")
            return
        }
        #expect(waiters == ["a", "c"])
        #expect(!isReconnect)
        #expect(machine.connection === connection)
        #expect(machine.cancel(1) == nil)
    }

    @Test("Callers that wait too long are told so, and the timer follows the next")
    func waitingTooLong() {
        let machine = Self.connecting()
        _ = Self.want(machine, "a", deadline: 100)
        _ = Self.want(machine, "b", deadline: 90)
        _ = Self.want(machine, "c", deadline: 200)
        let first = machine.check(now: 100)
        #expect(first.late == ["a", "b"])
        #expect(first.timer == 200)
        #expect(Self.want(machine, "d", deadline: 150) == "wait 4, timer 150")
        let second = machine.check(now: 300)
        #expect(second.late == ["c", "d"])
        #expect(second.timer == nil)
    }

    @Test("Ready: it is given out; a second one is not wanted")
    func whenReady() {
        let (machine, connection) = Self.ready()
        #expect(!machine.start())
        #expect(!machine.backOffOver())
        #expect(Self.want(machine) == "use")
        #expect(machine.failed(Self.down, fraction: 0) == nil)
        #expect(machine.lost(Connection(), Self.down, fraction: 0) == nil)
        #expect(machine.check(now: .max).late.isEmpty)
        guard case .discard = machine.connected(Connection()) else { Issue.record("kept a second one"); return }
        #expect(machine.connection === connection)
    }

    @Test("Lost: it backs off, and the loss is heard once")
    func whenLost() {
        let (machine, connection) = Self.ready()
        let backOff = machine.lost(connection, Self.down, fraction: 0)
        #expect(backOff?.delay == .milliseconds(50))
        #expect(machine.lost(connection, Self.down, fraction: 0) == nil)
        #expect(Self.want(machine) == "unavailable: connection refused")
        #expect(machine.backOffOver())
        guard case .serve(_, let isReconnect) = machine.connected(Connection()) else {
            Issue.record("discarded the connection")
            return
        }
        #expect(isReconnect)
    }

    @Test("Backing off: callers fail at once with the last reason")
    func whenBackingOff() {
        let machine = Self.backingOff()
        #expect(!machine.isConnecting)
        #expect(!machine.start())
        #expect(Self.want(machine) == "unavailable: connection refused")
        #expect(machine.failed(Self.down, fraction: 0) == nil)
        #expect(machine.lost(Connection(), Self.down, fraction: 0) == nil)
        #expect(machine.cancel(1) == nil)
        guard case .discard = machine.connected(Connection()) else { Issue.record("kept a connection"); return }
        #expect(machine.backOffOver())
        #expect(machine.isConnecting)
        #expect(!machine.backOffOver())
    }

    @Test("A failed attempt fails those who waited for it")
    func failedAttempt() {
        let machine = Self.connecting()
        _ = Self.want(machine, "a")
        _ = Self.want(machine, "b")
        let backOff = machine.failed(StoreError(.timeout, "too slow"), fraction: 0)
        #expect(backOff?.waiters == ["a", "b"])
        #expect(backOff?.failure.code == .unavailable)
        #expect(backOff?.failure.message == "too slow")
        #expect(machine.check(now: .max).late.isEmpty)
    }

    @Test("Closed: nothing is made, kept or given")
    func whenClosed() {
        let machine = Self.closed()
        #expect(!machine.start())
        #expect(!machine.backOffOver())
        #expect(Self.want(machine) == "closed: the client was shut down")
        #expect(machine.failed(Self.down, fraction: 0) == nil)
        #expect(machine.lost(Connection(), Self.down, fraction: 0) == nil)
        #expect(machine.cancel(1) == nil)
        #expect(machine.check(now: .max).late.isEmpty)
        guard case .discard = machine.connected(Connection()) else { Issue.record("kept a connection"); return }
        let again = machine.shutDown()
        #expect(again.connection == nil && again.waiters.isEmpty)
    }

    @Test("Shutting down hands over the connection, or those who wait for one")
    func shuttingDown() {
        let (machine, connection) = Self.ready()
        #expect(machine.shutDown().connection === connection)
        let other = Self.connecting()
        _ = Self.want(other, "a")
        #expect(other.shutDown().waiters == ["a"])
        let third = Self.backingOff()
        #expect(third.shutDown().connection == nil)
        #expect(!third.backOffOver())
    }

    // MARK: Delays

    @Test("The delay doubles up to its bound, is spread over all of it, and starts over after a success")
    func delays() {
        let machine = Self.connecting()
        var longest: [Duration] = []
        for _ in 0..<9 {
            let copy = Machine(machine.value)
            #expect(copy.failed(Self.down, fraction: 0)?.delay == .milliseconds(50))
            guard let delay = machine.failed(Self.down, fraction: 1)?.delay else { return }
            longest.append(delay)
            #expect(machine.backOffOver())
        }
        #expect(longest == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000].map { .milliseconds($0) })
        let connection = Connection()
        _ = machine.connected(connection)
        #expect(machine.lost(connection, Self.down, fraction: 1)?.delay == .milliseconds(100))
    }

    @Test("A hundred failures in a row overflow nothing, whatever the bounds", arguments: [0, 1, 50, 1_000_000])
    func manyFailures(milliseconds: Int64) {
        let machine = Machine(RedisLinkMachine(reconnectDelay: .milliseconds(milliseconds) ... .seconds(2_000_000)))
        _ = machine.start()
        for _ in 0..<100 {
            let delay = machine.failed(Self.down, fraction: 0.999)?.delay ?? .zero
            #expect(delay >= .milliseconds(milliseconds) && delay <= .seconds(2_000_000))
            #expect(machine.backOffOver())
        }
    }

    // MARK: Refused credentials

    @Test("That the password was refused is the reason until a connection succeeds")
    func refusals() {
        let machine = Self.connecting()
        _ = Self.want(machine, "a")
        let first = machine.failed(Self.wrongPassword, fraction: 0)
        #expect(first?.waiters == ["a"])
        #expect(first?.failure.code == .refused)
        #expect(Self.want(machine) == "refused: wrong password")
        #expect(machine.backOffOver())
        #expect(machine.failed(Self.down, fraction: 0)?.failure.code == .refused)
        #expect(Self.want(machine) == "refused: wrong password")
        #expect(machine.backOffOver())
        #expect(machine.failed(StoreError(.refused, "no such database"), fraction: 0) != nil)
        #expect(Self.want(machine) == "refused: no such database")
        #expect(machine.backOffOver())
        let connection = Connection()
        _ = machine.connected(connection)
        _ = machine.lost(connection, Self.down, fraction: 0)
        #expect(Self.want(machine) == "unavailable: connection refused")
    }
}
