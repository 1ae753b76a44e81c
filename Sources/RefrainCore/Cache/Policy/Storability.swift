/// Which answers may be stored. Everything else is given to its callers and forgotten.
package enum Storability {
    /// Why a whole answer with status 200 must not be stored; nil where it may be.
    ///
    /// `summary` is nil where the body could not be read as JSON.
    package static func refusal(of summary: MessageSummary?, storable: StorableReasons) -> CacheReason? {
        guard let summary else { return .notAMessage }
        guard summary.error == nil else { return .errorBody }
        guard summary.isMessage else { return .notAMessage }
        guard let reason = summary.stopReason else { return .noStopReason }
        guard storable.contains(name: reason.rawValue) else { return .stopReason(reason) }
        if summary.isEmpty { return .emptyContent }
        if summary.hasBrokenInput { return .brokenInput }
        if summary.hasServerTools { return .serverTools }
        if summary.hasContainer { return .container }
        if summary.hasFallback { return .fallback }
        if summary.hasMCP { return .mcp }
        if summary.hasCompaction { return .compaction }
        // Tokens that the top level does not count, or another model's: whatever is not a plain turn.
        if summary.iterationKinds.contains(where: { $0 != "message" }) { return .iterations }
        return nil
    }
}

// Why an answer was not stored.
extension CacheReason {
    /// The body is no message.
    public static let notAMessage = CacheReason("not-a-message")
    /// The body is an error, in spite of its status.
    public static let errorBody = CacheReason("error-body")
    /// The message has no stop reason.
    public static let noStopReason = CacheReason("no-stop-reason")
    /// The message has no content.
    public static let emptyContent = CacheReason("empty-content")
    /// A tool's input is no JSON.
    public static let brokenInput = CacheReason("broken-input")
    /// A tool ran on the server.
    public static let serverTools = CacheReason("server-tools")
    /// The message belongs to a container.
    public static let container = CacheReason("container")
    /// Another model stepped in.
    public static let fallback = CacheReason("fallback")
    /// The message has blocks of the MCP connector.
    public static let mcp = CacheReason("mcp")
    /// The message has a compaction block.
    public static let compaction = CacheReason("compaction")
    /// The usage reports iterations of another kind than a message.
    public static let iterations = CacheReason("iterations")
    /// The status is not 200.
    public static let status = CacheReason("status")
    /// The call failed, or its answer was cut short.
    public static let failed = CacheReason("failed")
    /// A purge named the answer while it was on its way.
    public static let purged = CacheReason("purged")
    /// A refresh took the call's place.
    public static let replaced = CacheReason("replaced")
    /// The cache was shut down.
    public static let closed = CacheReason("closed")
    /// No caller's policy stores.
    public static let policy = CacheReason("policy")
    /// The entry is larger than one may be in memory, and a second tier has not taken it either.
    public static let tooLarge = CacheReason("too-large")
    /// Its callers' tags together are more than an entry may carry.
    public static let tooManyLabels = CacheReason("too-many-labels")
    /// A model's name is longer than a label may be.
    public static let labelTooLong = CacheReason("label-too-long")

    /// The policy does not store answers with this stop reason.
    static func stopReason(_ reason: StopReason) -> CacheReason {
        switch reason {
        case .maxTokens: .maxTokens
        case .refusal: .refusal
        case .pauseTurn: .pauseTurn
        case .modelContextWindowExceeded: .contextWindowExceeded
        case .compaction: .compaction
        case .endTurn, .stopSequence, .toolUse: .policy
        // Not its name: reasons are metric labels, and must not grow with what upstream sends.
        default: .unknownStopReason
        }
    }

    /// The answer was cut at `max_tokens`, and the policy does not store such.
    public static let maxTokens = CacheReason("max-tokens")
    /// The model refused.
    public static let refusal = CacheReason("refusal")
    /// The turn is paused.
    public static let pauseTurn = CacheReason("pause-turn")
    /// The context window was full.
    public static let contextWindowExceeded = CacheReason("context-window-exceeded")
    /// The stop reason is unknown to this version.
    public static let unknownStopReason = CacheReason("unknown-stop-reason")
}
