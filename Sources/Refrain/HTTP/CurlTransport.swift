public import RefrainCore

/// HTTP on libcurl.
public final class CurlTransport: HTTPTransport {
    /// Creates a transport.
    public init(_ configuration: Configuration = .init()) {
        self.configuration = configuration
    }

    private let configuration: Configuration

    /// Sends `request`.
    public func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        throw TransportError(.unexpected, during: .request, "not built yet")
    }

    /// Lets go of everything.
    public func shutdown() async {}
}
