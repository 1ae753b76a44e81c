public import RefrainKeys

/// A tier that keeps envelopes under keys.
///
/// A store keeps bytes and forgets them in time; it decides nothing else. A store that fails is a miss to the cache,
/// never the caller's error, so every failure is thrown as a ``StoreError`` and counted above.
public protocol ResponseStore: Sendable {
    /// The entry under `key`, unless it is absent, past its `staleUntil`, or from a purged generation.
    func get(_ key: RequestKey) async throws(StoreError) -> Envelope?

    /// Keeps `envelope` under `key` in place of what was there, until its `staleUntil` at the latest.
    ///
    /// An entry that is past its `staleUntil`, or belongs to a purged generation, is not kept.
    ///
    /// - Throws: ``StoreError``; ``StoreError/Code/tooLarge`` where the entry does not fit.
    func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError)

    /// Forgets the entry under `key`, if there is one.
    func remove(_ key: RequestKey) async throws(StoreError)

    /// The generation to stamp on entries whose upstream call begins now.
    func generation() async throws(StoreError) -> GenerationStamp

    /// Makes the entries that `purge` names unreadable, at once and for good, and returns the new generation.
    @discardableResult
    func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp

    /// What the store has done since it was made, and what it holds now.
    func statistics() async throws(StoreError) -> StoreStatistics

    /// Lets go of what the store holds open. Calls after it throw or miss.
    func shutdown() async
}

/// What a store holds and has done.
public struct StoreStatistics: Hashable, Sendable {
    /// Entries held now.
    public var entries: Int
    /// Bytes held now, counted as the store bounds them.
    public var bytes: Int
    /// Reads that found a readable entry.
    public var hits: Int
    /// Reads that did not.
    public var misses: Int
    /// Entries stored.
    public var insertions: Int
    /// Entries removed to make room.
    public var evictions: Int
    /// Entries removed because they were past their time.
    public var expirations: Int
    /// Entries found or removed that a purge had made unreadable.
    public var invalidations: Int
    /// Entries refused because they were too large.
    public var rejections: Int
    /// Entries that could not be read: corrupt, truncated, or under another's key.
    public var unreadable: Int

    /// Creates statistics.
    public init(
        entries: Int = 0, bytes: Int = 0, hits: Int = 0, misses: Int = 0, insertions: Int = 0, evictions: Int = 0,
        expirations: Int = 0, invalidations: Int = 0, rejections: Int = 0, unreadable: Int = 0
    ) {
        self.entries = entries
        self.bytes = bytes
        self.hits = hits
        self.misses = misses
        self.insertions = insertions
        self.evictions = evictions
        self.expirations = expirations
        self.invalidations = invalidations
        self.rejections = rejections
        self.unreadable = unreadable
    }
}

/// Why a store could not do what it was asked.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The store cannot be reached.
        public static let unavailable = Code("unavailable")
        /// The store did not answer in time.
        public static let timeout = Code("timeout")
        /// The store refused: full, read-only, not permitted.
        public static let refused = Code("refused")
        /// The entry is larger than the store keeps.
        public static let tooLarge = Code("too large")
        /// The store answered what cannot be right.
        public static let corrupt = Code("corrupt")
        /// The store was shut down.
        public static let closed = Code("closed")
    }

    /// What kind of failure.
    public let code: Code
    /// More about it, without keys' plaintext, bodies or credentials.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
