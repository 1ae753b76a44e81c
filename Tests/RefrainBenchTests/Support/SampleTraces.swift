import RefrainBench
import RefrainCore
import RefrainKeys

/// Small traces, made by hand.
enum SampleTraces {
    /// A trace of these requests.
    static func trace(_ requests: [RequestTrace.Request], isTimed: Bool = true) -> RequestTrace {
        RequestTrace(name: "sample", kind: .live, isTimed: isTimed, requests: requests)
    }

    /// A request with one message.
    static func request(
        at seconds: Double, _ text: String, answer: RequestTrace.Answer? = nil, model: String = "claude-sonnet-4-5",
        latency: Duration? = .zero, input: Int = 100, output: Int = 10
    ) -> RequestTrace.Request {
        let body = #"{"model":"\#(model)","max_tokens":64,"messages":[{"role":"user","content":"\#(text)"}]}"#
        return Self.request(
            at: seconds, body: body, answer: answer, model: model, latency: latency, input: input, output: output)
    }

    /// A request with this body.
    static func request(
        at seconds: Double, body: String, answer: RequestTrace.Answer? = nil, model: String = "claude-sonnet-4-5",
        latency: Duration? = .zero, input: Int = 100, output: Int = 10
    ) -> RequestTrace.Request {
        RequestTrace.Request(
            time: Timestamp(milliseconds: Int64(seconds * 1_000)), content: .body(Array(body.utf8)), model: model,
            usage: Usage(inputTokens: input, outputTokens: output), answer: answer, latency: latency)
    }

    static func text(_ answer: String) -> RequestTrace.Answer { .text(Array(answer.utf8)) }

    /// A trace of prompts that are blocks of 100 tokens: at each time, of each model, so many of the same blocks.
    static func blocks(_ requests: [(seconds: Double, group: Int, runs: [Range<Int32>])]) -> RequestTrace {
        var trace = Self.trace(
            requests.enumerated().map { index, request in
                let count = request.runs.reduce(0) { $0 + $1.count }
                return RequestTrace.Request(
                    time: Timestamp(milliseconds: Int64(request.seconds * 1_000)),
                    content: .key(RequestKey(memoizing: "\(request.group) \(request.runs)", in: "sample")),
                    model: "claude-sonnet-4-5", usage: Usage(inputTokens: count * 100, outputTokens: 0), session: index,
                    blocks: .init(
                        group: request.group,
                        runs: request.runs.map { BlockRun(start: $0.lowerBound, count: Int32($0.count)) }))
            })
        trace.blocks = .init(tokens: 100)
        return trace
    }
}
