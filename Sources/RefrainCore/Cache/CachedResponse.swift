/// A hit that ``ResponseCache/lookup(_:policy:toolUseIDs:)`` found in memory.
public struct CacheHit: Sendable {
    /// What was stored, shared with the cache: nothing is copied.
    public let envelope: Envelope
    /// How long ago the answer was complete.
    public let age: Duration

    /// Always a hit in memory.
    public var status: CacheStatus { .hit(.memory, age: self.age) }
}

/// A whole answer.
public struct CachedResponse: Sendable {
    /// The status code: 200.
    public var status: Int
    /// The header fields: upstream's own from an upstream call, the stored ones from a store.
    public var headers: [HTTPHeader]
    /// The message as JSON, byte for byte as upstream sent it, or assembled from a stream that was shared.
    public var body: [UInt8]
    /// Where the answer came from.
    public var cache: CacheStatus
    /// What it is about and what it cost when upstream was asked. Nil for a bypass.
    public var details: Envelope.Details?

    /// Creates a response.
    public init(
        status: Int, headers: [HTTPHeader], body: [UInt8], cache: CacheStatus, details: Envelope.Details?
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.cache = cache
        self.details = details
    }
}
