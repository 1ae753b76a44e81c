/// All that a key depends on besides the body.
public struct KeyContext: Sendable {
    /// Who may share the answer.
    public var scope: Scope
    /// The origin of the service that answers, such as `https://api.anthropic.com`, with a path prefix where it has
    /// one. The case of the host, a default port and a final slash do not matter.
    public var origin: String
    /// The path of the endpoint. A query is ignored: `?beta=true` selects no other behaviour.
    public var path: String
    /// The value of `anthropic-version`.
    public var version: String
    /// The values of the `anthropic-beta` headers; each may hold several, separated by commas. Order and repetition do
    /// not matter, and values that are documented to have no effect are ignored.
    public var betas: [String]
    /// Further header fields that may change the answer, as `name: value`, names in lower case. Order does not matter.
    public var fields: [String]
    /// The caller's own version of whatever else decides the answer, such as a prompt template's.
    public var userVersion: String
    /// Which of several distinct cached answers to one request.
    public var sampleIndex: Int
    /// Which requests are keyed that by default are not.
    public var options: KeyOptions

    /// Creates a context. No I/O and no hashing happen.
    public init(
        scope: Scope,
        origin: String = "https://api.anthropic.com",
        path: String = "/v1/messages",
        version: String = "2023-06-01",
        betas: [String] = [],
        fields: [String] = [],
        userVersion: String = "",
        sampleIndex: Int = 0,
        options: KeyOptions = KeyOptions()
    ) {
        self.scope = scope
        self.origin = origin
        self.path = path
        self.version = version
        self.betas = betas
        self.fields = fields
        self.userVersion = userVersion
        self.sampleIndex = sampleIndex
        self.options = options
    }
}

/// Choices about what is keyed.
public struct KeyOptions: Hashable, Sendable {
    /// Whether a request may refer to images and documents by URL. The bytes behind a URL may change while the key
    /// stays.
    public var urlSources: Bool
    /// Whether a request may refer to uploaded files by their id. A hit answers where the API would report that the
    /// file is gone.
    public var fileSources: Bool
    /// Whether a request may name fallback models. The service may then answer the same request by another model.
    public var fallbacks: Bool
    /// Whether `speed` is part of the key. The documentation says that it changes no answer.
    public var keysSpeed: Bool
    /// The largest and deepest body that is keyed.
    public var limits: JSONLimits

    /// Creates options; all of them are off by default.
    public init(
        urlSources: Bool = false,
        fileSources: Bool = false,
        fallbacks: Bool = false,
        keysSpeed: Bool = false,
        limits: JSONLimits = .request
    ) {
        self.urlSources = urlSources
        self.fileSources = fileSources
        self.fallbacks = fallbacks
        self.keysSpeed = keysSpeed
        self.limits = limits
    }
}
