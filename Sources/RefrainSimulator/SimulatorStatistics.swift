public import RefrainCore

/// What a simulated Claude has been asked, and what it answered.
public struct SimulatorStatistics: Hashable, Sendable {
    /// Requests of any kind.
    public var requests = 0
    /// Calls of `POST /v1/messages` that asked for one body, answered or not.
    public var plainCalls = 0
    /// Calls of `POST /v1/messages` that asked for a stream, answered or not.
    public var streamingCalls = 0
    /// Calls of `POST /v1/messages/count_tokens`.
    public var countTokensCalls = 0
    /// Calls of `GET /v1/models` and `GET /v1/models/{id}`.
    public var modelsCalls = 0
    /// Messages that were answered with status 200.
    public var answers = 0
    /// Requests that were answered with an error, by status.
    public var errors: [Int: Int] = [:]
    /// Requests that a fault struck, by the fault's text.
    public var faults: [String: Int] = [:]
    /// Responses whose client was gone before their end, or that a fault broke off.
    public var unfinished = 0
    /// Message calls in progress now.
    public var inProgress = 0
    /// The most message calls that were in progress at once.
    public var mostInProgress = 0
    /// The tokens of all answers, as they report them.
    public var usage = Usage()

    /// Calls of `POST /v1/messages` of either kind.
    public var messageCalls: Int { self.plainCalls + self.streamingCalls }

    /// Creates statistics of nothing.
    public init() {}
}

/// A request as it arrived.
public struct SimulatedRequest: Sendable {
    /// The method, in upper case.
    public var method: String
    /// The path with its query.
    public var path: String
    /// The header fields.
    public var headers: [HTTPHeader]
    /// The body.
    public var body: [UInt8]

    /// Creates a request.
    public init(method: String, path: String, headers: [HTTPHeader], body: [UInt8]) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// The value of the field called `name` (in lower case), several joined by commas; nil where there is none.
    public func header(_ name: String) -> String? {
        let values = self.headers.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ",")
    }
}
