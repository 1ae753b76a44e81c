package import RefrainCore

extension EvictionTrace {
    /// Creates a trace of what a cache is asked for by `trace`: keys as the cache derives them, in the order of the requests,
    /// with the bytes that their answers take in the store, and what asking for them costs in US dollars.
    ///
    /// A key has the answer that its first request had: as long as it was recorded, or else as its output tokens are. Times do
    /// not count, so nothing expires and nothing joins. Requests without a key are left out, and those whose answer was an
    /// error or is not stored. The note says how many, and why.
    ///
    /// - Parameters:
    ///   - trace: The requests. Those of models whose price is not known cost nothing.
    ///   - keysSample: Whether the sample index is part of the key.
    ///   - storable: The stop reasons of answers that are stored.
    /// - Throws: ``BenchError/Code/nothingToStore`` where no request is left.
    /// - Complexity: Linear in the bytes of requests and answers.
    package init(
        _ trace: RequestTrace, keysSample: Bool = true, storable: StorableReasons = .default
    ) throws(BenchError) {
        try self.init(trace, keysSample: keysSample, storable: storable) { AnswerShape(of: $0) }
    }

    /// Creates a trace whose answers are what `shape` says, which is called with the first request of each key.
    init(
        _ trace: RequestTrace, keysSample: Bool, storable: StorableReasons = .default,
        shape: (RequestTrace.Request) -> AnswerShape
    ) throws(BenchError) {
        let keyed = KeyedTrace(trace, HitRateBench.Options(keysSample: keysSample))
        var leftOut = keyed.unkeyed
        var unpriced = 0
        var numbers: [Int: Int32] = [:]
        var shapes: [AnswerShape] = []
        var requests: [Request] = []
        for (name, request) in zip(keyed.numbers, trace.requests) where name >= 0 {
            if let refusal = request.refusal(storable) {
                leftOut[refusal.description, default: 0] += 1
                continue
            }
            let number = numbers[name] ?? Int32(shapes.count)
            if number == shapes.count {
                numbers[name] = number
                shapes.append(shape(request))
            }
            let shape = shapes[Int(number)]
            if shape.cost == nil { unpriced += 1 }
            requests.append(Request(key: number, size: shape.size, cost: shape.cost ?? 0))
        }
        let reasons = leftOut.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        guard !requests.isEmpty else {
            throw BenchError(
                .nothingToStore,
                "\(trace.name) has no request whose answer a cache would store"
                    + (reasons.isEmpty ? "" : ": \(reasons)"))
        }
        self.init(name: trace.name, requests: requests)
        self.kind = trace.kind
        let bytes = BenchReport.Format.bytes.text(Double(self.uniqueSize))
        var notes = ["\(requests.count) requests for \(self.keyCount) keys, which take \(bytes)"]
        if !reasons.isEmpty { notes.append("left out: \(reasons)") }
        if unpriced > 0 { notes.append("\(unpriced) are of models whose price is not known, and cost nothing here") }
        if !trace.note.isEmpty { notes.append(trace.note) }
        self.note = notes.joined(separator: "; ")
    }
}

extension RequestTrace.Request {
    /// Why the cache does not store the recorded answer; nil where it does, and where none is recorded.
    fileprivate func refusal(_ storable: StorableReasons) -> CacheReason? {
        guard let answer else { return nil }
        switch answer {
        case .text: return nil
        case .failure: return .status
        case .message, .events:
            // What is no JSON is no message.
            let summary = answer.message.flatMap { try? MessageSummary(json: $0) }
            return Storability.refusal(of: summary, storable: storable)
        }
    }
}
