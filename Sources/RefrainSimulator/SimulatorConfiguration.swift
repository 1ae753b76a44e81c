public import RefrainCore

/// How a simulated Claude behaves.
public struct SimulatorConfiguration: Sendable {
    /// The address to listen on.
    public var host: String
    /// The port to listen on; 0 takes a free one.
    public var port: Int
    /// What answers, identifiers and faults are a function of, together with the requests.
    public var seed: UInt64
    /// The time from a request to the first token of its answer.
    public var latency: Duration
    /// How fast tokens follow; nil: at once.
    public var tokensPerSecond: Double?
    /// The longest silence within a stream before a `ping` event is sent.
    public var pingInterval: Duration
    /// Whether the same request gets the same text each time. If not, each answer is a new sample, as the real API's
    /// are. Identifiers differ in any case.
    public var isDeterministic: Bool
    /// What goes wrong.
    public var faults: FaultPlan
    /// The credentials that are accepted and the accounts that they belong to; nil: any, each its own organisation.
    public var accounts: [String: Account]?
    /// Whether parameters that the API does not document are accepted. The real API refuses them.
    public var acceptsUnknownParameters: Bool
    /// The requests to the API kept for ``SimulatorHandle/recordedRequests``: the last so many. Bodies are kept whole.
    public var recordedRequests: Int
    /// Where the simulation gets the time: pacing, and the lifetimes of the prompt cache.
    public var time: TimeSource

    /// Whose credential it is.
    public struct Account: Hashable, Sendable {
        /// The organisation.
        public var organization: String
        /// The workspace, unless the request names one in `anthropic-workspace-id`.
        public var workspace: String

        /// Creates an account.
        public init(organization: String, workspace: String = "default") {
            self.organization = organization
            self.workspace = workspace
        }
    }

    /// Creates a configuration; the defaults answer at once, differently each time, without faults.
    public init(
        host: String = "127.0.0.1", port: Int = 0, seed: UInt64 = 0, latency: Duration = .zero,
        tokensPerSecond: Double? = nil, pingInterval: Duration = .seconds(10), isDeterministic: Bool = false,
        faults: FaultPlan = .none, accounts: [String: Account]? = nil, acceptsUnknownParameters: Bool = false,
        recordedRequests: Int = 0, time: TimeSource = .system
    ) {
        self.host = host
        self.port = port
        self.seed = seed
        self.latency = latency
        self.tokensPerSecond = tokensPerSecond
        self.pingInterval = pingInterval
        self.isDeterministic = isDeterministic
        self.faults = faults
        self.accounts = accounts
        self.acceptsUnknownParameters = acceptsUnknownParameters
        self.recordedRequests = recordedRequests
        self.time = time
    }

    /// The same with the pace of a mid-sized model: 600 ms to the first token, then 80 tokens a second.
    public var realistic: SimulatorConfiguration {
        var copy = self
        copy.latency = .milliseconds(600)
        copy.tokensPerSecond = 80
        return copy
    }
}
