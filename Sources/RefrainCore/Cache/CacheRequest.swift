public import RefrainKeys

/// A request as the cache sees it: its key, and what is needed to share, label and account for its answer.
public struct CacheRequest: Sendable {
    /// The name that its answer is stored under. It must differ where the policy's version or sample does: a
    /// `KeyContext` holds both.
    public var key: RequestKey
    /// How it uses the cache.
    public var policy: CachePolicy
    /// The fingerprint of the credential that its upstream call is made with, never the credential itself. Errors that
    /// concern a credential (401, 402, 403, 429) reach only callers with the same one.
    public var credential: String
    /// The model asked for; empty where there is none.
    public var model: String
    /// The bytes that the request itself holds in memory, for the in-flight budget.
    public var bodyBytes: Int
    /// The ids of the `tool_use` blocks in the request's messages. Called only on a hit whose answer has tool calls.
    public var toolUseIDs: @Sendable () -> [String]

    /// Creates a request.
    public init(
        key: RequestKey, policy: CachePolicy = CachePolicy(), credential: String = "", model: String = "",
        bodyBytes: Int = 0, toolUseIDs: @escaping @Sendable () -> [String] = { [] }
    ) {
        self.key = key
        self.policy = policy
        self.credential = credential
        self.model = model
        self.bodyBytes = bodyBytes
        self.toolUseIDs = toolUseIDs
    }
}

/// What an upstream call is asked for.
public struct UpstreamCall: Hashable, Sendable {
    /// Whether the caller wants server-sent events. It is the form of the caller whose call this is, so that the
    /// request's own body can be sent as it stands.
    public let isStreaming: Bool

    /// Creates a call.
    public init(isStreaming: Bool) { self.isStreaming = isStreaming }
}

/// Makes one upstream call and returns its response as soon as the headers are there.
///
/// It runs in a task of the cache's own, which outlives the caller where others wait for the same answer. When that
/// task is cancelled the function, and the body that it returned, must throw soon. A body that ends without an error is
/// taken to be complete as far as the transport knows.
public typealias Upstream = @Sendable (UpstreamCall) async throws -> HTTPResponse
