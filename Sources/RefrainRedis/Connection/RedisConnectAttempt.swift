import NIOCore
import RefrainCore
import RefrainKeys

/// A connection that is being made: what becomes of it, and the way to give it up.
final class RedisConnectAttempt: Sendable {
    /// How far it has come, which tells what is late.
    private enum Stage { case dialing, securing, introducing }

    private struct State {
        var isOver = false
        var stage = Stage.dialing
        /// The sockets that were made for it, one for each address that is tried.
        var channels: [any Channel] = []
    }

    /// The connection, ready to carry commands, or a ``StoreError``.
    let result: EventLoopFuture<RedisConnection>
    private let promise: EventLoopPromise<RedisConnection>
    private let usesTLS: Bool
    private let state = Locked(State())

    /// Creates an attempt that fails after `timeout`, whatever it is at then.
    init(on eventLoop: any EventLoop, timeout: TimeAmount, usesTLS: Bool = false) {
        self.usesTLS = usesTLS
        let promise = eventLoop.makePromise(of: RedisConnection.self)
        self.promise = promise
        self.result = promise.futureResult
        let timer = eventLoop.scheduleTask(in: timeout) {
            let message =
                switch self.state.withLock({ $0.stage }) {
                case .dialing: "the server could not be reached in time"
                // A Redis without TLS takes the greeting for half a command, and waits for the rest.
                case .securing: "the server took the connection, but did not begin TLS in time: does it speak TLS?"
                case .introducing: "the server took the connection, but did not answer in time"
                }
            self.fail(StoreError(.timeout, message))
        }
        self.result.whenComplete { _ in timer.cancel() }
    }

    /// The sockets that were made for it and may still be open.
    var channels: [any Channel] { self.state.withLock { $0.channels } }

    /// A socket was made. False where it is not wanted any more and must be closed.
    func admits(_ channel: any Channel) -> Bool {
        self.state.withLock { state in
            if !state.isOver { state.channels.append(channel) }
            return !state.isOver
        }
    }

    /// A server took the connection.
    func accepted() { self.state.withLock { $0.stage = self.usesTLS ? .securing : .introducing } }

    /// TLS is established.
    func encrypted() { self.state.withLock { $0.stage = .introducing } }

    /// The connection is ready. It is closed where the attempt was over before.
    func succeed(_ connection: RedisConnection) {
        if self.end() != nil {
            self.promise.succeed(connection)
        } else {
            connection.close(RedisConnection.givenUp)
        }
    }

    /// It cannot be made. Only the first reason counts.
    func fail(_ error: StoreError) {
        guard let channels = self.end() else { return }
        self.promise.fail(error)
        for channel in channels { RedisChannelHandler.abort(channel) }
    }

    /// It is not wanted any more.
    func cancel() { self.fail(RedisConnection.givenUp) }

    private func end() -> [any Channel]? {
        self.state.withLock { state in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state.channels
        }
    }
}
