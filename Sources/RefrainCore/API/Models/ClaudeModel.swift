/// A model by its exact id. An open set: any id may be given.
public struct ClaudeModel: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The id on the wire.
    public let rawValue: String
    /// The id on the wire.
    public var description: String { self.rawValue }

    /// Names the model with this id.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Names the model with this id.
    public init(stringLiteral value: String) { self.rawValue = value }

    /// Two models are one when their ids have the same scalars.
    public static func == (left: ClaudeModel, right: ClaudeModel) -> Bool {
        left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
    }

    /// Hashes the id.
    public func hash(into hasher: inout Hasher) { hasher.combine(Array(self.rawValue.utf8)) }
}

/// Families: each the newest member that ``ModelTable/standard`` knows. A release of Refrain may move them on, and
/// with them the cache keys; who must stay on a model names it.
extension ClaudeModel {
    /// The newest Fable: ``fable5_2``.
    public static let fable = fable5_2
    /// The newest Mythos: ``mythos5_2``.
    public static let mythos = mythos5_2
    /// The newest Opus: ``opus5_5``.
    public static let opus = opus5_5
    /// The newest Sonnet: ``sonnet5_5``.
    public static let sonnet = sonnet5_5
    /// The newest Haiku: ``haiku5_5``.
    public static let haiku = haiku5_5
}

extension ClaudeModel {
    /// `claude-fable-5-2`
    public static let fable5_2: ClaudeModel = "claude-fable-5-2"
    /// `claude-fable-5-1`
    public static let fable5_1: ClaudeModel = "claude-fable-5-1"
    /// `claude-fable-5`
    public static let fable5: ClaudeModel = "claude-fable-5"
    /// `claude-mythos-5-2`
    public static let mythos5_2: ClaudeModel = "claude-mythos-5-2"
    /// `claude-mythos-5-1`
    public static let mythos5_1: ClaudeModel = "claude-mythos-5-1"
    /// `claude-mythos-5`
    public static let mythos5: ClaudeModel = "claude-mythos-5"
    /// `claude-mythos-preview`
    public static let mythosPreview: ClaudeModel = "claude-mythos-preview"
    /// `claude-opus-5-5`
    public static let opus5_5: ClaudeModel = "claude-opus-5-5"
    /// `claude-opus-5`
    public static let opus5: ClaudeModel = "claude-opus-5"
    /// `claude-opus-4-8`
    public static let opus4_8: ClaudeModel = "claude-opus-4-8"
    /// `claude-opus-4-7`
    public static let opus4_7: ClaudeModel = "claude-opus-4-7"
    /// `claude-opus-4-6`
    public static let opus4_6: ClaudeModel = "claude-opus-4-6"
    /// `claude-opus-4-5`
    public static let opus4_5: ClaudeModel = "claude-opus-4-5"
    /// `claude-sonnet-5-5`
    public static let sonnet5_5: ClaudeModel = "claude-sonnet-5-5"
    /// `claude-sonnet-5`
    public static let sonnet5: ClaudeModel = "claude-sonnet-5"
    /// `claude-sonnet-4-6`
    public static let sonnet4_6: ClaudeModel = "claude-sonnet-4-6"
    /// `claude-sonnet-4-5`, retired on 2026-11-30.
    public static let sonnet4_5: ClaudeModel = "claude-sonnet-4-5"
    /// `claude-haiku-5-5`
    public static let haiku5_5: ClaudeModel = "claude-haiku-5-5"
    /// `claude-haiku-4-5`
    public static let haiku4_5: ClaudeModel = "claude-haiku-4-5"
}
