import RefrainCore
import RefrainKeys

/// Recorded requests to language models whose answers have sizes and costs.
package enum RecordedWorkload: String, CaseIterable, Sendable {
    /// An agent's test suite over its commits (OpenHands): every prompt with its answer, priced as Sonnet 4.5.
    case openHands = "OpenHands re-runs"
    /// Tree search with samples (Tree of Thoughts, game of 24): the sample's number is part of the key. The answers were
    /// not recorded; they are given the length that such answers have, and priced as Sonnet 4.5.
    case treeOfThoughts = "Tree of Thoughts"
    /// The same without the sample's number, as a cache for temperature 0 would see it.
    case treeOfThoughtsByPrompt = "Tree of Thoughts, by prompt"
    /// Requests to the real API that test suites recorded, with the model and the usage of each.
    case cassettes = "cassettes"
    /// A benchmark of few-shot prompts (BIG-Bench Hard), run three times over in the same order, priced as Haiku 4.5. Only
    /// one run was recorded, in which next to nothing repeats.
    case fewShotThrice = "few-shot, thrice"

    /// The name of the file that it is read from.
    private var file: String {
        switch self {
        case .openHands: "openhands_ci_reruns.json.xz"
        case .treeOfThoughts, .treeOfThoughtsByPrompt: "tot_game24_calls.jsonl.xz"
        case .cassettes: "anthropic_cassettes.jsonl.xz"
        case .fewShotThrice: "fewshot_bbh_codex.jsonl.xz"
        }
    }

    /// Where it comes from, for whoever has to fetch it.
    private var source: String {
        switch self {
        case .openHands: "made from tests/integration/mock of https://github.com/All-Hands-AI/OpenHands, by commit"
        case .treeOfThoughts, .treeOfThoughtsByPrompt:
            "made from logs/game24 of https://github.com/princeton-nlp/tree-of-thought-llm"
        case .cassettes:
            "made from the recorded requests in the tests of https://github.com/pydantic/pydantic-ai and others"
        case .fewShotThrice: "made from code-davinci-002-outputs of https://github.com/suzgunmirac/BIG-Bench-Hard"
        }
    }

    /// Reads the workload from the folder that holds the files.
    ///
    /// - Throws: ``BenchError/Code/missingData`` where the file is not there, with a message that says where it comes from,
    ///   ``BenchError/Code/malformed`` where it does not have the format, and what ``CompressedFile`` throws.
    package func read(folder: String) throws(BenchError) -> EvictionTrace {
        let bytes: [UInt8]
        do {
            bytes = try CompressedFile.read("\(folder)/\(self.file)")
        } catch {
            guard error.code == .missingData else { throw error }
            throw BenchError(
                .missingData, "the workload \(self.rawValue) is not in \(folder): it is \(self.file), \(self.source)")
        }
        var builder = Builder()
        switch self {
        case .openHands: try self.readOpenHands(bytes, into: &builder)
        case .treeOfThoughts: try self.readTree(bytes, withSample: true, into: &builder)
        case .treeOfThoughtsByPrompt: try self.readTree(bytes, withSample: false, into: &builder)
        case .cassettes: try self.readCassettes(bytes, into: &builder)
        case .fewShotThrice: try self.readFewShot(bytes, into: &builder)
        }
        guard !builder.requests.isEmpty else { throw self.malformed("it has no requests") }
        return EvictionTrace(name: self.rawValue, requests: builder.requests)
    }

    /// Numbers keys, and keeps the answer that each had first: that is what a cache stores.
    private struct Builder {
        var requests: [EvictionTrace.Request] = []
        private var numbers: [String: Int32] = [:]
        private var shapes: [AnswerShape] = []

        mutating func add(_ key: String, _ shape: @autoclosure () -> AnswerShape) {
            let number = self.numbers[key] ?? Int32(self.shapes.count)
            if number == self.shapes.count {
                self.numbers[key] = number
                self.shapes.append(shape())
            }
            let shape = self.shapes[Int(number)]
            self.requests.append(EvictionTrace.Request(key: number, size: shape.size, cost: shape.cost))
        }
    }

    private func malformed(_ reason: String) -> BenchError {
        BenchError(.malformed, "\(self.file) is not the workload \(self.rawValue): \(reason)")
    }

    private func scan(_ bytes: [UInt8]) throws(BenchError) -> JSONCursor {
        do {
            return try JSONDocument(bytes, limits: JSONLimits(bytes: .max, depth: 512)).root
        } catch {
            throw self.malformed("its JSON cannot be read: \(error)")
        }
    }

    private func lines(_ bytes: [UInt8]) throws(BenchError) -> [JSONCursor] {
        var lines: [JSONCursor] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) { lines.append(try self.scan(Array(line))) }
        return lines
    }

    private func readOpenHands(_ bytes: [UInt8], into builder: inout Builder) throws(BenchError) {
        let root = try self.scan(bytes)
        guard let suites = root["suites"], let blobs = root["blobs"] else { throw self.malformed("it has no suites") }
        var lengths: [String: Int] = [:]
        for (name, text) in blobs.members {
            if let name = name.string, let text = text.string { lengths[name] = text.utf8.count }
        }
        for suite in suites.elements {
            guard let calls = suite["calls"] else { throw self.malformed("a suite has no calls") }
            for call in calls.elements {
                let names = call.elements.map(\.string)
                // A prompt without its answer is a call that failed: nothing would have been stored.
                guard names.count == 3, let prompt = names[1], let answer = names[2] else { continue }
                builder.add(
                    prompt,
                    AnswerShape(
                        promptBytes: lengths[prompt] ?? 0, textBytes: lengths[answer] ?? 0, model: .sonnet4_5))
            }
        }
    }

    private func readTree(_ bytes: [UInt8], withSample: Bool, into builder: inout Builder) throws(BenchError) {
        var random = TrafficRandomness(seed: 24)
        for call in try self.lines(bytes) {
            guard let prompt = call["prompt"]?.string, let sample = call["sample"]?.int else {
                throw self.malformed("a call has no prompt")
            }
            // A proposal has some eight lines of 25 bytes; an evaluation a few sums and a verdict.
            let median = call["kind"]?.hasContent("propose") == true ? 200.0 : 90
            builder.add(
                withSample ? "\(sample) \(prompt)" : prompt,
                AnswerShape(
                    promptBytes: prompt.utf8.count,
                    textBytes: Int(random.logNormal(median: median, sigma: 0.4)), model: .sonnet4_5))
        }
    }

    private func readFewShot(_ bytes: [UInt8], into builder: inout Builder) throws(BenchError) {
        let calls = try self.lines(bytes)
        for _ in 0..<3 {
            for call in calls {
                guard let prompt = call["prompt"]?.string, let completion = call["completion"]?.string else {
                    throw self.malformed("a call has no prompt and completion")
                }
                builder.add(
                    prompt,
                    AnswerShape(
                        promptBytes: prompt.utf8.count, textBytes: completion.utf8.count, model: .haiku4_5))
            }
        }
    }

    /// Recordings of plain messages; streams and errors are left out.
    private func readCassettes(_ bytes: [UInt8], into builder: inout Builder) throws(BenchError) {
        for recording in try self.lines(bytes) {
            guard recording["status"]?.int == 200, let answer = recording["resp"], answer.kind == .object,
                let usage = answer["usage"], let body = recording["body"], let model = answer["model"]?.string
            else { continue }
            let sent = recording["raw"]?.string.map { Array($0.utf8) } ?? Array(body.raw)
            guard case .key(let keyed) = KeyDeriver(KeyContext(scope: .shared("recorded"))).derive(sent) else {
                continue
            }
            let cost = ModelTable.standard.cost(of: Usage(usage), model: model) ?? 0
            builder.add(keyed.key.hex, AnswerShape(bodyBytes: answer.raw.count, cost: cost))
        }
    }
}
