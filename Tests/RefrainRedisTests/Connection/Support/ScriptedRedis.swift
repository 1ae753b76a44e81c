import NIOCore
import NIOPosix
import RefrainKeys

@testable import RefrainRedis

/// A server on the loopback that answers each command with exactly the bytes that a script gives.
///
/// The script runs on the server's event loop, a thread that it does not share with the code under test.
final class ScriptedRedis: Sendable {
    /// A connection, as the script sees it.
    struct Peer: Sendable {
        /// Its number, from 1, in the order of acceptance.
        let id: Int
        fileprivate let channel: any Channel

        /// Sends bytes.
        func write(_ text: String) { self.channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
        /// Sends a bulk string.
        func bulk(_ bytes: [UInt8]) {
            var buffer = ByteBuffer(string: "$\(bytes.count)\r\n")
            buffer.writeBytes(bytes)
            buffer.writeString("\r\n")
            self.channel.writeAndFlush(buffer, promise: nil)
        }
        /// Does something on the server's event loop after a while.
        func later(_ delay: TimeAmount, _ body: @escaping @Sendable () -> Void) {
            self.channel.eventLoop.scheduleTask(in: delay, body)
        }
        /// Ends the connection.
        func close() { self.channel.close(promise: nil) }
    }

    private struct State {
        var accepted = 0
        var peers: [Int: Peer] = [:]
        var waiters: [(isSo: @Sendable (Int, Int) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func takeSatisfied() -> [CheckedContinuation<Void, Never>] {
            let (accepted, open) = (self.accepted, self.peers.count)
            let satisfied = self.waiters.filter { $0.isSo(accepted, open) }.map(\.continuation)
            self.waiters.removeAll { $0.isSo(accepted, open) }
            return satisfied
        }
    }

    let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let state: Locked<State>

    private init(port: Int, group: MultiThreadedEventLoopGroup, listener: any Channel, state: Locked<State>) {
        self.port = port
        self.group = group
        self.listener = listener
        self.state = state
    }

    /// Starts a server.
    /// - Parameters:
    ///   - answersHandshake: whether `AUTH`, `CLIENT` and `SELECT` are answered with `OK` without asking the script.
    ///   - greeting: what a client gets before it says anything.
    static func start(
        answersHandshake: Bool = true, greeting: String = "",
        _ script: @escaping @Sendable (Peer, [String]) -> Void
    ) async throws -> ScriptedRedis {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let state = Locked(State())
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let (peer, woken) = state.withLock { state in
                    state.accepted += 1
                    let peer = Peer(id: state.accepted, channel: channel)
                    state.peers[peer.id] = peer
                    return (peer, state.takeSatisfied())
                }
                for waiter in woken { waiter.resume() }
                channel.closeFuture.whenComplete { _ in
                    let woken = state.withLock { state in
                        state.peers[peer.id] = nil
                        return state.takeSatisfied()
                    }
                    for waiter in woken { waiter.resume() }
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        CommandReader(peer: peer, answersHandshake: answersHandshake, greeting: greeting, script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port ?? 0
        return ScriptedRedis(port: port, group: group, listener: listener, state: state)
    }

    /// Stops it: every connection is closed.
    func stop() async throws { try await self.group.shutdownGracefully() }

    /// How a client is to be configured for it.
    var configuration: RedisConfiguration {
        RedisConfiguration(address: .tcp(host: "127.0.0.1", port: self.port))
    }

    /// How many connections there have been.
    var accepted: Int { self.state.withLock { $0.accepted } }

    /// The connections that are open.
    var peers: [Peer] { self.state.withLock { $0.peers.values.sorted { $0.id < $1.id } } }

    /// Waits until the numbers of connections that there have been and that are open are as asked for.
    func until(_ isSo: @escaping @Sendable (_ accepted: Int, _ open: Int) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isSoNow = self.state.withLock { state in
                let isSoNow = isSo(state.accepted, state.peers.count)
                if !isSoNow { state.waiters.append((isSo, continuation)) }
                return isSoNow
            }
            if isSoNow { continuation.resume() }
        }
    }
}

/// Cuts what a client sends into commands. On its event loop only.
private final class CommandReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let peer: ScriptedRedis.Peer
    private let answersHandshake: Bool
    private let greeting: String
    private let script: @Sendable (ScriptedRedis.Peer, [String]) -> Void
    private var input = ByteBuffer()

    init(
        peer: ScriptedRedis.Peer, answersHandshake: Bool, greeting: String,
        _ script: @escaping @Sendable (ScriptedRedis.Peer, [String]) -> Void
    ) {
        self.peer = peer
        self.answersHandshake = answersHandshake
        self.greeting = greeting
        self.script = script
    }

    func channelActive(context: ChannelHandlerContext) {
        if !self.greeting.isEmpty { self.peer.write(self.greeting) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.input.writeImmutableBuffer(self.unwrapInboundIn(data))
        while let command = self.nextCommand() {
            if self.answersHandshake, ["AUTH", "CLIENT", "SELECT"].contains(command.first) {
                self.peer.write("+OK\r\n")
            } else {
                self.script(self.peer, command)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func nextCommand() -> [String]? {
        var rest = self.input
        guard let count = Self.header(&rest) else { return nil }
        var command: [String] = []
        for _ in 0..<count {
            guard let length = Self.header(&rest), let text = rest.readString(length: length),
                rest.readInteger(as: UInt16.self) != nil
            else { return nil }
            command.append(text)
        }
        self.input = rest
        return command
    }

    /// A count after its sign, such as `*3` or `$17`.
    private static func header(_ buffer: inout ByteBuffer) -> Int? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = buffer.readString(length: end + 1 - buffer.readerIndex) ?? ""
        // To Swift the end of a line is one character.
        return Int(line.dropFirst().dropLast())
    }
}

/// Starts a server, and always stops it when `body` is over.
func withScriptedRedis<Result>(
    answersHandshake: Bool = true, greeting: String = "",
    _ script: @escaping @Sendable (ScriptedRedis.Peer, [String]) -> Void,
    _ body: (ScriptedRedis) async throws -> Result
) async throws -> Result {
    let server = try await ScriptedRedis.start(answersHandshake: answersHandshake, greeting: greeting, script)
    do {
        let result = try await body(server)
        try await server.stop()
        return result
    } catch {
        try await server.stop()
        throw error
    }
}
