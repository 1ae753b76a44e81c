import Logging
import NIOCore
import NIOPosix
import RefrainCore
import RefrainKeys
import Synchronization

/// A Redis server, reached over a few connections that all callers share and that are made anew when they are lost.
///
/// Errors that the server replies are returned as ``RESPValue/error(_:)``. Thrown is what kept a reply from coming:
/// `.unavailable` (no connection, or it was lost), `.timeout` (the deadline has passed), `.corrupt` (the server does not
/// keep to the protocol), `.refused` (it does not take the credentials), `.closed` (shut down, or cancelled).
final class RedisClient: Sendable {
    /// Which connections carry a command.
    enum Lane: Sendable {
        /// The ones for small values, so that those never wait behind a large one.
        case small
        /// The one for large values.
        case bulk
    }

    private struct Registry {
        var isShutDown = false
        var attempts: [ObjectIdentifier: RedisConnectAttempt] = [:]
        var connections: [ObjectIdentifier: RedisConnection] = [:]
    }

    /// Whether connections are being asked whether their replies are in their places.
    private enum StepCheck {
        case idle
        case asking
        /// They are, and were to be asked once more meanwhile.
        case wantedAgain
    }

    private let configuration: RedisConfiguration
    private let time: TimeSource
    private let group: any EventLoopGroup
    private let connector: RedisConnector
    private let counters = RedisCounters()
    private let small: [RedisLink]
    private let bulk: [RedisLink]
    /// The next link to use, so that they share the work.
    private let turn = Atomic<Int>(0)
    /// The connections that have an owner, and those that are being made for one.
    private let registry = Locked(Registry())
    private let stepCheck = Locked(StepCheck.idle)

    /// Creates a client. Nothing is connected before ``start()`` or the first command.
    /// - Parameters:
    ///   - randomness: a number from 0 up to 1, for the jitter of reconnecting.
    ///   - group: the event loops to use; the ones that the process shares by default.
    init(
        _ configuration: RedisConfiguration, time: TimeSource = .system, logger: Logger,
        randomness: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.configuration = configuration
        self.time = time
        self.group = group
        self.connector = RedisConnector(configuration, time: time, counters: self.counters)
        var logger = logger
        logger[metadataKey: "address"] = "\(configuration.address)"
        let settings = RedisLink.Settings(
            connector: self.connector, reconnectDelay: configuration.reconnectDelay, time: time,
            randomness: randomness, counters: self.counters, logger: logger)
        self.small = (0..<max(1, configuration.connections)).map { _ in RedisLink(on: group.next(), settings: settings)
        }
        self.bulk = [RedisLink(on: group.next(), settings: settings)]
    }

    /// Begins to connect. It is no error to call it again.
    func start() {
        for link in self.small + self.bulk { link.start() }
    }

    // MARK: Commands

    /// Sends a command and waits for its reply.
    func send(_ command: RESPCommand, lane: Lane = .small) async throws(StoreError) -> RESPValue {
        let deadline = self.deadline()
        while true {
            let (link, connection) = try await self.connection(lane, deadline: deadline)
            switch await connection.submit(command, deadline: deadline) {
            case .one(let reply): return reply
            case .all: throw StoreError(.corrupt, "several replies to one command")
            case .failed(let error): throw error
            // It was closed in between. The link may not know yet, and must not give it out again.
            case .notSent(let error): link.lost(connection, error)
            }
        }
    }

