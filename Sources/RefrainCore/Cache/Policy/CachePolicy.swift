/// How one request, or a whole cache, uses what is stored and what it stores.
public struct CachePolicy: Hashable, Sendable {
    /// How old an answer may be and still be given: it is fresh until the earlier of its own time, set when it was
    /// stored, and its creation plus this. Zero neither reads nor stores. A hit never extends it. 7 days by default.
    public var ttl: Duration
    /// How old an answer may be for this request alone: unlike ``ttl`` it does not decide for how long the request's own
    /// answer is stored. Nil, the default, for as old as ``ttl`` allows.
    public var maximumAge: Duration?
    /// For how long after its freshness an answer is given at once while one new answer is fetched behind it.
    /// Zero, the default, turns it off.
    public var staleWhileRevalidate: Duration
    /// For how long after its freshness an answer is given in place of an upstream failure that is likely to pass:
    /// 408, 429, 5xx (529 among them), a timeout or a broken connection. Zero, the default, turns it off.
    public var staleIfError: Duration
    /// The caller's own names to purge by. At most ``maximumTags``; see ``validate()``.
    public var tags: [String]
    /// The caller's version, part of the key and a name to purge by. Empty for none.
    public var version: String
    /// Which of several distinct cached answers to one request is meant: part of the key. 0 by default.
    public var sample: Int
    /// What the cache may do for the request.
    public var mode: CacheMode
    /// The stop reasons whose answers are stored.
    public var storable: StorableReasons
    /// What becomes of the upstream call when the last caller that waits for it leaves.
    public var onAbandon: OnAbandon

    /// The most tags a policy may have: an entry's ``Label/maximumCount`` less the labels that the cache adds itself
    /// (the model asked for, the model that answered, the version).
    public static let maximumTags = Label.maximumCount - 3

    /// Creates a policy. Nothing is checked here: see ``validate()``.
    public init(
        ttl: Duration = .days(7), maximumAge: Duration? = nil, staleWhileRevalidate: Duration = .zero,
        staleIfError: Duration = .zero, tags: [String] = [], version: String = "", sample: Int = 0,
        mode: CacheMode = .normal, storable: StorableReasons = .default,
        onAbandon: OnAbandon = .finish
    ) {
        self.ttl = ttl
        self.maximumAge = maximumAge
        self.staleWhileRevalidate = staleWhileRevalidate
        self.staleIfError = staleIfError
        self.tags = tags
        self.version = version
        self.sample = sample
        self.mode = mode
        self.storable = storable
        self.onAbandon = onAbandon
    }
}

extension CachePolicy {
    /// How old an answer may be and still be given.
    var acceptedAge: Duration { self.maximumAge.map { min($0, self.ttl) } ?? self.ttl }
}

/// The stop reasons whose answers a policy stores. No other reason can ever be stored: a refusal, a paused turn, a
/// compaction, a full context window, and whatever is added to the API later.
public struct StorableReasons: OptionSet, Hashable, Sendable {
    /// One bit per reason.
    public let rawValue: UInt8

    /// Creates a set from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The model finished.
    public static let endTurn = StorableReasons(rawValue: 1)
    /// The model produced one of the request's stop sequences.
    public static let stopSequence = StorableReasons(rawValue: 2)
    /// The model asks for a client tool.
    public static let toolUse = StorableReasons(rawValue: 4)
    /// The answer was cut at `max_tokens`. Not in ``default``: such an answer is usually half of one.
    public static let maxTokens = StorableReasons(rawValue: 8)

    /// ``endTurn``, ``stopSequence`` and ``toolUse``.
    public static let `default`: StorableReasons = [.endTurn, .stopSequence, .toolUse]

    /// Whether the set holds the reason that the API spells `name`.
    func contains(name: String) -> Bool {
        switch name {
        case "end_turn": self.contains(.endTurn)
        case "stop_sequence": self.contains(.stopSequence)
        case "tool_use": self.contains(.toolUse)
        case "max_tokens": self.contains(.maxTokens)
        default: false
        }
    }
}

/// What becomes of an upstream call when the last caller that waits for it leaves.
public struct OnAbandon: Hashable, Sendable {
    enum Kind: Hashable { case finish, cancel }
    let kind: Kind

    /// Let it finish and store the answer, for up to ten minutes: an SDK that timed out will ask again. A call whose
    /// answer would not be stored is cancelled at once.
    public static let finish = OnAbandon(kind: .finish)
    /// Cancel it.
    public static let cancel = OnAbandon(kind: .cancel)
}
