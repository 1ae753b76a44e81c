/// What the events of a stream amount to.
public enum AssembledStream: Hashable, Sendable {
    /// The whole message, as the API would have answered without `stream`.
    case message([UInt8])
    /// A whole stream that holds something that no message can be made of: it can only be repeated event by event.
    ///
    /// An unknown delta is such a thing, and so is a tool's input that is no JSON: fine-grained tool streaming gives it
    /// as the model wrote it, or as far as `max_tokens` let it write. ``MessageSummary/hasBrokenInput`` tells the
    /// latter, which is not worth keeping.
    case eventsOnly
    /// The API reported an error in the stream.
    case failed(APIErrorBody)
    /// The stream broke off, or is not well formed. It must not be kept, nor given to anyone as a whole.
    case incomplete(IncompleteReason)
}

/// Why a stream is no whole message.
public struct IncompleteReason: Hashable, Sendable, CustomStringConvertible {
    /// A short, stable name, fit for a metric label.
    public let description: String

    private init(_ description: String) { self.description = description }

    /// The stream ended before `message_stop`. Official SDKs do not notice: they must be told by an `error` event or
    /// an aborted connection.
    public static let noMessageStop = IncompleteReason("no-message-stop")
    /// `message_stop` came, but no `stop_reason`.
    public static let noStopReason = IncompleteReason("no-stop-reason")
    /// `message_stop` came while a content block was open.
    public static let openBlock = IncompleteReason("open-block")
    /// A second `message_start`: two streams spliced into one.
    public static let secondMessageStart = IncompleteReason("second-message-start")
    /// An event that cannot stand where it stands: a block out of order, a delta for a block that is not open, an
    /// event before `message_start` or after `message_stop`.
    public static let outOfOrder = IncompleteReason("out-of-order")
    /// An event's data is not JSON, or not of its event's shape.
    public static let invalidEvent = IncompleteReason("invalid-event")
    /// More bytes than the assembler's limit.
    public static let tooLarge = IncompleteReason("too-large")
}
