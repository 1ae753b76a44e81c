import RefrainKeys

/// A header field of an HTTP message.
public struct HTTPHeader: Hashable, Sendable {
    /// The name, in lower case: names compare without regard to case (RFC 9110 §5.1).
    public let name: String
    /// The value.
    public var value: String

    /// Creates a field; `name` is lower-cased.
    public init(_ name: String, _ value: String) {
        self.name = name.lowercased()
        self.value = value
    }
}

/// An HTTP response whose body is still on its way: what an upstream call returns.
public struct HTTPResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The header fields in the order received.
    public var headers: [HTTPHeader]
    /// The body. It throws when the transfer was cut short, so an end without an error is a complete body.
    public var body: ByteStream

    /// Creates a response.
    public init(status: Int, headers: [HTTPHeader], body: ByteStream) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first field called `name` (in lower case); nil where there is none.
    public func header(_ name: String) -> String? {
        self.headers.first { $0.name == name }?.value
    }
}

/// Bytes that arrive in chunks, read once, by one reader at a time.
public struct ByteStream: AsyncSequence, Sendable {
    private let produce: @Sendable () async throws -> [UInt8]?

    /// Creates a stream from a function that returns the next chunk, and nil after the last one.
    ///
    /// The function is called by one task at a time. Cancelling that task must make it throw or return soon.
    public init(_ produce: @escaping @Sendable () async throws -> [UInt8]?) {
        self.produce = produce
    }

    /// Creates a stream of bytes that are there already.
    public init(_ bytes: [UInt8]) {
        let remaining = Locked<[UInt8]?>(bytes.isEmpty ? nil : bytes)
        self.produce = { remaining.withLock { $0.take() } }
    }

    /// An iterator over the chunks still to come.
    public func makeAsyncIterator() -> Iterator { Iterator(produce: self.produce) }

    /// Reads the chunks of a ``ByteStream``.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let produce: @Sendable () async throws -> [UInt8]?

        /// The next chunk, never empty by convention; nil after the last one.
        public mutating func next() async throws -> [UInt8]? { try await self.produce() }
    }
}
