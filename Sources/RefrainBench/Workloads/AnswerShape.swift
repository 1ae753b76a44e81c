import RefrainCore

/// What an answer takes in the memory store, and what it costs to ask for it again.
struct AnswerShape: Hashable, Sendable {
    /// Bytes, with what the store charges beside the text.
    var size: Int32
    /// US dollars; nil where the model's price is not known.
    var cost: Double?

    /// What an envelope and its slot take beside the body.
    private static let envelope = 500
    /// What the JSON around a text takes.
    private static let wrapping = 350

    /// The answer to a request: as long as what was recorded of it, or else as its output tokens are; priced by the
    /// request's usage and the model that answered, or else the one asked for.
    init(of request: RequestTrace.Request) {
        var model = request.model
        let bytes: Int
        if case .text(let text)? = request.answer {
            bytes = Self.wrapping + text.count
        } else if let message = request.answer?.message {
            bytes = message.count
            // An alias has no price of its own. What is no message names no model.
            if let answering = (try? MessageSummary(json: message))?.model, !answering.isEmpty { model = answering }
        } else {
            bytes = Self.wrapping + Self.textBytes(tokens: request.usage.outputTokens)
        }
        self.init(bodyBytes: bytes, usage: request.usage, model: model)
    }

    /// An answer of so many tokens.
    init(inputTokens: Int, outputTokens: Int, model: ClaudeModel) {
        self.init(
            bodyBytes: Self.wrapping + Self.textBytes(tokens: outputTokens),
            usage: Usage(inputTokens: max(1, inputTokens), outputTokens: max(1, outputTokens)), model: model.rawValue)
    }

    private init(bodyBytes: Int, usage: Usage, model: String) {
        self.size = Int32(clamping: Self.envelope + bodyBytes)
        // A request log may claim any number of tokens.
        self.cost = ModelTable.standard.cost(of: usage, model: model).map { max(0, $0) }
    }

    /// Bytes of a text: more than an entry may have count as 1 GiB.
    private static func textBytes(tokens: Int) -> Int { min(max(0, tokens), 1 << 28) * TokenRule.characters }

    /// Draws an answer as a mix of chat and code completion gives them.
    ///
    /// Tokens are log-normal: prompts around 1,000 and answers around 200 in seven of ten requests (chat), prompts around
    /// 1,900 and answers around 15 in the others (code), near to the medians of the Azure LLM inference traces of 2023 (Patel et
    /// al., ISCA 2024). Models are Haiku 4.5, Sonnet 4.5 and Opus 4.5 in 40, 45 and 15 of a hundred requests.
    init(drawnBy random: inout TrafficRandomness) {
        let isChat = random.unit() < 0.7
        let input = random.logNormal(median: isChat ? 1_000 : 1_900, sigma: isChat ? 0.9 : 0.7)
        let output = random.logNormal(median: isChat ? 200 : 15, sigma: isChat ? 0.7 : 0.9)
        let model: ClaudeModel =
            switch random.unit() {
            case ..<0.40: .haiku4_5
            case ..<0.85: .sonnet4_5
            default: .opus4_5
            }
        self.init(
            inputTokens: min(150_000, Int(input)), outputTokens: min(32_000, Int(output)), model: model)
    }
}
