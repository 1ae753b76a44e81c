public import RefrainKeys

/// What a store holds for a key: an answer, and all that is needed to decide whether it may still be given.
///
/// Immutable, and shared by reference: a hit retains it and copies nothing.
public final class Envelope: Sendable {
    /// How the body is to be read.
    public enum Form: UInt8, Sendable {
        /// One Messages API message as JSON, ready to send.
        case message = 0
        /// Server-sent events of a stream that cannot be assembled: answers streams only.
        case events = 1
        /// Bytes of the caller's own, from `memoize`.
        case bytes = 2
    }

    /// The key it was stored under, checked on every read from a shared tier.
    public let key: RequestKey
    /// How the body is to be read.
    public let form: Form
    /// When the answer was complete.
    public let created: Timestamp
    /// Until when it is given without a question.
    public let freshUntil: Timestamp
    /// Until when it may be given while or because a new answer is not there. Never before ``freshUntil``.
    public let staleUntil: Timestamp
    /// The generation that was current when its upstream call was made.
    public let generation: GenerationStamp
    /// The names it can be purged by; at most ``Label/maximumCount``.
    public let labels: [Label]
    /// What it is about and what it cost.
    public let details: Details
    /// The response headers that are replayed: an allow-list, `content-type` and `request-id`.
    public let headers: [HTTPHeader]
    /// The body's bytes.
    public let body: [UInt8]

    /// What an entry is about: for reports, purges and the checks that a hit needs.
    public struct Details: Hashable, Sendable {
        /// The model that was asked for; empty for memoized bytes.
        public var requestedModel: String
        /// The model that answered; empty for memoized bytes.
        public var answeringModel: String
        /// The tokens that the stored response reports.
        public var usage: Usage
        /// What the upstream call cost in US dollars; nil where the model has no known price.
        public var cost: Double?
        /// How long the upstream call took, in milliseconds, from its start to the last byte.
        public var upstreamMilliseconds: UInt32
        /// The ids of the `tool_use` blocks in the answer: a request that already holds one must not get it again.
        public var toolUseIDs: [String]

        /// Creates details.
        public init(
            requestedModel: String = "", answeringModel: String = "", usage: Usage = Usage(), cost: Double? = nil,
            upstreamMilliseconds: UInt32 = 0, toolUseIDs: [String] = []
        ) {
            self.requestedModel = requestedModel
            self.answeringModel = answeringModel
            self.usage = usage
            self.cost = cost
            self.upstreamMilliseconds = upstreamMilliseconds
            self.toolUseIDs = toolUseIDs
        }
    }

    /// Creates an envelope. `staleUntil` earlier than `freshUntil` is raised to it.
    public init(
        key: RequestKey, form: Form, created: Timestamp, freshUntil: Timestamp, staleUntil: Timestamp,
        generation: GenerationStamp, labels: [Label], details: Details, headers: [HTTPHeader], body: [UInt8]
    ) {
        self.key = key
        self.form = form
        self.created = created
        self.freshUntil = freshUntil
        self.staleUntil = max(freshUntil, staleUntil)
        self.generation = generation
        self.labels = labels
        self.details = details
        self.headers = headers
        self.body = body
    }
}
