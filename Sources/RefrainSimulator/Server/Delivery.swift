import HTTPTypes
import Hummingbird
import NIOCore
import RefrainCore
import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One response on its way: carries out its script on a connection.
struct Delivery: Sendable {
    /// The connection is not to be used any more, on purpose or because the client has left it.
    struct Broken: Error {}

    let response: PlannedResponse
    let script: DeliveryScript
    let time: TimeSource
    let state: Locked<SimulatorState>
    let channel: any Channel

    /// The head, when its time has come, with a body that sends itself.
    func respond() async throws -> Response {
        self.started()
        do {
            for step in self.script.beforeHead { try await self.perform(step) }
        } catch {
            // An error from here on would be answered with status 500 by the server, so the connection goes first.
            self.channel.close(promise: nil)
            self.ended(isFinished: false)
            throw error
        }
        guard case .head(let contentLength) = self.script.fromHead.first else { throw Broken() }
        var fields = HTTPFields()
        for header in self.response.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            fields.append(HTTPField(name: name, value: header.value))
        }
        if let contentLength { fields[.contentLength] = String(contentLength) }
        return Response(
            status: .init(code: self.response.status), headers: fields,
            body: .init(contentLength: contentLength) { writer in
                do {
                    for step in self.script.fromHead.dropFirst() {
                        switch step {
                        case .send(let bytes): try await writer.write(ByteBuffer(bytes: bytes))
                        case .finish: try await writer.finish(nil)
                        default: try await self.perform(step)
                        }
                    }
                    self.ended(isFinished: true)
                } catch {
                    self.ended(isFinished: false)
                    throw error
                }
            })
    }

    private func perform(_ step: DeliveryScript.Step) async throws {
        switch step {
        case .wait(let duration): try await self.wait(duration)
        case .begin: self.state.withLock { $0.claude.responseBegan(self.response) }
        case .hang:
            try await self.clientLeft()
            throw Broken()
        case .abort: throw Broken()
        case .reset:
            try await self.reset()
            throw Broken()
        case .head, .send, .finish: break
        }
    }

    private func started() {
        guard self.response.isAnswer else { return }
        self.state.withLock { $0.claude.callStarted() }
    }

    private func ended(isFinished: Bool) {
        guard self.response.isAnswer else { return }
        self.state.withLock { $0.claude.callEnded(isFinished: isFinished) }
    }

    /// Waits, but not longer than the client does.
    private func wait(_ duration: Duration) async throws {
        // The next write notices soon enough that a client has left during a short pause.
        guard duration > .milliseconds(100) else { return try await self.time.sleep(duration) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.time.sleep(duration) }
            group.addTask {
                try await self.clientLeft()
                throw Broken()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Returns once the connection is closed.
    private func clientLeft() async throws {
        let (closed, continuation) = AsyncStream.makeStream(of: Void.self)
        self.channel.closeFuture.whenComplete { _ in continuation.finish() }
        for await _ in closed {}
        try Task.checkCancellation()
    }

    /// Closes the connection so that the peer gets a reset: a socket that does not linger drops what it holds.
    private func reset() async throws {
        if let socket = self.channel as? any SocketOptionProvider {
            try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try await self.channel.close().get()
    }
}
