import Logging
public import RefrainCore
public import RefrainKeys

/// A client of the Claude Messages API that answers a repeated request without asking the API again.
///
/// ```swift
/// let claude = try CachedClaude(scope: .credential)
/// let reply = try await claude.messages.create(
///     model: .sonnet, maxTokens: 1_024, messages: [.user("What is a quokka?")]
/// )
/// print(reply.message.text, reply.cache)
/// ```
///
/// A client keeps its connections and its memory until ``shutdown()``; make one and share it.
public final class CachedClaude: Sendable {
    /// The response cache. Several clients may share one: their scopes keep them apart.
    public let cache: ResponseCache
    /// How requests use the cache that say nothing else.
    public let policy: CachePolicy
    /// Who marks the prompts of requests that say nothing else for the API's prompt cache.
    public let promptCaching: PromptCaching
    /// Who shares answers with this client.
    public let scope: Scope
    /// Prices, and the prompt cache's minimums.
    public let models: ModelTable

    let endpoint: Endpoint
    let transport: any HTTPTransport
    let time: TimeSource
    let logger: Logger
    let maximumResponseBytes: Int
    private let deriver: KeyDeriver
    private let keyOptions: KeyOptions
    private let ownsCache: Bool
    /// Tells this client's credential from others that share its scope.
    let credentialFingerprint: String

    /// Creates a client with a cache of its own.
    ///
    /// - Parameters:
    ///   - apiKey: The credential.
    ///   - scope: Who shares answers with this client.
    ///   - memory: How much the memory tier may hold.
    ///   - shared: A slower tier behind memory; nil for none.
    ///   - policy: How requests use the cache that say nothing else.
    ///   - promptCaching: Who marks prompts for the API's prompt cache.
    ///   - configuration: How the API is reached.
    public convenience init(
        apiKey: ClaudeCredential = .environment, scope: Sharing, memory: MemoryStore.Configuration = .megabytes(256),
        shared: ResponseCache.SecondTier? = nil, policy: CachePolicy = CachePolicy(),
        promptCaching: PromptCaching = .automatic, configuration: Configuration = Configuration()
    ) throws(ClientConfigurationError) {
        let cache = ResponseCache(
            memory: MemoryStore(
                memory, generations: shared?.generations ?? GenerationTracker(), time: configuration.time
            ), second: shared, models: configuration.models, time: configuration.time
        )
        try self.init(
            apiKey: apiKey, scope: scope, cache: cache, ownsCache: true, policy: policy, promptCaching: promptCaching,
            configuration: configuration
        )
    }

    /// Creates a client on a cache that others use too. ``shutdown()`` leaves that cache running.
    ///
    /// - Parameters:
    ///   - apiKey: The credential.
    ///   - scope: Who shares answers with this client.
    ///   - cache: The cache.
    ///   - policy: How requests use the cache that say nothing else.
    ///   - promptCaching: Who marks prompts for the API's prompt cache.
    ///   - configuration: How the API is reached.
    public convenience init(
        apiKey: ClaudeCredential = .environment, scope: Sharing, cache: ResponseCache,
        policy: CachePolicy = CachePolicy(), promptCaching: PromptCaching = .automatic,
        configuration: Configuration = Configuration()
    ) throws(ClientConfigurationError) {
        try self.init(
            apiKey: apiKey, scope: scope, cache: cache, ownsCache: false, policy: policy, promptCaching: promptCaching,
            configuration: configuration
        )
    }

