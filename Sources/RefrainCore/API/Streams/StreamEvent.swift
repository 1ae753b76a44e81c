import RefrainKeys

/// An event of a streamed answer, typed.
public enum StreamEvent: Hashable, Sendable {
    /// The message begins: without content as a rule, and with the tokens of the prompt.
    case messageStart(Message)
    /// A content block begins.
    case contentBlockStart(index: Int, ContentBlock)
    /// A piece of a content block.
    case contentBlockDelta(index: Int, Delta)
    /// A content block is whole.
    case contentBlockStop(index: Int)
    /// What is known at the end of the message. It may come more than once; the last one holds.
    case messageDelta(MessageDelta)
    /// The message is whole.
    case messageStop
    /// Nothing: the connection is kept alive.
    case ping
    /// The API gives up. What came before is no whole answer.
    case error(APIErrorBody)
    /// An event of a type that this version does not know, or of another shape than its type has; `data` is its JSON,
    /// nil where it is none.
    case unknown(type: String, data: RawJSON?)

    /// A piece of a content block.
    public enum Delta: Hashable, Sendable {
        /// More text.
        case text(String)
        /// More thinking.
        case thinking(String)
        /// The signature of the thinking: it replaces, rather than adds to, what there was.
        case signature(String)
        /// More of the JSON of a tool's input: a part, not JSON by itself.
        case inputJSON(String)
        /// One more citation of the text.
        case citation(RawJSON)
        /// A delta of a type that this version does not know.
        case unknown(type: String, RawJSON)
    }

    /// What is known at the end of the message.
    public struct MessageDelta: Hashable, Sendable {
        /// Why the model stopped.
        public let stopReason: StopReason?
        /// Which stop sequence was written, where one was.
        public let stopSequence: String?
        /// The tokens so far, not those since the last event. Counts that the event leaves out are 0: those of the
        /// whole message are in ``Message/usage``.
        public let usage: Usage
        /// The event's data, for what has no property here.
        public let json: RawJSON
    }

    /// Reads an event. Linear.
    public init(_ event: ServerSentEvent) {
        guard let document = try? JSONDocument(event.data, limits: .response) else {
            self = .unknown(type: event.name ?? "", data: nil)
            return
        }
        let data = document.root
        let type = data["type"]?.string ?? event.name ?? ""
        self = Self.known(type, data) ?? .unknown(type: type, data: RawJSON(data))
    }

    private static func known(_ type: String, _ data: JSONCursor) -> StreamEvent? {
        switch type {
        case "message_start":
            guard let message = data["message"] else { return nil }
            return (try? Message(message, json: Array(message.raw))).map(StreamEvent.messageStart)
        case "content_block_start":
            guard let index = data["index"]?.int, let block = data["content_block"] else { return nil }
            return (try? ContentBlock(block)).map { .contentBlockStart(index: index, $0) }
        case "content_block_delta":
            guard let index = data["index"]?.int, let delta = data["delta"], let type = delta["type"]?.string else {
                return nil
            }
            return .contentBlockDelta(index: index, Delta(type, delta))
        case "content_block_stop": return data["index"]?.int.map(StreamEvent.contentBlockStop)
        case "message_delta":
            guard let delta = data["delta"] else { return nil }
            return .messageDelta(
                MessageDelta(
                    stopReason: delta["stop_reason"]?.string.map(StopReason.init(rawValue:)),
                    stopSequence: delta["stop_sequence"]?.string, usage: data["usage"].map(Usage.init) ?? Usage(),
                    json: RawJSON(data)))
        case "message_stop": return .messageStop
        case "ping": return .ping
        case "error": return .error(APIErrorBody(data))
        default: return nil
        }
    }
}

extension StreamEvent.Delta {
    fileprivate init(_ type: String, _ delta: JSONCursor) {
        switch type {
        case "text_delta":
            if let text = delta["text"]?.string {
                self = .text(text)
                return
            }
        case "thinking_delta":
            if let thinking = delta["thinking"]?.string {
                self = .thinking(thinking)
                return
            }
        case "signature_delta":
            if let signature = delta["signature"]?.string {
                self = .signature(signature)
                return
            }
        case "input_json_delta":
            if let json = delta["partial_json"]?.string {
                self = .inputJSON(json)
                return
            }
        case "citations_delta":
            if let citation = delta["citation"] {
                self = .citation(RawJSON(citation))
                return
            }
        default: break
        }
        self = .unknown(type: type, RawJSON(delta))
    }
}
