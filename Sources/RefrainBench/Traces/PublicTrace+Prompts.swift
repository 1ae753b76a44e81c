import RefrainCore
import RefrainKeys

// Sets that hold prompts as texts: each becomes a request with one message of the user's.
extension PublicTrace {
    /// A request with one message, its tokens estimated from its length.
    static func request(
        _ prompt: [UInt8], at milliseconds: Int64, answer: [UInt8]? = nil, extra: String = ""
    ) -> RequestTrace.Request {
        RequestTrace.Request(
            time: Timestamp(milliseconds: milliseconds),
            content: .body(RequestBody.prompt(prompt, extra: extra)), model: RequestBody.standInModel,
            usage: Usage(
                inputTokens: TokenRule.tokens(prompt), outputTokens: answer.map { TokenRule.tokens($0) } ?? 0),
            answer: answer.map { .text($0) }, text: prompt)
    }

    /// Lines of `{timestamp, input, output, session_id}`, the timestamp in microseconds.
    func readTimedPrompts(_ bytes: [UInt8], note: String) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        var sessions: [[UInt8]: Int] = [:]
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            let session = try place.text("session_id", of: line)
            var request = Self.request(
                try place.text("input", of: line), at: Int64(try place.int("timestamp", of: line)) / 1_000,
                answer: try place.text("output", of: line))
            request.session = sessions[session] ?? sessions.count
            sessions[session] = request.session
            requests.append(request)
        }
        return self.trace(isTimed: true, requests, note: note)
    }

    func readFewShot(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            requests.append(
                Self.request(
                    try place.text("prompt", of: line), at: Self.untimed(requests.count),
                    answer: try place.text("completion", of: line)))
        }
        return self.trace(isTimed: false, requests)
    }

    func readTreeOfThought(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        try JSONLineReader(file: self.file, bytes: bytes).forEachLine { line, place throws(BenchError) in
            var request = Self.request(
                try place.text("prompt", of: line), at: Self.untimed(requests.count),
                extra: #""temperature":\#(try place.double("temperature", of: line)),"#)
            request.sample = try place.int("sample", of: line)
            request.session = try place.int("puzzle", of: line)
            requests.append(request)
        }
        return self.trace(
            isTimed: false, requests,
            note: "three samples of a prompt are wanted; no answers are recorded, so output tokens count as none")
    }

    func readNaiveSamples(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        let reader = JSONLineReader(file: self.file, bytes: bytes)
        var requests: [RequestTrace.Request] = []
        for prompt in try reader.document().elements {
            guard let index = prompt["prompt_idx"]?.int, let answers = prompt["ys"] else {
                throw BenchError(.malformed, "\(self.file): a prompt has no prompt_idx or ys")
            }
            for (sample, answer) in answers.elements.enumerated() {
                guard let answer = answer.text else {
                    throw BenchError(.malformed, "\(self.file): an answer is no string")
                }
                var request = Self.request(
                    Array("Game of 24, puzzle \(index)".utf8), at: Self.untimed(requests.count), answer: answer)
                request.sample = sample
                request.session = index
                requests.append(request)
            }
        }
        return self.trace(
            isTimed: false, requests,
            note: "every repeat is wanted as another sample; the prompts themselves are not in the set")
    }

    func readOpenHands(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        let root = try JSONLineReader(file: self.file, bytes: bytes).document()
        guard let suites = root["suites"], let blobs = root["blobs"] else {
            throw BenchError(.malformed, "\(self.file) has no suites and blobs")
        }
        var texts: [String: [UInt8]] = [:]
        for (name, text) in blobs.members { texts[name.string ?? ""] = text.text }
        // Most calls are repeats, and share what they are made of.
        var known: [[String?]: RequestTrace.Request] = [:]
        var requests: [RequestTrace.Request] = []
        for (run, suite) in suites.elements.enumerated() {
            guard let start = suite["t"]?.int, let calls = suite["calls"] else {
                throw BenchError(.malformed, "\(self.file): suite \(run) has no t and calls")
            }
            for (index, call) in calls.elements.enumerated() {
                let names = call.elements.map(\.string)
                guard names.count == 3, let prompt = names[1].flatMap({ texts[$0] }) else {
                    throw BenchError(.malformed, "\(self.file): call \(index) of suite \(run) has no prompt")
                }
                let time = Int64(start) * 1_000 + Self.untimed(index)
                var request =
                    known[[names[1], names[2]]]
                    ?? Self.request(prompt, at: time, answer: names[2].flatMap { texts[$0] })
                known[[names[1], names[2]]] = request
                request.time = Timestamp(milliseconds: time)
                request.session = run
                requests.append(request)
            }
        }
        return self.trace(
            isTimed: true, requests,
            note: "the times are those of the commits; the calls of a suite are taken to be 3 s apart")
    }

    func readCookbook(_ bytes: [UInt8]) throws(BenchError) -> RequestTrace {
        var requests: [RequestTrace.Request] = []
        for (number, document) in try JSONLineReader(file: self.file, bytes: bytes).document().elements.enumerated() {
            guard let content = document["content"]?.text, let chunks = document["chunks"] else {
                throw BenchError(.malformed, "\(self.file): document \(number) has no content and chunks")
            }
            for chunk in chunks.elements {
                guard let text = chunk["content"]?.text else {
                    throw BenchError(.malformed, "\(self.file): a chunk of document \(number) has no content")
                }
                let prompt =
                    Array("<document>\n".utf8) + content + Array("\n</document>\n".utf8)
                    + Array("\nHere is the chunk to be placed within the whole document\n<chunk>\n".utf8) + text
                    + Array(Self.cookbookQuestion.utf8)
                var request = Self.request(prompt, at: Self.untimed(requests.count))
                request.session = number
                requests.append(request)
            }
        }
        return self.trace(
            isTimed: false, requests,
            note: "the wording around document and chunk is not in the set; no answers are recorded")
    }

    /// A question of about the length that such prompts have: 60 tokens.
    private static let cookbookQuestion = """

        </chunk>

        Give a short context that places this chunk within the whole document, so that a search finds the chunk by it. \
        Write the context and nothing else: no preface, no quotation and no remarks about the document as a whole.

        """
}
