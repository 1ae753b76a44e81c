import RefrainCore

/// Traffic that is made up, with whole request bodies: where nothing is recorded, and to try what recordings do not hold.
///
/// The same seed makes the same trace everywhere. Each says in its summary what it is fitted to; where that is nothing,
/// its numbers are choices.
package struct GeneratedTraffic: Sendable {
    /// The name under which it is reported and chosen.
    package let name: String
    /// What kind of traffic it stands for.
    package let kind: TrafficKind
    /// What it is, and to which published figures it is fitted.
    package let summary: String
    private let make: @Sendable (inout TrafficRandomness, Double) -> [RequestTrace.Request]

    init(
        name: String, kind: TrafficKind, summary: String,
        make: @escaping @Sendable (inout TrafficRandomness, Double) -> [RequestTrace.Request]
    ) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.make = make
    }

    /// Makes the trace.
    ///
    /// - Parameters:
    ///   - seed: Which of all traces of its kind.
    ///   - scale: How large it is, relative to its usual size, which takes some seconds to replay. From 0.01 to 10.
    package func trace(seed: UInt64 = 1, scale: Double = 1) -> RequestTrace {
        var randomness = TrafficRandomness(seed: seed)
        let scale = scale.isFinite ? min(max(scale, 0.01), 10) : 1
        return RequestTrace(
            name: self.name, kind: self.kind, isTimed: true, requests: self.make(&randomness, scale),
            note: "generated from the seed \(seed): \(self.summary)")
    }

    /// All of them.
    package static let all: [GeneratedTraffic] = [
        .questions, .drift, .bursts, .chat, .retrieval, .evaluation, .continuousIntegration,
    ]

    /// The workload called `name`.
    ///
    /// - Throws: ``BenchError/Code/missingData`` with the names that there are.
    package static func named(_ name: String) throws(BenchError) -> GeneratedTraffic {
        guard let workload = Self.all.first(where: { $0.name == name }) else {
            let names = Self.all.map(\.name).joined(separator: ", ")
            throw BenchError(.missingData, "there is no workload called \(name): the generated ones are \(names)")
        }
        return workload
    }

    /// The start of all generated traces: 2027-01-15T08:00:00Z.
    private static let start: Int64 = 1_800_000_000_000

    /// A request at `seconds` from the start.
    static func request(
        at seconds: Double, system: [UInt8]?, messages: [[UInt8]], session: Int, answer: UInt64, answerTokens: Int
    ) -> RequestTrace.Request {
        let body = RequestBody.messages(messages, system: system)
        let text = GeneratedText.text(answer, tokens: answerTokens)
        return RequestTrace.Request(
            time: Timestamp(milliseconds: Self.start + Int64(seconds * 1_000)), content: .body(body),
            model: RequestBody.standInModel,
            usage: Usage(inputTokens: TokenRule.tokens(body), outputTokens: TokenRule.tokens(text)),
            answer: .text(text), session: session)
    }
}
