public import RefrainKeys

/// A store shared by many processes that can also say which of them makes the upstream call for a key.
///
/// A lease saves calls and decides nothing else: it may be lost, or given twice where its holder stood still for longer
/// than ``leaseDuration``. Then two calls are made, and both answers are right.
public protocol LeasingStore: ResponseStore {
    /// How long a lease lasts unless it is renewed.
    var leaseDuration: Duration { get }

    /// Asks for the lease of a key, and for its entry: whoever had the lease before may have stored it meanwhile.
    func lease(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer

    /// Makes a lease last for another ``leaseDuration`` from now. False where it was lost.
    func renew(_ lease: UpstreamLease) async throws(StoreError) -> Bool

    /// Gives a lease up, tells how the call ended, and wakes whoever waits for that. Ignored where it was lost.
    func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError)

    /// Returns when the lease of a key may have ended, after `limit`, or when the task is cancelled. It may return early.
    func waitForVerdict(on key: RequestKey, atMost limit: Duration) async
}

/// The right to make the upstream call for a key.
public struct UpstreamLease: Hashable, Sendable {
    /// The key.
    public let key: RequestKey
    /// What only its holder knows.
    public let token: String

    /// Creates a lease.
    public init(key: RequestKey, token: String) {
        self.key = key
        self.token = token
    }
}

/// How things stand for a key.
public struct LeaseAnswer: Sendable {
    /// Who makes the call.
    public enum Holder: Hashable, Sendable {
        /// The asker, from now on.
        case asker(UpstreamLease)
        /// Somebody else.
        case other
        /// Everybody for themselves: the last answer could not be stored, so that waiting for the next is in vain.
        case everybody
    }

    /// Who makes the call.
    public var holder: Holder
    /// The entry under the key, if there is one.
    public var entry: Envelope?

    /// Creates an answer.
    public init(holder: Holder, entry: Envelope?) {
        self.holder = holder
        self.entry = entry
    }
}

/// How an upstream call made under a lease ended.
public enum LeaseVerdict: Hashable, Sendable {
    /// Its answer is stored.
    case stored
    /// It brought no answer that could be stored, and the next one may.
    case failed
    /// Its answer is of a kind that is never stored.
    case unstorable
}
