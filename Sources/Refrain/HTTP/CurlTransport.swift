public import RefrainCore

/// HTTP on libcurl: one thread for all transfers, started by the first call.
///
/// Connections are kept and reused. Redirects are not followed, no cookie is kept, and certificates are always verified.
/// HTTP/2 is negotiated from libcurl 8.0 on; older ones can report a truncated HTTP/2 response as complete.
///
/// The thread ends with ``shutdown()``, or else when neither the transport nor any body of its responses is referenced.
/// A call costs two hand-overs between threads, some tens of microseconds, beside the network.
public final class CurlTransport: HTTPTransport {
    private let core: CurlCore

    /// Creates a transport. Nothing is opened or started before the first call.
    public init(_ configuration: Configuration = .init()) {
        self.core = CurlCore(CurlSettings(configuration))
    }

    /// Sends `request` and returns when the response's head is there, whatever its status; the body follows.
    ///
    /// Interim (1xx) responses are passed by. A request whose connection was reused and turns out to have been closed by
    /// the server before a byte came back is sent again on another, as browsers and SDKs do, unless its body is a stream.
    ///
    /// The body holds the server up when its reader falls behind by ``Configuration/bufferBytes``, and hands over all
    /// that is there with each read. It throws ``TransportError`` only; it is read by one task at a time.
    public func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        try request.validate()
        if Task.isCancelled { throw TransportError(.cancelled, during: .request, "the call was cancelled") }
        try self.core.thread.start(self.core.engine)
        let exchange = Exchange(request, core: self.core)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { exchange.start($0) }
        } onCancel: {
            exchange.cancel()
        }
        let body = ResponseBody(exchange)
        let head = try result.get()
        return HTTPResponse(status: head.status, headers: head.headers, body: ByteStream { try await body.next() })
    }

    /// How many calls hold a libcurl handle now.
    package var liveTransfers: Int { self.core.census.live }

    /// Fails what is running, closes every connection, and returns when the thread is gone.
    public func shutdown() async { await self.core.thread.shutdown() }
}

/// What a transport and its running calls share. When the last of them goes, so does the thread.
final class CurlCore: Sendable {
    let settings: CurlSettings
    let thread: CurlThread
    let engine: CurlEngine
    let census = TransferCensus()

    init(_ settings: CurlSettings) {
        self.settings = settings
        self.thread = CurlThread()
        self.engine = CurlEngine(thread: self.thread, settings: settings, time: .system, census: self.census)
    }

    deinit { self.thread.stop() }
}
