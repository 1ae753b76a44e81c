public import RefrainCore

/// An HTTP request as a transport takes it.
///
/// Its descriptions leave out header values, the URL's query and the body, so that no credential or prompt gets into a
/// log by way of them.
public struct HTTPRequest: Sendable {
    /// The method, in the case it is sent in: `"POST"`.
    public var method: String
    /// The absolute `http` or `https` URL, percent-encoded, without credentials.
    public var url: String
    /// The header fields, sent in this order and unchanged.
    ///
    /// The fields of the connection itself (`host`, `content-length`, `transfer-encoding`, `connection`, `keep-alive`,
    /// `te`, `trailer`, `upgrade`, `expect` and `proxy-…`) are the transport's own: given here, they are left out.
    public var headers: [HTTPHeader]
    /// The body.
    public var body: Body
    /// How long the parts of the call may take.
    public var timeouts: Timeouts
    /// Whether the transport negotiates a content coding (gzip and what else it knows) and undoes it.
    ///
    /// If so, an `accept-encoding` field in ``headers`` is replaced, and the response's `content-encoding` and
    /// `content-length` are left out where a coding was undone. If not, which is the default, nothing is added, and
    /// the body comes as the server sent it.
    public var decompresses: Bool

    /// Creates a request. See the properties for the meaning of the parameters.
    public init(
        method: String = "GET", url: String, headers: [HTTPHeader] = [], body: Body = .none,
        timeouts: Timeouts = .init(), decompresses: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.decompresses = decompresses
    }

    /// What a request carries.
    public enum Body: Sendable {
        /// Nothing. `POST`, `PUT` and `PATCH` still say `content-length: 0`.
        case none
        /// Bytes that are there already.
        case bytes([UInt8])
        /// Bytes that arrive while they are sent: `length` of them, or in chunks where it is nil. Read once, so a call
        /// that carries it is never retried.
        case stream(ByteStream, length: Int?)
        /// Like ``stream(_:length:)``, from a function that can start over, so that the call may be retried.
        case replayable(length: Int?, @Sendable () -> ByteStream)

        /// Whether the body can be sent again.
        public var isReplayable: Bool {
            if case .stream = self { false } else { true }
        }
    }

    /// How long the parts of a call may take. Nil is without limit.
    public struct Timeouts: Hashable, Sendable {
        /// From the start until a connection is ready: name resolution, TCP, proxy and TLS together. No time at all
        /// where a connection is reused.
        public var connect: Duration
        /// From the request's last byte to the end of the response's head. Interim (1xx) responses do not count.
        public var firstByte: Duration?
        /// Without a byte of the body, either way. Time during which the caller itself holds the transfer up, by not
        /// reading or by not having more to send, does not count; a stream's pings do, as bytes.
        public var idle: Duration?
        /// From the start to the body's last byte, the caller's own time included.
        public var total: Duration?

        /// Creates timeouts; the defaults are those of the official SDKs (5 s to connect, 600 s in all) and half of
        /// their total without a byte.
        public init(
            connect: Duration = .seconds(5), firstByte: Duration? = nil, idle: Duration? = .seconds(300),
            total: Duration? = .seconds(600)
        ) {
            self.connect = connect
            self.firstByte = firstByte
            self.idle = idle
            self.total = total
        }
    }
}

extension HTTPRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The method and the URL without its query.
    public var description: String {
        "\(self.method) \(self.url.prefix { $0 != "?" && $0 != "#" })"
    }

    /// The same as ``description``.
    public var debugDescription: String { self.description }

    /// The header names and no values, so that `dump` shows no credential.
    public var customMirror: Mirror {
        Mirror(self, children: ["request": self.description, "headers": self.headers.map(\.name)])
    }
}
