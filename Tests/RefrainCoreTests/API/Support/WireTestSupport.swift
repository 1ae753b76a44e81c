import RefrainCore
import RefrainKeys
import Testing

/// All events of `stream`, fed in one piece.
func events(of stream: [UInt8]) throws -> [ServerSentEvent] {
    var parser = SSEParser()
    var events = try parser.feed(stream)
    if let last = parser.finish() { events.append(last) }
    return events
}

/// What the events amount to.
func assembled(_ events: some Sequence<ServerSentEvent>) -> AssembledStream {
    var assembler = MessageAssembler()
    for event in events { assembler.consume(event) }
    return assembler.finish()
}

/// What a stream given by the data of its events amounts to; each event is called by its type.
func assembled(data: [String]) -> AssembledStream {
    assembled(data.map(event))
}

/// The event with this data, called by its type.
func event(_ data: String) -> ServerSentEvent {
    let type = (try? JSONValue(parsing: data))?["type"]?.string ?? "message"
    return ServerSentEvent(name: type, data: Array(data.utf8))
}

extension AssembledStream {
    /// The message as text.
    var text: String? {
        if case .message(let json) = self { String(decoding: json, as: UTF8.self) } else { nil }
    }

    var message: [UInt8]? { if case .message(let json) = self { json } else { nil } }
}

/// The same message told as a stream and put together again.
func replayed(_ message: [UInt8]) throws -> AssembledStream {
    let stream = try MessageReplayer.stream(for: message)
    #expect(try MessageReplayer.events(for: message).flatMap(\.self) == stream)
    return assembled(try events(of: stream))
}

extension JSONValue {
    /// The same value with sorted members, so that values compare without regard to order.
    var sorted: JSONValue {
        switch self {
        case .array(let elements): .array(elements.map(\.sorted))
        case .object(let object):
            .object(JSONObject(object.members.sorted { $0.name < $1.name }.map { ($0.name, $0.value.sorted) }))
        default: self
        }
    }
}

/// A stream of one text block, spelled as the API spells it.
let textStream = [
    #"{"type":"message_start","message":{"model":"claude-haiku-4-5","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":2,"service_tier":"standard"}}}"#,
    #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    #"{"type": "ping"}"#,
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}   }"#,
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" \u00e9 é \/ \ud83d"}}"#,
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ude00\n"}}"#,
    #"{"type":"content_block_stop","index":0  }"#,
    #"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":4}}"#,
    #"{"type":"message_stop"   }"#,
]

/// The message that ``textStream`` tells.
let textMessage =
    #"{"model":"claude-haiku-4-5","id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"Hello \u00e9 é \/ \ud83d\ude00\n"}],"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":4,"service_tier":"standard"}}"#
