public import RefrainKeys

/// A name that entries are purged by: a tag, a model or a version.
public struct Label: Hashable, Sendable, CustomStringConvertible {
    /// The label as it is stored: a tag as `tag:…`, a model as `model:…`, a version as `version:…`.
    public let description: String

    /// The most labels one entry may carry.
    public static let maximumCount = 16
    /// The most UTF-8 bytes one label may have, its prefix included.
    public static let maximumBytes = 128

    /// Creates a label from its stored form. Not checked: see ``CachePolicy`` for where a caller's labels are.
    package init(stored description: String) { self.description = description }

    /// A caller's own tag.
    public static func tag(_ name: String) -> Label { Label(stored: "tag:" + name) }
    /// A model, as requested or as it answered.
    public static func model(_ name: String) -> Label { Label(stored: "model:" + name) }
    /// Whether it names a model.
    var isModel: Bool { self.description.hasPrefix("model:") }

    /// A caller's version.
    public static func version(_ name: String) -> Label { Label(stored: "version:" + name) }
}

/// When, in the order of purges, an entry was asked for: the epoch and clock read before its upstream call.
public struct GenerationStamp: Hashable, Sendable {
    /// The namespace's random epoch.
    public var epoch: UInt64
    /// The namespace's purge clock.
    public var clock: UInt64

    /// Creates a stamp.
    public init(epoch: UInt64, clock: UInt64) {
        self.epoch = epoch
        self.clock = clock
    }
}

/// What a purge removes.
public enum Purge: Hashable, Sendable {
    /// The entry under the key.
    case key(RequestKey)
    /// Every entry that carries the label.
    case label(Label)
    /// Every entry created at the moment or earlier: moments have milliseconds, and of two in one none is the later.
    case before(Timestamp)
    /// Every entry.
    case all
}
