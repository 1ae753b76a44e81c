import RefrainKeys

/// A streamed answer: server-sent events as they come, or as they were.
///
/// Each element is the bytes of one event, its blank line included, exactly as upstream sent them (pings and padding
/// too), or as they are replayed from a store. It is read once, by one task at a time; iterators share their place. A
/// stream that upstream cut short ends with an `error` event of the API's shape, never as if it were complete.
/// Cancelling the reading task, or letting go of the stream, disturbs no other caller.
public struct CachedStream: AsyncSequence, Sendable {
    /// The bytes of one event.
    public typealias Element = [UInt8]

    /// The status code: 200.
    public let status: Int
    /// The header fields: upstream's own from an upstream call, the stored ones from a store.
    public let headers: [HTTPHeader]
    /// Where the answer comes from.
    public let cache: CacheStatus
    /// What the answer is about and what it cost; nil where it is still on its way.
    public let details: Envelope.Details?
    private let source: any EventSource

    init(
        status: Int, headers: [HTTPHeader], cache: CacheStatus, details: Envelope.Details?, source: any EventSource
    ) {
        self.status = status
        self.headers = headers
        self.cache = cache
        self.details = details
        self.source = source
    }

    /// An iterator over the events still to come.
    public func makeAsyncIterator() -> Iterator { Iterator(source: self.source) }

    /// Reads the events of a ``CachedStream``.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let source: any EventSource

        /// The bytes of the next event; nil after the last. Throws `CancellationError` when its task is cancelled.
        public mutating func next() async throws -> [UInt8]? { try await self.source.next() }
    }
}

/// Where the events of a stream come from.
protocol EventSource: AnyObject, Sendable {
    /// The bytes of the next event; nil after the last.
    func next() async throws -> [UInt8]?
}
