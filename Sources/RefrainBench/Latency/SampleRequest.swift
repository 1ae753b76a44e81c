/// The two kinds of request bodies that are measured, as the official SDKs write them: compact JSON.
package enum SampleRequest: String, CaseIterable {
    /// A system prompt and a conversation: few and long strings, with quotes and line feeds.
    case chat
    /// Many tools with schemas and a short question: many and short values.
    case tools

    /// A body of `bytes` bytes: at least 600, or it is longer.
    package func body(bytes: Int) -> [UInt8] {
        var parts: [String] = []
        var room = bytes - self.body(parts, last: "").utf8.count
        while true {
            let part = self.part(parts.count, room: room)
            guard part.utf8.count + 1 <= room else { break }
            room -= part.utf8.count + 1
            parts.append(part)
        }
        return Array(self.body(parts, last: Self.text(bytes: room)).utf8)
    }

    private func body(_ parts: [String], last: String) -> String {
        let parts = parts.map { $0 + "," }.joined()
        return switch self {
        case .chat:
            #"{"max_tokens":1024,"messages":[\#(parts){"role":"user","content":"\#(last)"}],"#
                + #""model":"claude-opus-5-5","system":"You answer in one paragraph.","stream":true}"#
        case .tools:
            #"{"max_tokens":1024,"messages":[{"role":"user","content":"What is the weather in Paris?"}],"#
                + #""model":"claude-opus-5-5","tools":[\#(parts){"name":"last","description":"\#(last)","#
                + #""input_schema":{"type":"object"}}]}"#
        }
    }

    /// One turn, or one tool; a turn has as many paragraphs as there is room for.
    private func part(_ index: Int, room: Int) -> String {
        switch self {
        case .chat:
            let text = Array(repeating: Self.paragraph, count: max(1, min(6, room / 500))).joined(separator: "\\n\\n")
            return #"{"role":"\#(index.isMultiple(of: 2) ? "user" : "assistant")","content":"\#(index): \#(text)"}"#
        case .tools: return Self.tool(index)
        }
    }

    /// Plain text of `bytes` bytes.
    static func text(bytes: Int) -> String {
        let words = "A cache that answers a question which was asked before must be sure that it is the same question. "
        return String(String(repeating: words, count: max(0, bytes) / words.utf8.count + 1).prefix(max(0, bytes)))
    }

    private static let paragraph = """
        A cache that answers a question which was asked before must be sure that it is the same question. It \
        compares what the model reads, not how a client happened to write it down: \\"the order of members\\" and \
        the white space between them are the client's.\\n- What changes an answer is in the key.\\n- What cannot \
        change it is not.
        """

    private static func tool(_ index: Int) -> String {
        #"{"name":"lookup_\#(index)","description":"Looks up record \#(index) in the directory and returns its fields.","input_schema":{"type":"object","properties":{"id":{"type":"string","description":"The record's id"},"fields":{"type":"array","items":{"type":"string","enum":["name","mail","phone","title"]}},"limit":{"type":"integer","minimum":1,"maximum":100,"default":20},"verbose":{"type":"boolean"}},"required":["id"],"additionalProperties":false}}"#
    }
}
