/// Why the model stopped. An open set: new reasons are kept as they come.
public struct StopReason: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name on the wire.
    public let rawValue: String
    /// The name on the wire.
    public var description: String { self.rawValue }

    /// Creates the reason with this name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates the reason with this name.
    public init(stringLiteral value: String) { self.rawValue = value }

    /// The model came to a natural end.
    public static let endTurn: StopReason = "end_turn"
    /// The request's `max_tokens` were used up.
    public static let maxTokens: StopReason = "max_tokens"
    /// One of the request's stop sequences was written.
    public static let stopSequence: StopReason = "stop_sequence"
    /// The model calls a tool of the client.
    public static let toolUse: StopReason = "tool_use"
    /// Half a turn: the API wants the response back to go on.
    public static let pauseTurn: StopReason = "pause_turn"
    /// A safety classifier stepped in.
    public static let refusal: StopReason = "refusal"
    /// The context window was used up.
    public static let modelContextWindowExceeded: StopReason = "model_context_window_exceeded"
    /// The conversation was compacted (beta).
    public static let compaction: StopReason = "compaction"
}
