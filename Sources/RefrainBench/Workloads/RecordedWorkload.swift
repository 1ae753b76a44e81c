import RefrainCore

/// Public sets of requests as eviction policies are compared on them: see ``PublicTrace`` for what they are.
package enum RecordedWorkload: String, CaseIterable, Sendable {
    /// An agent's test suite over its commits, priced as Sonnet 4.5.
    case openHands = "OpenHands re-runs"
    /// Tree search with samples: the sample's number is part of the key. The answers were not recorded; they are given the
    /// length that such answers have, and priced as Sonnet 4.5.
    case treeOfThoughts = "Tree of Thoughts"
    /// The same without the sample's number, as a cache for temperature 0 would see it.
    case treeOfThoughtsByPrompt = "Tree of Thoughts, by prompt"
    /// Requests to the real API that test suites recorded, with the model and the usage of each: streams aside, and with the
    /// answers that `max_tokens` cut off.
    case cassettes = "cassettes"
    /// A benchmark of few-shot prompts, run three times over in the same order, priced as Haiku 4.5. Only one run was
    /// recorded, in which next to nothing repeats.
    case fewShotThrice = "few-shot, thrice"

    private var set: PublicTrace {
        switch self {
        case .openHands: .openHands
        case .treeOfThoughts, .treeOfThoughtsByPrompt: .treeOfThought
        case .cassettes: .cassettes
        case .fewShotThrice: .fewShot
        }
    }

    /// Reads the workload from the folder that holds the public sets.
    ///
    /// - Throws: As ``PublicTrace/read(folder:)``, and ``BenchError/Code/nothingToStore`` where the set has no answers.
    package func read(folder: String) throws(BenchError) -> EvictionTrace {
        do throws(BenchError) {
            var trace = try self.trace(try self.set.read(folder: folder))
            // All workloads stand in one table: it is about policies, and not about kinds of traffic.
            trace.kind = nil
            return trace
        } catch {
            throw BenchError(error.code, "\(self.rawValue): \(error.message)")
        }
    }

    private func trace(_ recorded: RequestTrace) throws(BenchError) -> EvictionTrace {
        var recorded = recorded
        recorded.name = self.rawValue
        switch self {
        case .openHands: return try EvictionTrace(recorded)
        case .cassettes:
            let plain = recorded.filter { if case .events? = $1.answer { false } else { true } }
            return try EvictionTrace(plain, storable: [.default, .maxTokens])
        case .treeOfThoughts: return try Self.withDrawnAnswers(recorded, keysSample: true)
        case .treeOfThoughtsByPrompt: return try Self.withDrawnAnswers(recorded, keysSample: false)
        case .fewShotThrice:
            let span = PublicTrace.untimed(recorded.requests.count)
            let requests = recorded.requests
            recorded.requests = (0..<Int64(3)).flatMap { run in
                requests.map { request in
                    var request = request
                    request.time = request.time.advanced(by: .milliseconds(span * run))
                    request.model = ClaudeModel.haiku4_5.rawValue
                    return request
                }
            }
            return try EvictionTrace(recorded)
        }
    }

    private static func withDrawnAnswers(_ recorded: RequestTrace, keysSample: Bool) throws(BenchError) -> EvictionTrace
    {
        var recorded = recorded
        recorded.note = "no answers are recorded: their lengths are drawn"
        var random = TrafficRandomness(seed: 24)
        return try EvictionTrace(recorded, keysSample: keysSample) { request in
            // An evaluation, which asks whether 24 can be reached for "sure", is answered with a few sums and that verdict; a
            // proposal with some eight lines of 25 bytes.
            let isEvaluation = request.text?.contains("sure".utf8) == true
            let length = Int(random.logNormal(median: isEvaluation ? 90 : 200, sigma: 0.4))
            var request = request
            request.answer = .text([UInt8](repeating: UInt8(ascii: "x"), count: length))
            request.usage.outputTokens = (length + TokenRule.characters - 1) / TokenRule.characters
            return AnswerShape(of: request)
        }
    }
}
