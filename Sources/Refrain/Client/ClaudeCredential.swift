/// What the API knows its caller by.
///
/// It is sent as `Authorization: Bearer …`, as the official SDKs of API version 2026-10-21 send keys and tokens alike;
/// the API accepts it under every version. It appears in no description, dump, log or error.
public struct ClaudeCredential: Sendable {
    enum Source: Sendable {
        case environment
        case given(Secret)
        case none
    }

    let source: Source

    private init(_ source: Source) { self.source = source }

    /// `ANTHROPIC_API_KEY`, or where that is unset or empty `ANTHROPIC_AUTH_TOKEN`. Read once, when the client is made.
    public static let environment = ClaudeCredential(.environment)

    /// An API key, such as `sk-ant-…`, or a bearer token.
    public static func key(_ key: String) -> ClaudeCredential { ClaudeCredential(.given(Secret(key))) }

    /// None: for a gateway that adds its own. Such a client needs a `.shared` scope.
    public static let none = ClaudeCredential(.none)
}

extension ClaudeCredential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where the credential comes from, and nothing of it.
    public var description: String {
        switch self.source {
        case .environment: "environment"
        case .given: "given"
        case .none: "none"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { self.description }

    /// The ``description`` alone, so that a dump shows no credential.
    public var customMirror: Mirror { Mirror(self, children: ["source": self.description]) }
}

/// Text that is shown nowhere: its description and its mirror are empty of it.
struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text itself.
    let exposed: String

    init(_ text: String) { self.exposed = text }

    var description: String { "(secret)" }
    var debugDescription: String { "(secret)" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
