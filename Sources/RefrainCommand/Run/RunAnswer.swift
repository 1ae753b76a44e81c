import RefrainCore
import RefrainKeys

/// What became of one request of a run.
struct RunAnswer: Sendable {
    /// What the report counts.
    var entry: RunReport.Entry
    /// Where the answer came from, as the HTTP header has it: `HIT-MEMORY`, `MISS`, …; `ERROR` where there is none.
    var cache: String
    /// The HTTP status; nil where no response came.
    var status: Int?
    /// The answer or the error, as JSON.
    var payload: Payload

    enum Payload: Sendable {
        /// The message, byte for byte.
        case response([UInt8])
        /// An error in the API's shape.
        case error([UInt8])
    }

    /// The line that `--output` gets for it, with its line feed. The payload's bytes stand in it unchanged, unless
    /// they hold a line break, which a line cannot.
    func line(customID: String) -> [UInt8] {
        var line = Array(#"{"custom_id":"#.utf8)
        JSONString.append(customID.utf8, quotedTo: &line)
        line += Array(#","cache":"#.utf8)
        JSONString.append(self.cache.utf8, quotedTo: &line)
        if let reason = self.entry.reason {
            line += Array(#","reason":"#.utf8)
            JSONString.append(reason.utf8, quotedTo: &line)
        }
        line += Array(#","status":"#.utf8) + Array((self.status.map(String.init) ?? "null").utf8)
        line += Array(#","latency_ms":"#.utf8)
        line += Array((self.entry.latency / .milliseconds(1)).text(places: 3).utf8)
        switch self.payload {
        case .response(let bytes): line += Array(#","response":"#.utf8) + Self.onOneLine(bytes)
        case .error(let bytes): line += Array(#","error":"#.utf8) + Self.onOneLine(bytes)
        }
        line += Array("}\n".utf8)
        return line
    }

    /// JSON without the line breaks between its tokens; inside strings JSON has none.
    private static func onOneLine(_ bytes: [UInt8]) -> [UInt8] {
        let breaks: [UInt8] = [UInt8(ascii: "\n"), UInt8(ascii: "\r")]
        return bytes.contains(where: breaks.contains) ? bytes.filter { !breaks.contains($0) } : bytes
    }
}
