import RefrainCore
import RefrainKeys

/// Reads the caller's body stream ahead of the thread that sends it.
///
/// This is the transport's one unstructured task. It cannot be a child of the call: a server may answer while the
/// request is still on its way, the call returns with the response's head, and the upload goes on beside the body. The
/// transfer owns the task instead, and cancels it when it ends.
final class UploadPump: Sendable {
    private let state: Locked<UploadState<CheckedContinuation<Void, Never>>>
    private let task = Locked<Task<Void, Never>?>(nil)

    init(bufferBytes: Int) {
        self.state = Locked(UploadState(bufferBytes: bufferBytes))
    }

    /// Begins to read. `wake` tells the thread that there is something to send again.
    func start(_ stream: ByteStream, length: Int?, wake: @escaping @Sendable () -> Void) {
        let task = Task {
            let failure: TransportError?
            do throws(TransportError) {
                try await self.read(stream, length: length, wake: wake)
                failure = nil
            } catch {
                failure = error
            }
            if self.state.withLock({ $0.finish(failure) }) { wake() }
        }
        self.task.withLock { $0 = task }
    }

    private func read(
        _ stream: ByteStream, length: Int?, wake: @Sendable () -> Void
    ) async throws(TransportError) {
        var count = 0
        var chunks = stream.makeAsyncIterator()
        while true {
            let chunk: [UInt8]?
            do {
                chunk = try await chunks.next()
            } catch {
                throw TransportError(.upload, during: .send, "the request's body stream failed", underlying: error)
            }
            guard let chunk else { break }
            if chunk.isEmpty { continue }
            count += chunk.count
            if let length, count > length {
                throw TransportError(
                    .upload, during: .send, "the request's body stream exceeds its length of \(length) bytes")
            }
            switch self.state.withLock({ $0.push(chunk) }) {
            case .more(let wakes): if wakes { wake() }
            case .wait(let wakes):
                if wakes { wake() }
                await withCheckedContinuation { continuation in
                    if self.state.withLock({ $0.waitForRoom(continuation) }) { continuation.resume() }
                }
            case .stop: return
            }
        }
        if let length, count < length {
            throw TransportError(
                .upload, during: .send, "the request's body stream ended after \(count) of \(length) bytes")
        }
    }

    /// What to send next, for the thread.
    func take() -> UploadState<CheckedContinuation<Void, Never>>.TakeAction {
        let action = self.state.withLock { $0.take() }
        if case .send(_, let waiter) = action { waiter?.resume() }
        return action
    }

    /// The transfer is over: stops reading.
    func stop() {
        self.state.withLock { $0.stop() }.waiter?.resume()
        self.task.withLock { $0.take() }?.cancel()
    }
}
