import RefrainCore
import RefrainKeys

/// Messages as the API would answer them, for requests whose answer is not recorded, or only as a text.
enum SyntheticMessage {
    /// A message with one text and the given usage.
    static func json(text: [UInt8], model: String, usage: Usage) -> [UInt8] {
        var message: [UInt8] = []
        message.reserveCapacity(text.count + 320)
        message += #"{"id":"msg_replayed","type":"message","role":"assistant","model":"#.utf8
        JSONString.append(model.utf8, quotedTo: &message)
        message += #","content":[{"type":"text","text":"#.utf8
        // The API answers no empty text.
        JSONString.append(text.isEmpty ? Array(".".utf8) : text, quotedTo: &message)
        message +=
            """
            }],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":\(usage.inputTokens),\
            "cache_creation_input_tokens":\(usage.cacheWrite5mTokens + usage.cacheWrite1hTokens),\
            "cache_read_input_tokens":\(usage.cacheReadTokens),"output_tokens":\(usage.outputTokens)}}
            """.utf8
        return message
    }

    /// A message as long as its output tokens are.
    static func json(model: String, usage: Usage) -> [UInt8] {
        let length = min(max(0, usage.outputTokens), 1 << 20) * TokenRule.characters
        return Self.json(text: [UInt8](repeating: UInt8(ascii: "x"), count: length), model: model, usage: usage)
    }
}