    private init(
        apiKey: ClaudeCredential, scope: Sharing, cache: ResponseCache, ownsCache: Bool, policy: CachePolicy,
        promptCaching: PromptCaching, configuration: Configuration
    ) throws(ClientConfigurationError) {
        do throws(CachePolicyError) {
            try policy.validate()
        } catch {
            throw ClientConfigurationError(.invalidPolicy, error.description)
        }
        let credential = try Self.credential(apiKey, configuration)
        let base = try BaseURL(
            configuration.baseURL ?? Self.variable("ANTHROPIC_BASE_URL", configuration) ?? BaseURL.standard
        )
        self.endpoint = try Endpoint(configuration, base: base, credential: credential)
        let own = Scope.credential(
            apiKey: credential?.secret.exposed, authorization: nil, workspace: configuration.workspace,
            userProfile: configuration.userProfile
        )
        self.credentialFingerprint = own?.fingerprint ?? ""
        switch scope.kind {
        case .scope(let scope): self.scope = scope
        case .credential:
            guard let own else {
                throw ClientConfigurationError(.missingCredential, "a scope by credential needs a credential")
            }
            self.scope = own
        }
        self.cache = cache
        self.ownsCache = ownsCache
        self.policy = policy
        self.promptCaching = promptCaching
        self.models = configuration.models
        self.transport = RetryingTransport(
            configuration.transport ?? CurlTransport(), policy: configuration.retry, time: configuration.time
        )
        self.time = configuration.time
        self.logger = configuration.logger
        self.maximumResponseBytes = configuration.maximumResponseBytes
        self.keyOptions = configuration.keyOptions
        self.deriver = KeyDeriver(
            Self.context(self.endpoint, self.scope, configuration.keyOptions, policy)
        )
    }

    private static func credential(
        _ credential: ClaudeCredential, _ configuration: Configuration
    ) throws(ClientConfigurationError) -> ClaudeCredential.Presentable? {
        switch credential.source {
        case .none: return nil
        case .given(let given):
            guard !given.secret.exposed.isEmpty else {
                throw ClientConfigurationError(.missingCredential, "the given credential is empty")
            }
            return given
        case .environment:
            if let key = Self.variable("ANTHROPIC_API_KEY", configuration) {
                return .init(kind: .key, secret: Secret(key))
            }
            if let token = Self.variable("ANTHROPIC_AUTH_TOKEN", configuration) {
                return .init(kind: .token, secret: Secret(token))
            }
            throw ClientConfigurationError(
                .missingCredential, "neither ANTHROPIC_API_KEY nor ANTHROPIC_AUTH_TOKEN is set"
            )
        }
    }

    /// A variable that is set and not empty.
    private static func variable(_ name: String, _ configuration: Configuration) -> String? {
        configuration.environment(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The Messages API.
    public var messages: Messages { Messages(client: self) }

    /// Frees the memory of entries that are past their time or purged, from time to time, until the task is cancelled.
    ///
    /// Optional: such entries are never given, and make room when it is needed. A cache that was passed in is its
    /// owner's to sweep.
    public func run() async {
        if self.ownsCache { await self.cache.memory.run() }
    }

    /// Waits for the calls under way, and lets go of connections and memory.
    ///
    /// Calls after it fail. A transport that the configuration brought along is shut down too; a cache that was passed
    /// in is not.
    public func shutdown() async {
        if self.ownsCache { await self.cache.shutdown() }
        await self.transport.shutdown()
    }
}

// MARK: - Keys

extension CachedClaude {
    /// What derives the keys of requests under `policy`.
    func deriver(for policy: CachePolicy) -> KeyDeriver {
        if policy.sample == self.policy.sample, policy.version == self.policy.version { return self.deriver }
        return KeyDeriver(Self.context(self.endpoint, self.scope, self.keyOptions, policy))
    }

    private static func context(
        _ endpoint: Endpoint, _ scope: Scope, _ options: KeyOptions, _ policy: CachePolicy
    ) -> KeyContext {
        KeyContext(
            scope: scope, origin: endpoint.base.text, path: Endpoint.Path.messages, version: endpoint.version,
            betas: endpoint.betas, userVersion: policy.version, sampleIndex: policy.sample, options: options
        )
    }

    /// Whether the form of the answer is part of the key.
    var keysStreaming: Bool { self.keyOptions.fallbacks }
}

extension CachedClaude: CustomStringConvertible, CustomReflectable {
    /// Where the API is, and whose answers are shared.
    public var description: String { "CachedClaude(\(self.endpoint.base.text), \(self.scope.fingerprint))" }

    /// What is safe to show: no credential is in it.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "baseURL": self.endpoint.base.text, "scope": self.scope.fingerprint, "policy": self.policy,
                "promptCaching": self.promptCaching.description,
            ]
        )
    }
}
