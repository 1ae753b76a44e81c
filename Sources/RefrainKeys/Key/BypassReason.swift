/// Why a request has no key, so that it passes through untouched and uncached.
public struct BypassReason: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of reason. Open: later versions may add more, and callers may add their own.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name in lower case with hyphens, fit for a metric label and a header.
        public let description: String

        /// Creates a code. `description` must be fit for a metric label and a header.
        public init(_ description: String) { self.description = description }
    }

    /// The kind of reason.
    public var code: Code
    /// Where in the request: a JSON path or a byte position. Never any of its content. May be empty.
    public var detail: String

    /// Creates a reason.
    public init(_ code: Code, detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The code, and the place where there is one.
    public var description: String { self.detail.isEmpty ? self.code.description : "\(self.code): \(self.detail)" }
}

extension BypassReason.Code {
    /// The body is not a JSON text (RFC 8259).
    public static let invalidJSON = Self("invalid-json")
    /// The body is not UTF-8 (RFC 3629).
    public static let invalidUTF8 = Self("invalid-utf8")
    /// An object has two members of one name, and readers disagree on which of them counts.
    public static let duplicateMember = Self("duplicate-member")
    /// The body is larger than the limit.
    public static let tooLarge = Self("too-large")
    /// The body is nested more deeply than the limit.
    public static let tooDeep = Self("too-deep")
    /// The body holds more values than the limit.
    public static let tooManyValues = Self("too-many-values")
    /// The body is JSON but not an object.
    public static let notAnObject = Self("not-an-object")
    /// The request carries no credential, so nobody is known to share its answer with.
    public static let noCredential = Self("no-credential")
    /// The body's `content-encoding` is not one that Refrain reads.
    public static let contentEncoding = Self("content-encoding")
    /// `max_tokens` is 0: the call warms the prompt cache, and that effect is its point.
    public static let prewarm = Self("max-tokens-zero")
    /// The body is only the newest part of a conversation that the server holds.
    public static let thread = Self("thread")
    /// The server may compact the conversation.
    public static let compaction = Self("compaction")
    /// A token that can be used once.
    public static let fallbackCreditToken = Self("fallback-credit-token")
    /// Code runs in a container on the server.
    public static let container = Self("container")
    /// Skills run in a container on the server.
    public static let skills = Self("skills")
    /// Tools run on servers elsewhere.
    public static let mcpServers = Self("mcp-servers")
    /// The answer reports on an earlier message.
    public static let diagnostics = Self("diagnostics")
    /// A tool that runs on the server, or whose type is not known to run at the client.
    public static let serverTool = Self("server-tool")
    /// An image or document behind a URL, whose bytes may change. Opt in with ``KeyOptions/urlSources``.
    public static let urlSource = Self("url-source")
    /// An uploaded file, which may be deleted. Opt in with ``KeyOptions/fileSources``.
    public static let fileSource = Self("file-source")
    /// Another model may answer. Opt in with ``KeyOptions/fallbacks``.
    public static let fallbacks = Self("fallbacks")
    /// A stored answer holds the id of a tool call that stands in the request already; the API would refuse the next
    /// turn.
    public static let repeatedToolUse = Self("repeated-tool-use")
}

extension BypassReason {
    /// The reason why a body that cannot be read has no key.
    init(_ error: JSONError) {
        switch error.code {
        case .invalidUTF8: self.init(.invalidUTF8, detail: "at byte \(error.offset)")
        case .duplicateMember: self.init(.duplicateMember, detail: "at byte \(error.offset)")
        case .tooLarge: self.init(.tooLarge, detail: "limit \(error.offset) bytes")
        case .tooDeep: self.init(.tooDeep, detail: "at byte \(error.offset)")
        case .tooManyValues: self.init(.tooManyValues, detail: "at byte \(error.offset)")
        default: self.init(.invalidJSON, detail: "\(error)")
        }
    }
}
