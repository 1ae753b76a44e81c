/// What deriving a key came to.
public enum KeyOutcome: Hashable, Sendable {
    /// The request has a key.
    case key(KeyedRequest)
    /// The request is not to be cached.
    case bypass(BypassReason)

    /// The key; nil where there is none.
    public var key: RequestKey? {
        switch self {
        case .key(let request): request.key
        case .bypass: nil
        }
    }
}

/// A request's key, and what else its one scan found out.
public struct KeyedRequest: Hashable, Sendable {
    /// The name of the answer.
    public var key: RequestKey
    /// Whether the caller wants events: `stream` is `true`.
    public var isStreaming: Bool
    /// Where in the body the content of the string `model` stands, without its quotes and with its escapes; nil where
    /// it is no string.
    public var model: Range<Int>?
    /// Whether the messages hold a tool call, so that a hit's tool calls must be compared with them.
    public var hasToolUse: Bool

    /// Creates a description of a keyed request.
    public init(key: RequestKey, isStreaming: Bool, model: Range<Int>?, hasToolUse: Bool) {
        self.key = key
        self.isStreaming = isStreaming
        self.model = model
        self.hasToolUse = hasToolUse
    }
}
