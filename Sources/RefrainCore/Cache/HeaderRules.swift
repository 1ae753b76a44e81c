/// Which header fields go with an answer in another form than it arrived in.
package enum HeaderRules {
    /// What a replayed stream says of itself.
    package static let eventStream = "text/event-stream; charset=utf-8"
    /// What a message says of itself.
    static let json = "application/json"

    /// The fields that an entry keeps: an allow-list.
    static func stored(_ headers: [HTTPHeader], as form: Envelope.Form) -> [HTTPHeader] {
        var kept = headers.filter { $0.name == "request-id" }
        switch form {
        case .message: kept.insert(HTTPHeader("content-type", Self.json), at: 0)
        case .events: kept.insert(HTTPHeader("content-type", Self.eventStream), at: 0)
        case .bytes: break
        }
        return kept
    }

    /// The fields that a caller is given who shares another's call: an allow-list, since rate limits, cookies and the
    /// organisation are the other's.
    static func shared(_ headers: [HTTPHeader]) -> [HTTPHeader] {
        headers.filter { ["content-type", "cache-control", "request-id"].contains($0.name) }
    }

    /// The fields that a caller is given who shares the error of another's call: those, and when to try again.
    static func sharedByError(_ headers: [HTTPHeader]) -> [HTTPHeader] {
        let kept: Set = ["content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry"]
        return headers.filter { kept.contains($0.name) }
    }

    /// The fields of a stream for one who wants a message, or the other way round: all but those that describe the
    /// body's form.
    package static func converted(_ headers: [HTTPHeader], contentType: String) -> [HTTPHeader] {
        let dropped: Set = ["content-type", "content-length", "transfer-encoding", "content-encoding", "cache-control"]
        return [HTTPHeader("content-type", contentType)] + headers.filter { !dropped.contains($0.name) }
    }

    /// Whether a response is a stream of server-sent events.
    static func isEventStream(_ response: HTTPResponse) -> Bool {
        response.header("content-type")?.lowercased().hasPrefix("text/event-stream") ?? false
    }
}
