import Refrain
import RefrainCore
import Synchronization

/// Counts what is sent, retries included.
final class CountingTransport: HTTPTransport {
    private let base: any HTTPTransport
    private let sent = Atomic(0)

    init(_ base: any HTTPTransport) { self.base = base }

    /// How many requests were sent.
    var count: Int { self.sent.load(ordering: .relaxed) }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        self.sent.add(1, ordering: .relaxed)
        return try await self.base.send(request)
    }

    func collect(_ request: HTTPRequest, upTo limit: Int) async throws(TransportError) -> CollectedResponse {
        self.sent.add(1, ordering: .relaxed)
        return try await self.base.collect(request, upTo: limit)
    }

    func shutdown() async { await self.base.shutdown() }
}
