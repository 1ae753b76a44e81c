import RefrainCore
import RefrainKeys

// Sets whose prompts are ids of blocks.
extension PublicTrace {
    func readClaudeCode(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        var groups: [String: Int] = [:]
        var session = 0
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            let id = try place.text("id", of: line)
            let tools = try place.int("tool_tokens", of: line)
            let system = try place.int("system_tokens", of: line)
            var answered: [Int: Int] = [:]
            for request in try place.require("requests", of: line).elements {
                let model = String(decoding: try place.text("m", of: request), as: UTF8.self)
                let input = try place.int("in", of: request)
                let runs = try place.require("h", of: request)
                // The prompt caches of two models have nothing in common.
                let group = groups["\(session) \(model)"] ?? groups.count
                groups["\(session) \(model)"] = group
                var prompt = RequestTrace.Blocks(
                    group: group, runs: try Self.runs(runs, place), toolTokens: tools, systemTokens: system)
                let agent = request["sub"]?.int ?? 0
                let kinds = request["it"]?.elements.compactMap(\.string) ?? []
                prompt.hasTurn = answered[agent] != nil || kinds.contains("tool_result")
                prompt.added = answered[agent].map { $0 + kinds.count }
                answered[agent] = request["ot"].map { Array($0.elements).count }
                let name = "\(String(decoding: id, as: UTF8.self)) \(model) \(input) "
                requests.append(
                    RequestTrace.Request(
                        time: Timestamp(milliseconds: Int64((try place.double("t", of: request) * 1_000).rounded())),
                        content: .key(
                            RequestKey(
                                memoizing: name + String(decoding: runs.raw, as: UTF8.self), in: "claude-code")),
                        model: model,
                        usage: Usage(inputTokens: input, outputTokens: try place.int("out", of: request)),
                        latency: request["api"]?.double.map { .milliseconds(Int64($0 * 1_000)) },
                        session: session, blocks: prompt))
            }
            session += 1
        }
        return self.trace(
            isTimed: true, requests, blocks: .init(tokens: 64),
            note: "times are relative to each session's start; ids of blocks are shared within a session only")
    }

    func readMooncake(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            let input = try place.int("input_length", of: line)
            let ids = try place.require("hash_ids", of: line)
            requests.append(
                RequestTrace.Request(
                    time: Timestamp(milliseconds: Int64(try place.int("timestamp", of: line))),
                    content: .key(
                        RequestKey(
                            memoizing: "\(input) " + String(decoding: ids.raw, as: UTF8.self), in: "mooncake")),
                    model: RequestBody.standInModel,
                    usage: Usage(inputTokens: input, outputTokens: try place.int("output_length", of: line)),
                    session: requests.count, blocks: .init(group: 0, runs: try Self.compressed(ids, place))))
        }
        return self.trace(isTimed: true, requests, blocks: .init(tokens: 512))
    }

    /// Runs as `[[start, count], …]`.
    private static func runs(_ value: JSONCursor, _ place: JSONLineReader.Line) throws(BenchError) -> [BlockRun] {
        var runs: [BlockRun] = []
        for run in value.elements {
            let numbers = run.elements.map(\.int)
            guard numbers.count == 2, let start = numbers[0], let count = numbers[1],
                let start = Int32(exactly: start), let count = Int32(exactly: count), start >= 0, count > 0,
                start < .max - count
            else { throw place.malformed("a run of blocks is no start and count") }
            runs.append(BlockRun(start: start, count: count))
        }
        return runs
    }

    /// Single ids, of which consecutive ones become runs.
    private static func compressed(_ value: JSONCursor, _ place: JSONLineReader.Line) throws(BenchError) -> [BlockRun] {
        var runs: [BlockRun] = []
        for element in value.elements {
            guard let id = element.int.flatMap(Int32.init(exactly:)), 0..<Int32.max ~= id else {
                throw place.malformed("an id of a block is no number from 0 up")
            }
            runs.append(id: id)
        }
        return runs
    }

    func readAzure(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated().dropFirst() {
            let place = JSONLineReader.Line(file: self.file, number: index + 1)
            let fields = line.split(separator: UInt8(ascii: ",")).map {
                String(decoding: $0.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            }
            guard fields.count == 3, let time = TimeText.timestamp(fields[0]), let input = Int(fields[1]),
                let output = Int(fields[2])
            else { throw place.malformed("a line is a time and two numbers") }
            requests.append(
                RequestTrace.Request(
                    time: time, content: .unkeyed("no-prompt"), model: RequestBody.standInModel,
                    usage: Usage(inputTokens: input, outputTokens: output), session: index))
        }
        return self.trace(isTimed: true, requests, note: "no prompts are recorded: only arrivals and lengths")
    }

    func readTraceLab(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            let id = String(decoding: try place.text("round_id", of: line), as: UTF8.self)
            // Only Claude's rounds divide what is new into written and plain.
            let appended = try place.int("newly_append_tokens", of: line)
            let times = line["timing_events"]?.elements.compactMap { $0["timestamp"]?.string } ?? []
            requests.append(
                RequestTrace.Request(
                    time: times.first.flatMap(TimeText.timestamp)
                        ?? Timestamp(milliseconds: Self.untimed(requests.count)),
                    content: .key(RequestKey(memoizing: id, in: "tracelab")),
                    model: String(decoding: try place.text("model", of: line), as: UTF8.self),
                    usage: Usage(
                        inputTokens: line["claude_uncached_input_tokens"]?.int ?? appended,
                        outputTokens: try place.int("output_tokens", of: line),
                        cacheReadTokens: try place.int("prefix_tokens", of: line),
                        cacheWrite5mTokens: line["claude_cache_creation_input_tokens"]?.int ?? 0)))
        }
        return self.trace(isTimed: true, requests, note: "the usage is what the API reported, prompt cache included")
    }
}

extension [BlockRun] {
    /// Adds one id, to the last run where it follows that.
    mutating func append(id: Int32) {
        if let last = self.last, last.start + last.count == id {
            self[self.count - 1].count += 1
        } else {
            self.append(BlockRun(start: id, count: 1))
        }
    }
}
