import RefrainCore
import RefrainKeys

/// Traces that users have themselves: files of JSON Lines, plain or compressed.
///
/// A line is one of
/// - a request body;
/// - `{"custom_id": …, "params": body}`, as in a message batch;
/// - `{"body": body}` with, optionally, `time` (RFC 3339, or a number since 1970), `sample`, `session`,
///   `beta` (the value of `anthropic-beta`), `latency_ms` and `response` (the message that was answered);
/// - a record of the gateway's request log, of which the key and the usage are replayed.
///
/// The optional members may stand beside `params` too. Lines of different kinds may be mixed.
package enum UserTrace {
    /// Reads the file at `path`.
    ///
    /// - Parameters:
    ///   - kind: What kind of traffic it is: nothing in the file tells.
    /// - Throws: ``BenchError`` with file and line where a line is none of these, and where there are no requests.
    package static func read(_ path: String, kind: TrafficKind) throws(BenchError) -> RequestTrace {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return try Self.read(try CompressedFile.read(path), name: name, kind: kind)
    }

    /// Reads the content of a file called `name`. See ``read(_:kind:)``.
    package static func read(_ bytes: [UInt8], name: String, kind: TrafficKind) throws(BenchError) -> RequestTrace {
        var builder = Builder()
        try JSONLineReader(file: name, bytes: bytes).forEachLine { line, place throws(BenchError) in
            try builder.add(line, place)
        }
        guard !builder.requests.isEmpty else { throw BenchError(.malformed, "\(name) has no requests") }
        guard builder.timed == 0 || builder.timed == builder.requests.count else {
            throw BenchError(
                .malformed,
                "\(name): \(builder.timed) of \(builder.requests.count) lines have a time; either all must, or none")
        }
        let tokens = "tokens are estimated at \(TokenRule.characters) characters each where no usage is recorded"
        return RequestTrace(
            name: name, kind: kind, isTimed: builder.timed > 0, requests: builder.requests, note: tokens)
    }

    private struct Builder {
        var requests: [RequestTrace.Request] = []
        var timed = 0
        private var sessions: [String: Int] = [:]

        mutating func add(_ line: JSONCursor, _ place: JSONLineReader.Line) throws(BenchError) {
            if line["result"] != nil, line["key"] != nil, line["time"] != nil {
                return self.requests.append(try self.record(line, place))
            }
            let body = line["params"] ?? line["body"] ?? line
            guard body.kind == .object else { throw place.malformed("the request is no object") }
            guard body["messages"] != nil else {
                throw place.malformed("neither a request body, nor params, nor a body, nor a record of a request log")
            }
            let model = body["model"]?.string ?? ""
            var usage = Usage(inputTokens: TokenRule.tokens(body.raw))
            var answer: RequestTrace.Answer?
            let isWrapped = body.index != line.index
            if isWrapped, let response = line["response"], response.kind == .object {
                answer = .message(Array(response.raw))
                // A response that is no message, such as an error, tells no usage: that stays estimated.
                let recorded = (try? MessageSummary(json: Array(response.raw)))?.usage ?? Usage()
                usage.outputTokens = recorded.outputTokens
                if recorded.totalInputTokens > 0 { usage = recorded }
            }
            var request = RequestTrace.Request(
                time: Timestamp(milliseconds: PublicTrace.untimed(self.requests.count)),
                content: .body(Array(body.raw)), model: model, usage: usage, answer: answer)
            if isWrapped {
                if let time = line["time"] ?? line["timestamp"] {
                    guard let time = TimeText.timestamp(time) else { throw place.malformed("time is no time") }
                    request.time = time
                    self.timed += 1
                }
                request.sample = max(0, line["sample"]?.int ?? 0)
                request.betas = line["beta"]?.string.map { [$0] } ?? []
                request.latency = Self.latency(line)
                if let session = line["session"]?.string {
                    request.session = self.sessions[session] ?? self.sessions.count
                    self.sessions[session] = request.session
                }
            }
            self.requests.append(request)
        }

        /// A record of the gateway's request log.
        private mutating func record(
            _ line: JSONCursor, _ place: JSONLineReader.Line
        ) throws(BenchError) -> RequestTrace.Request {
            guard let time = line["time"].flatMap(TimeText.timestamp) else { throw place.malformed("time is no time") }
            let content: RequestTrace.Content
            if let hex = line["key"]?.string {
                guard let key = RequestKey(hex: hex) else { throw place.malformed("key is no key") }
                content = .key(key)
            } else {
                content = .unkeyed(line["reason"]?.string ?? "no-key")
            }
            self.timed += 1
            let status = line["status"]?.int ?? 200
            return RequestTrace.Request(
                time: time, content: content, model: line["model"]?.string ?? "",
                usage: Usage(
                    inputTokens: line["input_tokens"]?.int ?? 0, outputTokens: line["output_tokens"]?.int ?? 0,
                    cacheReadTokens: line["cache_read_tokens"]?.int ?? 0,
                    cacheWrite5mTokens: line["cache_write_5m_tokens"]?.int ?? 0,
                    cacheWrite1hTokens: line["cache_write_1h_tokens"]?.int ?? 0),
                answer: status == 200 ? nil : .failure(status: status, []),
                latency: line["result"]?.string == "miss" ? Self.latency(line) : nil)
        }

        private static func latency(_ line: JSONCursor) -> Duration? {
            guard let latency = line["latency_ms"]?.double, latency.isFinite, 0..<1e9 ~= latency else { return nil }
            return .milliseconds(Int64(latency))
        }
    }
}