    /// Sends commands and waits for their replies. They stand one right after the other on one connection, so what stands
    /// between `MULTI` and `EXEC` is nobody else's.
    func send(_ commands: [RESPCommand], lane: Lane = .small) async throws(StoreError) -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        return try await self.exchange(commands, lane).replies
    }

    /// Sends commands, at least one, and returns their replies and the connection that they came on.
    private func exchange(
        _ commands: [RESPCommand], _ lane: Lane
    ) async throws(StoreError) -> (replies: [RESPValue], connection: RedisConnection) {
        let deadline = self.deadline()
        while true {
            let (link, connection) = try await self.connection(lane, deadline: deadline)
            switch await connection.submit(commands, deadline: deadline) {
            case .all(let replies): return (replies, connection)
            case .one: throw StoreError(.corrupt, "one reply to several commands")
            case .failed(let error): throw error
            case .notSent(let error): link.lost(connection, error)
            }
        }
    }

    // MARK: Replies in their places

    /// Sends a command between two questions that have one answer each. Where both are answered, the reply between them is
    /// the command's own; nil where the server does not answer them, and nothing is proved.
    ///
    /// For what is to be believed only with a proof. It takes one round trip, as ``send(_:lane:)-(RESPCommand,_)`` does.
    ///
    /// - Throws: `.corrupt` where there is another answer, besides what ``send(_:lane:)-(RESPCommand,_)`` throws. The connection
    ///   is closed then.
    func sendInStep(_ command: RESPCommand, lane: Lane) async throws(StoreError) -> RESPValue? {
        let (before, after) = (StepQuestion(), StepQuestion())
        let (replies, connection) = try await self.exchange([before.command, command, after.command], lane)
        guard replies.count == 3 else { throw Self.outOfStep }
        let isSlipped = before.isAnswered(by: replies[1]) || after.isAnswered(by: replies[1])
        guard !before.isContradicted(by: replies[0]), !isSlipped, !after.isContradicted(by: replies[2]) else {
            self.closeOutOfStep(connection)
            throw Self.outOfStep
        }
        return before.isAnswered(by: replies[0]) && after.isAnswered(by: replies[2]) ? replies[1] : nil
    }

    /// Asks each connection a question that has one answer, and closes those that give another. Returns at once.
    ///
    /// Unstructured on purpose: whoever had a reply that cannot be right has no time to wait. All who want it share one
    /// round, and one more for those who came while it was under way; each lasts for a command's time at most.
    func checkSteps() {
        let begins = self.stepCheck.withLock { state in
            defer { state = state == .idle ? .asking : .wantedAgain }
            return state == .idle
        }
        guard begins else { return }
        Task {
            repeat {
                await self.askAll()
            } while self.stepCheck.withLock { state in
                state = state == .wantedAgain ? .asking : .idle
                return state == .asking
            }
        }
    }

    /// Whether connections are being asked.
    var isCheckingSteps: Bool { self.stepCheck.withLock { $0 != .idle } }

    private func askAll() async {
        let deadline = self.deadline()
        await withTaskGroup { group in
            for connection in (self.small + self.bulk).compactMap(\.connection) {
                group.addTask {
                    let question = StepQuestion()
                    if case .one(let reply) = await connection.submit(question.command, deadline: deadline),
                        question.isContradicted(by: reply)
                    {
                        self.closeOutOfStep(connection)
                    }
                }
            }
        }
    }

    private func closeOutOfStep(_ connection: RedisConnection) {
        if connection.close(Self.outOfStep) { self.counters.protocolErrors.add() }
    }

    private static let outOfStep = StoreError(.corrupt, "the server's replies are not in their places")

    private func deadline() -> UInt64 {
        self.time.monotonicNanoseconds() &+ self.configuration.commandTimeout.wholeNanoseconds
    }

    /// A connection of a lane: one that is ready, or else the first that becomes so, while one is being made at all.
    private func connection(
        _ lane: Lane, deadline: UInt64
    ) async throws(StoreError) -> (RedisLink, RedisConnection) {
        let links = lane == .small ? self.small : self.bulk
        while true {
            if let ready = self.ready(links) { return ready }
            for link in links { link.start() }
            guard let link = links.first(where: \.isConnecting) else {
                // One may have become ready just now.
                if let ready = self.ready(links) { return ready }
                throw links[0].failure
            }
            switch await link.wait(deadline: deadline) {
            case .connected(let connection): return (link, connection)
            case .givenUp(let error): throw error
            case .failed: break
            }
        }
    }

    private func ready(_ links: [RedisLink]) -> (RedisLink, RedisConnection)? {
        let first = links.count == 1 ? 0 : self.turn.wrappingAdd(1, ordering: .relaxed).oldValue & .max
        for offset in 0..<links.count {
            let link = links[(first + offset) % links.count]
            if let connection = link.connection { return (link, connection) }
        }
        return nil
    }

    // MARK: Connections with an owner

    /// Connects once, now, and asks for a sign of life. The error says what is in the way.
    func verify() async throws(StoreError) {
        let connection = try await self.dedicated()
        let reply: RESPValue
        do {
            reply = try await connection.send(RESPCommand(.text("PING")))
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        switch reply {
        case .simple: return
        case .error where reply.errorCode == "NOPERM": throw StoreError(.refused, "no permission for PING")
        case .error: throw StoreError(.refused, "the server answered PING with \(reply.errorCode ?? "an error")")
        case .integer, .bulk, .array: throw StoreError(.corrupt, "the server answered PING with what cannot be right")
        }
    }

    /// Makes a connection that is the caller's alone and to be closed by it.
    /// - Parameter onPush: called on the event loop with each message of a channel that the connection has subscribed to.
    func dedicated(onPush: (@Sendable (RESPValue) -> Void)? = nil) async throws(StoreError) -> RedisConnection {
        guard !self.registry.withLock({ $0.isShutDown }) else {
            throw StoreError(.closed, "the client was shut down")
        }
        let attempt = self.connector.connect(on: self.group.next(), onPush: onPush)
        let id = ObjectIdentifier(attempt)
        let isShutDown = self.registry.withLock { registry in
            if !registry.isShutDown { registry.attempts[id] = attempt }
            return registry.isShutDown
        }
        if isShutDown { attempt.cancel() }
        let connection: RedisConnection
        do {
            connection = try await withTaskCancellationHandler {
                try await attempt.result.get()
            } onCancel: {
                attempt.cancel()
            }
        } catch {
            self.registry.withLock { _ = $0.attempts.removeValue(forKey: id) }
            let error = StoreError(connecting: error)
            throw error.code == .closed && !isShutDown && Task.isCancelled ? RedisConnection.cancelled : error
        }
        self.adopt(connection, of: attempt)
        return connection
    }

    private func adopt(_ connection: RedisConnection, of attempt: RedisConnectAttempt) {
        let isShutDown = self.registry.withLock { registry in
            registry.attempts[ObjectIdentifier(attempt)] = nil
            if !registry.isShutDown { registry.connections[ObjectIdentifier(connection)] = connection }
            return registry.isShutDown
        }
        if isShutDown { connection.close(StoreError(.closed, "the client was shut down")) }
        // The registry holds the connection as long as it is open, so its identifier is nobody else's meanwhile.
        let id = ObjectIdentifier(connection)
        connection.whenEnded { [weak self] _ in
            let connection = self?.registry.withLock { $0.connections.removeValue(forKey: id) }
            // Freed here, after unlocking.
            _ = consume connection
        }
    }

    // MARK: The end

    /// Closes everything, fails what is outstanding, and returns the sockets that are then closing.
    @discardableResult
    func close() -> [any Channel] {
        let (attempts, connections) = self.registry.withLock { registry in
            registry.isShutDown = true
            return (Array(registry.attempts.values), Array(registry.connections.values))
        }
        let error = StoreError(.closed, "the client was shut down")
        var channels = (self.small + self.bulk).flatMap { $0.shutDown() }
        for attempt in attempts {
            attempt.cancel()
            channels += attempt.channels
        }
        for connection in connections {
            connection.close(error)
            channels.append(connection.channel)
        }
        return channels
    }

    /// Closes everything, fails what is outstanding, and returns when all sockets are closed.
    func shutdown() async {
        for channel in self.close() {
            await withCheckedContinuation { continuation in
                channel.closeFuture.whenComplete { _ in continuation.resume() }
            }
        }
    }

    /// What the connections have been through.
    var statistics: RedisStatistics {
        RedisStatistics(
            readyConnections: (self.small + self.bulk).count { $0.connection != nil },
            reconnects: self.counters.reconnects.count, timeouts: self.counters.timeouts.count,
            protocolErrors: self.counters.protocolErrors.count, droppedReplies: self.counters.droppedReplies.count)
    }
}
