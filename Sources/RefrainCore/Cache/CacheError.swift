/// Upstream answered with something other than a 200: what it sent, byte for byte.
public struct UpstreamResponseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The status code. For an `error` event in a stream that a plain caller shared, the status that its type stands
    /// for.
    public let status: Int
    /// The header fields as received.
    public let headers: [HTTPHeader]
    /// The body as received, up to ``maximumBodyBytes``.
    public let body: [UInt8]

    /// The most bytes of an error's body that are kept.
    public static let maximumBodyBytes = 1 << 20

    /// Creates an error.
    public init(status: Int, headers: [HTTPHeader], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The status, without the body: it may quote the request.
    public var description: String { "upstream answered with status \(self.status)" }
}

/// Why the cache itself could not answer.
public struct CacheError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String
        /// The HTTP status that stands for it.
        public let status: Int
        /// The API's error type that stands for it.
        public let apiErrorType: String

        private init(_ description: String, status: Int, type: String) {
            self.description = description
            self.status = status
            self.apiErrorType = type
        }

        /// ``CacheMode/onlyIfCached`` was asked for and nothing is stored.
        public static let notCached = Code("not-cached", status: 504, type: "timeout_error")
        /// The in-flight budget is used up.
        public static let overloaded = Code("overloaded", status: 503, type: "overloaded_error")
        /// Upstream's answer was cut short, or is not what was asked for.
        public static let incomplete = Code("incomplete", status: 502, type: "api_error")
        /// The cache was shut down.
        public static let closed = Code("closed", status: 503, type: "api_error")
        /// The upstream call was given up after every caller had left it.
        public static let abandoned = Code("abandoned", status: 503, type: "api_error")
        /// The caller read a shared stream too slowly.
        public static let tooSlow = Code("too-slow", status: 503, type: "api_error")
    }

    /// What kind of failure.
    public let code: Code
    /// More about it, without request content.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
