/// A mark for the API's prompt cache: the prompt up to here is kept.
///
/// It changes what a call costs, not what it answers, so it is no part of Refrain's own cache key.
public struct CacheControl: Hashable, Sendable {
    /// The mark as JSON.
    public let json: RawJSON

    /// Takes a mark as JSON.
    public init(_ json: RawJSON) { self.json = json }

    /// Kept for the API's default time, five minutes from the start of the request and from each read.
    public static let ephemeral = CacheControl(RawJSON(.object(["type": "ephemeral"])))
    /// Kept for five minutes, said explicitly.
    public static let fiveMinutes = CacheControl(RawJSON(.object(["type": "ephemeral", "ttl": "5m"])))
    /// Kept for an hour, at a higher price for the write.
    public static let oneHour = CacheControl(RawJSON(.object(["type": "ephemeral", "ttl": "1h"])))
}
