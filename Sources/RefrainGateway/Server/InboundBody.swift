import HummingbirdCore
import NIOCore
import RefrainCore
import RefrainKeys

/// The body of a request, read by whatever sends it upstream while the response may already be on its way back.
///
/// `@unchecked Sendable`: the iterator is used in ``next()`` alone, which refuses to overlap: `state` says so under its
/// lock, and orders one use after the other.
final class InboundBody: @unchecked Sendable {
    private struct State {
        var isReading = false
        var isSettled = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private var iterator: RequestBody.AsyncIterator
    private let state = Locked(State())

    init(_ body: RequestBody) { self.iterator = body.makeAsyncIterator() }

    /// The body as a transport takes it.
    var stream: ByteStream { ByteStream { try await self.next() } }

    private func next() async throws -> [UInt8]? {
        let mayRead = self.state.withLock { state in
            guard !state.isReading, !state.isSettled else { return false }
            state.isReading = true
            return true
        }
        guard mayRead else { throw CancellationError() }
        defer {
            let waiting = self.state.withLock { state in
                state.isReading = false
                return state.waiting.take()
            }
            waiting?.resume()
        }
        var iterator = self.iterator
        defer { self.iterator = iterator }
        return try await iterator.next().map { Array($0.readableBytesView) }
    }

    /// Returns when nobody reads any more, and nobody will: only then may the connection read its next request.
    func settle() async {
        await withCheckedContinuation { continuation in
            let isReading = self.state.withLock { state in
                state.isSettled = true
                if state.isReading { state.waiting = continuation }
                return state.isReading
            }
            if !isReading { continuation.resume() }
        }
    }
}
