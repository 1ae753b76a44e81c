import NIOCore
import NIOPosix

/// A TCP proxy on the loopback, between a client and a Redis server, that does to connections what networks do, and what
/// no well-behaved server does; all of it can be changed while connections are open.
///
/// A fault is in force when the call that asks for it returns. What is random is repeated by the seed, for each
/// connection by itself. Faults of replies need a server that speaks RESP2 in the clear; over TLS only flows and endings
/// have an effect.
///
/// Everything happens on one event loop, of a thread that no proxy shares with the code under test.
final class FaultProxy: Sendable {
    /// Where a proxy passes connections on to.
    enum Target: Hashable, Sendable {
        /// A port of the loopback.
        case port(Int)
        /// A Unix socket.
        case unixSocket(String)
    }

    /// The proxy was stopped.
    struct Stopped: Error {}

    /// The threads of all proxies, for the life of the process.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    /// The port on which clients reach it.
    let port: Int
    private let core: NIOLoopBound<ProxyCore>

    private init(port: Int, core: NIOLoopBound<ProxyCore>) {
        self.port = port
        self.core = core
    }

    /// Stopping again does nothing.
    deinit { self.core.eventLoop.execute { [core] in _ = core.value.stop() } }

    /// Starts a proxy; ``withFaultProxy(to:seed:_:)`` also stops it.
    static func start(to target: Target, seed: UInt64 = 1) async throws -> FaultProxy {
        let loop = Self.group.next()
        var failure: any Error = FreePorts.Exhausted()
        for _ in 0..<8 {
            do {
                // Not one that the kernel chooses: it has to be free still when connections are accepted again.
                let port = try FreePorts.next()
                let core = try await loop.submit {
                    NIOLoopBound(ProxyCore(loop: loop, target: target, port: port, seed: seed), eventLoop: loop)
                }.get()
                try await loop.flatSubmit { core.value.listen() }.get()
                return FaultProxy(port: port, core: core)
            } catch {
                // Another process may have taken the port since we looked.
                failure = error
            }
        }
        throw failure
    }

    /// Stops it, and waits until every connection is closed.
    func stop() async throws {
        try await self.loop.flatSubmit { [core] in core.value.stop() }.get()
    }

    // MARK: Flows

    /// How bytes flow from now on, in one direction or both.
    /// - Parameter connection: the number of the one connection that is meant; by default all, now and later.
    func set(_ flow: Flow, _ direction: Direction? = nil, on connection: Int? = nil) async throws {
        try await self.perform { core in
            for direction in direction.map({ [$0] }) ?? Direction.allCases {
                core.set(flow, direction, on: connection)
            }
        }
    }

    // MARK: Endings

    /// Ends connections now.
    func end(_ how: Ending, on connection: Int? = nil) async throws {
        try await self.perform { $0.end(how, on: connection) }
    }

    /// Ends a connection when exactly so many bytes more have passed in a direction: the first connection that carries
    /// them, counted from now or from its beginning. With 0 it ends in place of the next byte.
    /// - Parameter times: how many connections are ended that way.
    func end(
        _ how: Ending, after bytes: Int, _ direction: Direction = .toClient, times: Int = 1, on connection: Int? = nil
    ) async throws {
        try await self.perform { $0.arm(how, after: bytes, direction, times: times, on: connection) }
    }

    /// Refuses new connections: nobody listens on the port.
    func refuseConnections() async throws {
        try await self.loop.flatSubmit { [core] in core.value.refuse() }.get()
    }

    /// Accepts new connections again, on the same port.
    func acceptConnections() async throws {
        try await self.loop.flatSubmit { [core] in core.value.listen() }.get()
    }

    /// Passes new connections on to another target, and ends those that there are: a failover.
    func redirect(to target: Target, _ how: Ending = .reset) async throws {
        try await self.perform { core in
            core.target = target
            core.end(how, on: nil)
        }
    }

    // MARK: Replies

    /// Does something to the next replies that are sent to clients. Of several faults that strike one reply, each has what
    /// those before it made of it.
    /// - Parameters:
    ///   - count: how many replies; for ``ReplyFault/swap`` pairs of them.
    ///   - size: the size of the smallest reply that is meant, its protocol included: `+OK` and its like are passed over.
    ///   - connection: the number of the one connection that is meant.
    func arm(_ fault: ReplyFault, next count: Int = 1, atLeast size: Int = 0, on connection: Int? = nil) async throws {
        try await self.perform { core in
            core.faults.arm(ReplyFaults.Armed(fault: fault, left: count, size: size, connection: connection))
        }
    }

    /// Sends bytes to clients that nobody asked for, at once, or when the reply that is on its way has ended.
    func injectNow(_ bytes: [UInt8], on connection: Int? = nil) async throws {
        try await self.perform { $0.inject(bytes, on: connection) }
    }

    // MARK: All of it

    /// Ends all faults. What they held back flows on; what they took is lost.
    func heal() async throws {
        try await self.perform { $0.heal() }
        try await self.acceptConnections()
    }

    // MARK: What is seen

    /// What has gone through so far.
    var tally: Tally {
        get async throws { try await self.perform { $0.tally } }
    }

    /// Waits until the tally is as asked for.
    func until(_ isSo: @escaping @Sendable (Tally) -> Bool) async throws {
        let promise = self.loop.makePromise(of: Void.self)
        try await withTaskCancellationHandler {
            do {
                try await self.perform { $0.watch(isSo, promise) }
            } catch {
                promise.fail(error)
            }
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }

    /// The connections that clients have not ended, oldest first.
    var connections: [Connection] {
        get async throws { try await self.perform { $0.connections } }
    }

    private var loop: any EventLoop { self.core.eventLoop }

    /// Does something on the event loop.
    private func perform<Value: Sendable>(
        _ body: @escaping @Sendable (ProxyCore) throws -> Value
    ) async throws -> Value {
        try await self.loop.submit { [core] in try body(core.value) }.get()
    }
}

/// Starts a proxy, and always stops it when `body` is over.
func withFaultProxy<Result>(
    to target: FaultProxy.Target, seed: UInt64 = 1, _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
    let proxy = try await FaultProxy.start(to: target, seed: seed)
    do {
        let result = try await body(proxy)
        try await proxy.stop()
        return result
    } catch {
        try await proxy.stop()
        throw error
    }
}

/// Starts a proxy to a port of the loopback, and always stops it when `body` is over.
func withFaultProxy<Result>(
    to port: Int, seed: UInt64 = 1, _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
    try await withFaultProxy(to: .port(port), seed: seed, body)
}
