/// Why an HTTP call got no complete response.
///
/// An answer with an error status is not one of these: see ``ClaudeError``.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. Open: later versions may add more.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The request cannot be sent as it is: a malformed URL, method or header field. Nothing was sent.
        public static let invalidRequest = Code("invalid-request")
        /// The host's name has no address.
        public static let resolve = Code("resolve")
        /// The host cannot be reached, or refuses the connection.
        public static let connect = Code("connect")
        /// The proxy cannot be reached, or refuses to connect.
        public static let proxy = Code("proxy")
        /// The TLS handshake failed.
        public static let tls = Code("tls")
        /// The server's certificate is not trusted or is for another name, or the configured authorities cannot be read.
        public static let certificate = Code("certificate")
        /// The connection failed while the request was sent.
        public static let send = Code("send")
        /// The caller's own body stream failed, or did not have the length it was said to have.
        public static let upload = Code("upload")
        /// The connection ended before the response's head was complete.
        public static let noResponse = Code("no-response")
        /// What came is not a valid HTTP response, or its head exceeds the limits.
        public static let malformedResponse = Code("malformed-response")
        /// The connection ended before the response's body was complete.
        public static let truncated = Code("truncated")
        /// The body is larger than the caller accepts.
        public static let tooLarge = Code("too-large")
        /// No connection within `Timeouts.connect`.
        public static let connectTimeout = Code("connect-timeout")
        /// No response within `Timeouts.firstByte`.
        public static let firstByteTimeout = Code("first-byte-timeout")
        /// No byte within `Timeouts.idle`.
        public static let idleTimeout = Code("idle-timeout")
        /// Not done within `Timeouts.total`.
        public static let deadline = Code("deadline")
        /// The caller's task was cancelled.
        public static let cancelled = Code("cancelled")
        /// The transport was shut down.
        public static let closed = Code("closed")
        /// The machine lacks something: memory, threads.
        public static let unexpected = Code("unexpected")
    }

    /// How far a call had come. Open: later versions may add more.
    public struct Phase: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Nothing was done on the network yet.
        public static let request = Phase("request")
        /// The host's name was being resolved.
        public static let resolve = Phase("resolve")
        /// The connection was being made.
        public static let connect = Phase("connect")
        /// A tunnel through the proxy was being asked for.
        public static let proxy = Phase("proxy")
        /// The TLS handshake was under way.
        public static let tls = Phase("tls")
        /// The request was being sent.
        public static let send = Phase("send")
        /// The request had been sent; the response's head was not there.
        public static let firstByte = Phase("first-byte")
        /// The response's body was being received.
        public static let body = Phase("body")
    }

    /// What kind of failure.
    public let code: Code
    /// How far the call had come.
    public let phase: Phase
    /// More about it, without header values, bodies or credentials.
    public let message: String
    /// The error of the caller's own body stream, where that was the cause.
    public let underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, during phase: Phase, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.phase = phase
        self.message = message
        self.underlying = underlying
    }

    /// Whether a time limit was the cause.
    public var isTimeout: Bool {
        [.connectTimeout, .firstByteTimeout, .idleTimeout, .deadline].contains(self.code)
    }

    /// The code, the phase and the message.
    public var description: String { "\(self.code) (\(self.phase)): \(self.message)" }
}
