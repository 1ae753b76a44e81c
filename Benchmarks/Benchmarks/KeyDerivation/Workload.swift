/// The two kinds of request bodies that are measured, as the official SDKs write them: compact JSON.
enum Workload: String {
    /// A system prompt and a conversation: few and long strings, with quotes and line feeds.
    case chat
    /// Many tools with schemas and a short question: many and short values.
    case tools

    /// A body of about `bytes` bytes.
    func body(bytes: Int) -> [UInt8] {
        var parts: [String] = []
        switch self {
        case .chat:
            var size = 200
            var turn = 0
            while size < bytes {
                let paragraphs = max(1, min(6, (bytes - size) / 330))
                let text = Array(repeating: Self.paragraph, count: paragraphs).joined(separator: "\\n\\n")
                parts.append(#"{"role":"\#(turn % 2 == 0 ? "user" : "assistant")","content":"\#(turn): \#(text)"}"#)
                size += text.utf8.count + 50
                turn += 1
            }
            return Array(
                #"{"max_tokens":1024,"messages":[\#(parts.joined(separator: ","))],"model":"claude-opus-5-5","system":"You answer in one paragraph.","stream":true}"#
                    .utf8)
        case .tools:
            var size = 200
            while size < bytes {
                let tool = Self.tool(parts.count)
                size += tool.utf8.count + 1
                parts.append(tool)
            }
            return Array(
                #"{"max_tokens":1024,"messages":[{"role":"user","content":"What is the weather in Paris?"}],"model":"claude-opus-5-5","tools":[\#(parts.joined(separator: ","))]}"#
                    .utf8)
        }
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
