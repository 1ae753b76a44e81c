/// What the cache may do for a request.
public struct CacheMode: Hashable, Sendable, CustomStringConvertible {
    enum Kind: Hashable { case normal, refresh, bypass, readOnly, onlyIfCached, observe }
    let kind: Kind
    /// The mode's name as the command and the gateway spell it.
    public let description: String

    private init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// Read, join a call already under way, call upstream on a miss, store.
    public static let normal = CacheMode(.normal, "normal")
    /// Call upstream whatever is stored, and store the answer. Joins no call already under way, and takes its place:
    /// later callers join this one, and the older one's answer is not stored.
    public static let refresh = CacheMode(.refresh, "refresh")
    /// Call upstream directly: nothing is read, joined or stored.
    public static let bypass = CacheMode(.bypass, "bypass")
    /// As ``normal``, but store nothing on this request's account.
    public static let readOnly = CacheMode(.readOnly, "read-only")
    /// Answer from a store, or fail with ``CacheError/Code/notCached``: never call upstream, and join no call.
    public static let onlyIfCached = CacheMode(.onlyIfCached, "only-if-cached")
    /// Call upstream every time and store the answers, and report what a cache would have done: the status is a bypass
    /// whose reason is ``CacheReason/observedHit``, ``CacheReason/observedJoin`` or ``CacheReason/observedMiss``.
    public static let observe = CacheMode(.observe, "observe")

    /// Whether an entry may be given.
    var answersFromStore: Bool {
        switch self.kind {
        case .normal, .readOnly, .onlyIfCached: true
        case .refresh, .bypass, .observe: false
        }
    }

    /// Whether an answer may be stored on the request's account.
    var stores: Bool {
        switch self.kind {
        case .normal, .refresh, .observe: true
        case .bypass, .readOnly, .onlyIfCached: false
        }
    }
}
