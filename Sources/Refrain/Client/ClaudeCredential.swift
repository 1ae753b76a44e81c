/// What the API knows its caller by.
///
/// It is sent as the official SDKs send it: a key as `x-api-key` under API versions before 2026-10-21 and as
/// `Authorization: Bearer` from that one on, a token as `Authorization: Bearer` always. Either way it is the same scope.
/// It appears in no description, dump, log or error.
public struct ClaudeCredential: Sendable {
    enum Source: Sendable {
        case environment
        case given(Presentable)
        case none
    }

    /// A credential and what it is.
    struct Presentable: Sendable {
        enum Kind: Sendable { case key, token }

        let kind: Kind
        let secret: Secret
    }

    let source: Source

    private init(_ source: Source) { self.source = source }

    /// The key in `ANTHROPIC_API_KEY`, or where that is unset or empty the token in `ANTHROPIC_AUTH_TOKEN`. Read once,
    /// when the client is made.
    public static let environment = ClaudeCredential(.environment)

    /// An API key, such as `sk-ant-…`.
    public static func key(_ key: String) -> ClaudeCredential {
        ClaudeCredential(.given(Presentable(kind: .key, secret: Secret(key))))
    }

    /// A bearer token, such as one of OAuth.
    public static func token(_ token: String) -> ClaudeCredential {
        ClaudeCredential(.given(Presentable(kind: .token, secret: Secret(token))))
    }

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
