public import Refrain
public import RefrainCore
public import RefrainKeys

/// How a gateway listens, whom it serves, and how it uses the cache.
public struct GatewayConfiguration: Sendable {
    /// The address to listen on. Anything but a loopback address opens the gateway to others: see ``adminToken``.
    public var host: String
    /// The port to listen on; 0 takes a free one.
    public var port: Int
    /// Where the API is, with a path in front of `/v1/` where it has one.
    public var upstream: String
    /// How requests use the cache that say nothing else.
    public var policy: CachePolicy
    /// The longest lifetime that a request may ask for; nil for any.
    public var maximumTTL: Duration?
    /// Whether everything is forwarded, and only reported what a cache would have answered.
    public var observes: Bool
    /// Who marks prompts for the API's prompt cache. `.off` by default: what clients send is sent on.
    public var promptCaching: PromptCaching
    /// Which requests are keyed that by default are not.
    public var keyOptions: KeyOptions
    /// The groups that share answers. Who is in none shares with holders of the same credential.
    public var scopes: [NamedScope]
    /// What opens the admin surface; nil leaves it open on a loopback address, and shut on any other.
    public var adminToken: AdminToken?
    /// The certificate chain and private key of the listener, as paths of PEM files; nil for plain HTTP.
    public var tls: TLSFiles?
    /// Bounds on what clients may do.
    public var limits: Limits
    /// How long the parts of an upstream call may take. Streams and uploads have no total limit.
    public var timeouts: HTTPRequest.Timeouts
    /// How long responses on their way may take after a graceful shutdown has begun.
    public var drain: Duration
    /// Prices.
    public var models: ModelTable
    /// The file that one line is appended to for each request of `/v1/messages`; nil for none.
    public var requestLog: String?

    /// Creates a configuration. See the properties for the meaning of the parameters.
    public init(
        host: String = "127.0.0.1", port: Int = 8787, upstream: String = "https://api.anthropic.com",
        policy: CachePolicy = CachePolicy(), maximumTTL: Duration? = nil, observes: Bool = false,
        promptCaching: PromptCaching = .off, keyOptions: KeyOptions = KeyOptions(), scopes: [NamedScope] = [],
        adminToken: AdminToken? = nil, tls: TLSFiles? = nil, limits: Limits = Limits(),
        timeouts: HTTPRequest.Timeouts = .init(), drain: Duration = .seconds(30), models: ModelTable = .standard,
        requestLog: String? = nil
    ) {
        self.host = host
        self.port = port
        self.upstream = upstream
        self.policy = policy
        self.maximumTTL = maximumTTL
        self.observes = observes
        self.promptCaching = promptCaching
        self.keyOptions = keyOptions
        self.scopes = scopes
        self.adminToken = adminToken
        self.tls = tls
        self.limits = limits
        self.timeouts = timeouts
        self.drain = drain
        self.models = models
        self.requestLog = requestLog
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool { AdminGuard.isLoopback(self.host) }

    /// Bounds on what clients may do. Whoever passes one is told so in an error of the API's shape.
    public struct Limits: Hashable, Sendable {
        /// The most bytes of a body of `/v1/messages`, compressed or not: 32 MB, the API's own limit. Other bodies are
        /// passed through and not bounded.
        public var bodyBytes: Int
        /// The most bytes of a request's header fields together.
        public var headerBytes: Int
        /// The most connections at a time.
        public var connections: Int
        /// How long the head of a request may take, and a connection stay idle between two requests.
        public var idle: Duration
        /// How long a client may take between two pieces of its body, or to take a piece of a response.
        public var stall: Duration

        /// Creates limits.
        public init(
            bodyBytes: Int = 32 << 20, headerBytes: Int = 80 << 10, connections: Int = 20_000,
            idle: Duration = .seconds(75), stall: Duration = .seconds(60)
        ) {
            self.bodyBytes = bodyBytes
            self.headerBytes = headerBytes
            self.connections = connections
            self.idle = idle
            self.stall = stall
        }
    }

    /// A certificate chain and its private key, each in a PEM file.
    public struct TLSFiles: Hashable, Sendable {
        /// The path of the certificate chain, the server's own first.
        public var certificate: String
        /// The path of the private key.
        public var key: String

        /// Names the files.
        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }
}

/// Why a gateway cannot start.
public struct GatewayConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, where, and what would be right. No secret is in it.
    public let description: String

    init(_ description: String) { self.description = description }
}
