public import Logging
public import RefrainCore
public import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension CachedClaude {
    /// How a client reaches the API. The defaults are those of the official SDKs where they have any.
    public struct Configuration: Sendable {
        /// Where the API is; nil for `ANTHROPIC_BASE_URL`, or where that is unset or empty `https://api.anthropic.com`.
        /// It may have a path, in front of `/v1/messages`.
        public var baseURL: String?
        /// The value of `anthropic-version`, part of the key.
        ///
        /// `2023-06-01` by default: it takes every parameter that `2026-10-21` takes, and the sampling parameters that
        /// the newer version refuses; the answers have the same shape.
        public var version: String
        /// The values of `anthropic-beta`, part of the key.
        public var betas: [String]
        /// The value of `anthropic-workspace-id`, part of a credential's scope.
        public var workspace: String?
        /// The value of `anthropic-user-profile-id`, part of a credential's scope.
        public var userProfile: String?
        /// When a failed call is made again. Never after a byte of a stream was handed on.
        public var retry: RetryPolicy
        /// How long the parts of a call may take. A stream has no total limit, since it is bounded by its pings.
        public var timeouts: HTTPRequest.Timeouts
        /// The most bytes of an answer that is read whole.
        public var maximumResponseBytes: Int
        /// Which requests are keyed that by default are not.
        public var keyOptions: KeyOptions
        /// Prices, and the prompt cache's minimums.
        public var models: ModelTable
        /// What sends the requests; nil for libcurl. The client's own retries are in front of it.
        public var transport: (any HTTPTransport)?
        /// Where the client gets the time.
        public var time: TimeSource
        /// Where the client says what it does, at `debug` and `trace`: statuses, reasons and keys, never content.
        /// Silent by default.
        public var logger: Logger
        /// The environment's variables.
        public var environment: @Sendable (String) -> String?

        /// Creates a configuration. See the properties for the meaning of the parameters.
        public init(
            baseURL: String? = nil, version: String = "2023-06-01", betas: [String] = [], workspace: String? = nil,
            userProfile: String? = nil, retry: RetryPolicy = .init(), timeouts: HTTPRequest.Timeouts = .init(),
            maximumResponseBytes: Int = 64 << 20, keyOptions: KeyOptions = .init(), models: ModelTable = .standard,
            transport: (any HTTPTransport)? = nil, time: TimeSource = .system,
            logger: Logger = Logger(label: "refrain") { _ in SwiftLogNoOpLogHandler() },
            environment: @escaping @Sendable (String) -> String? = Self.processEnvironment
        ) {
            self.baseURL = baseURL
            self.version = version
            self.betas = betas
            self.workspace = workspace
            self.userProfile = userProfile
            self.retry = retry
            self.timeouts = timeouts
            self.maximumResponseBytes = maximumResponseBytes
            self.keyOptions = keyOptions
            self.models = models
            self.transport = transport
            self.time = time
            self.logger = logger
            self.environment = environment
        }

        /// The variable of the process's environment; nil where it is unset.
        public static let processEnvironment: @Sendable (String) -> String? = { name in
            getenv(name).map { String(cString: $0) }
        }
    }

    /// Who shares answers with a client. It is always said, never implied.
    public struct Sharing: Hashable, Sendable {
        enum Kind: Hashable, Sendable {
            case credential
            case scope(Scope)
        }

        let kind: Kind

        /// Whoever holds the same credential, for the same workspace and user profile.
        public static let credential = Sharing(kind: .credential)

        /// Whoever names the same group: its members declare that they are one organisation. Needed where credentials
        /// rotate or are short-lived.
        public static func shared(_ name: String) -> Sharing { Sharing(kind: .scope(.shared(name))) }
    }
}

extension CachedClaude.Configuration: CustomStringConvertible, CustomReflectable {
    /// Where the API is and its version.
    public var description: String { "\(self.shownURL) \(self.version)" }

    /// The base URL, unless it is one that might hold a password.
    private var shownURL: String {
        guard let baseURL else { return "ANTHROPIC_BASE_URL" }
        return (try? BaseURL(baseURL))?.text ?? "(invalid base URL)"
    }

    /// What is safe to show: neither the environment, which holds credentials, nor what the caller passed in.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "baseURL": self.shownURL, "version": self.version, "betas": self.betas, "retry": self.retry,
                "timeouts": self.timeouts,
            ]
        )
    }
}

extension MemoryStore.Configuration {
    /// A memory store of at most so many mebibytes.
    public static func megabytes(_ count: Int) -> MemoryStore.Configuration {
        MemoryStore.Configuration(bytes: count.multipliedReportingOverflow(by: 1 << 20).overflow ? .max : count << 20)
    }
}
