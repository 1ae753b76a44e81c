public import RefrainCore

/// What sends HTTP requests.
public protocol HTTPTransport: Sendable {
    /// Sends `request` and returns when the response's head is there, whatever its status; the body follows.
    ///
    /// The body throws a ``TransportError`` when the transfer fails, so an end without an error is a complete body.
    /// Cancelling the calling task, cancelling a task that reads the body, and dropping the body each end the transfer.
    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse

    /// Sends `request` and returns when the whole body is there.
    ///
    /// - Parameter limit: how many bytes of body are accepted. More is an error with the code
    ///   ``TransportError/Code/tooLarge``.
    func collect(_ request: HTTPRequest, upTo limit: Int) async throws(TransportError) -> CollectedResponse

    /// Fails what is running, lets go of every connection and thread, and returns when they are gone. Calls after it
    /// fail with ``TransportError/Code/closed``. More than one call is fine.
    func shutdown() async
}

/// A response whose body has arrived whole.
public struct CollectedResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The header fields in the order received.
    public var headers: [HTTPHeader]
    /// The body.
    public var body: [UInt8]

    /// Creates a response.
    public init(status: Int, headers: [HTTPHeader], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first field called `name` (in lower case); nil where there is none.
    public func header(_ name: String) -> String? {
        self.headers.first { $0.name == name }?.value
    }

    /// The same response with the body as a stream.
    public var response: HTTPResponse {
        HTTPResponse(status: self.status, headers: self.headers, body: ByteStream(self.body))
    }
}

extension HTTPTransport {
    /// Sends `request` and returns when the whole body is there: ``send(_:)``, and then the body read to its end.
    public func collect(_ request: HTTPRequest, upTo limit: Int) async throws(TransportError) -> CollectedResponse {
        let response = try await self.send(request)
        return try await response.collected(upTo: limit)
    }

    /// Sends `request` and returns when the whole body, of at most 64 MiB, is there.
    public func collect(_ request: HTTPRequest) async throws(TransportError) -> CollectedResponse {
        try await self.collect(request, upTo: 64 << 20)
    }
}

extension HTTPResponse {
    /// The response with its whole body.
    func collected(upTo limit: Int) async throws(TransportError) -> CollectedResponse {
        var body: [UInt8] = []
        do {
            for try await chunk in self.body {
                guard chunk.count <= limit - body.count else {
                    throw TransportError(.tooLarge, during: .body, "the response body exceeds \(limit) bytes")
                }
                if body.isEmpty { body = chunk } else { body.append(contentsOf: chunk) }
            }
        } catch let error as TransportError {
            throw error
        } catch is CancellationError {
            throw TransportError(.cancelled, during: .body, "the call was cancelled")
        } catch {
            throw TransportError(.unexpected, during: .body, "the response body failed", underlying: error)
        }
        return CollectedResponse(status: self.status, headers: self.headers, body: body)
    }

    /// Reads what is left of a short body and drops it, so that its connection can carry the next request. A body that
    /// is long, or does not say how long it is, is dropped with its connection.
    func discard() async {
        guard let length = self.header("content-length").flatMap(Int.init), length <= 64 << 10 else { return }
        var chunks = self.body.makeAsyncIterator()
        // How the body ends does not matter: nobody sees it.
        while let chunk = try? await chunks.next() { _ = chunk }
    }
}
