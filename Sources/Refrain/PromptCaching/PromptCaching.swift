/// Who places the `cache_control` marks that make the Claude API cache a request's prefix.
///
/// This is the API's own prompt cache, which makes a prefix cheaper that was sent before; it is another thing than
/// Refrain's response cache, which answers without the API.
public struct PromptCaching: Hashable, Sendable, CustomStringConvertible {
    enum Mode: Hashable, Sendable {
        case off, manual
        case automatic(PromptCacheTTL)
    }

    let mode: Mode

    private init(_ mode: Mode) { self.mode = mode }

    /// Refrain neither places marks nor looks for them: the body goes out as it came.
    public static let off = PromptCaching(.off)

    /// The caller places the marks: the body goes out as it came, and the report lists the marks in it.
    public static let manual = PromptCaching(.manual)

    /// Refrain marks the end of the tools, the end of the system prompt and, where an assistant turn is present, the
    /// conversation, each for five minutes. A request in which the caller has marked anything goes out as it came.
    public static let automatic = PromptCaching(.automatic(.fiveMinutes))

    /// As ``automatic``, with marks of the given lifetime.
    ///
    /// An hour's write costs twice the input price rather than 1.25 times, so it pays from the second read on.
    public static func automatic(ttl: PromptCacheTTL) -> PromptCaching { PromptCaching(.automatic(ttl)) }

    /// `off`, `manual`, `automatic` or `automatic-1h`.
    public var description: String {
        switch self.mode {
        case .off: "off"
        case .manual: "manual"
        case .automatic(.fiveMinutes): "automatic"
        case .automatic(.oneHour): "automatic-1h"
        }
    }
}

/// How long the Claude API keeps a prefix, from the start of the request that last wrote or read it.
public enum PromptCacheTTL: String, Hashable, Sendable, CaseIterable {
    /// Five minutes: a write costs 1.25 times the input price.
    case fiveMinutes = "5m"
    /// An hour: a write costs twice the input price.
    case oneHour = "1h"

    /// The mark as it stands in a request. Five minutes is the API's default and is left out.
    var mark: [UInt8] {
        switch self {
        case .fiveMinutes: Array(#"{"type":"ephemeral"}"#.utf8)
        case .oneHour: Array(#"{"type":"ephemeral","ttl":"1h"}"#.utf8)
        }
    }
}
