import RefrainKeys

/// Builds request bodies for traces that hold prompts and no requests.
enum RequestBody {
    /// The model whose prices and minimum stand in for a model that is none of Claude's.
    static let standInModel = "claude-sonnet-4-5"

    /// A request with one message of the user's.
    static func prompt(_ text: [UInt8], model: String = Self.standInModel, extra: String = "") -> [UInt8] {
        var body = Self.head(model, extra)
        body += #""messages":[{"role":"user","content":"#.utf8
        JSONString.append(text, quotedTo: &body)
        body += "}]}".utf8
        return body
    }

    /// A request with the given messages, each a whole JSON object.
    static func messages(
        _ messages: [[UInt8]], system: [UInt8]? = nil, tools: [[UInt8]] = [], model: String = Self.standInModel
    ) -> [UInt8] {
        var body = Self.head(model, "")
        if !tools.isEmpty {
            body += #""tools":["#.utf8
            body += tools.joined(separator: ",".utf8)
            body += "],".utf8
        }
        if let system {
            body += #""system":"#.utf8
            JSONString.append(system, quotedTo: &body)
            body += ",".utf8
        }
        body += #""messages":["#.utf8
        body += messages.joined(separator: ",".utf8)
        body += "]}".utf8
        return body
    }

    /// A message with one text.
    static func message(role: String, _ text: [UInt8]) -> [UInt8] {
        var message = Array(#"{"role":"\#(role)","content":"#.utf8)
        JSONString.append(text, quotedTo: &message)
        message += "}".utf8
        return message
    }

    /// `extra` is more members of the request, each followed by a comma.
    private static func head(_ model: String, _ extra: String) -> [UInt8] {
        Array(#"{"model":"\#(model)","max_tokens":1024,\#(extra)"#.utf8)
    }
}

/// How many tokens a text has, where a trace does not say.
///
/// Four characters to a token, the rule of thumb for English, with which the reference figures of the text traces were
/// made. It is right within a quarter for prose; code and other scripts have more tokens.
enum TokenRule {
    /// The characters of a token.
    static let characters = 4

    /// The number of Unicode scalars of a text in UTF-8.
    @inline(__always)
    static func scalars(_ text: some Sequence<UInt8>) -> Int { text.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }

    /// The tokens of a text in UTF-8, rounded up.
    static func tokens(_ text: some Sequence<UInt8>) -> Int {
        (Self.scalars(text) + Self.characters - 1) / Self.characters
    }
}
