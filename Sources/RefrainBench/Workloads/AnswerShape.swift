import RefrainCore

/// What an answer takes in the memory store, and what it costs to ask for it again.
struct AnswerShape: Hashable, Sendable {
    /// Bytes, with what the store charges beside the text.
    var size: Int32
    /// US dollars.
    var cost: Double

    /// What an answer without text takes: some 350 bytes of JSON around it, its envelope and its slot.
    private static let overhead = 850
    /// UTF-8 bytes of English text and code to a token, the usual rule of thumb.
    private static let bytesPerToken = 4.0

    /// An answer of `textBytes` to a prompt of `promptBytes`, tokens estimated at four bytes each.
    init(promptBytes: Int, textBytes: Int, model: ClaudeModel) {
        self.init(
            inputTokens: Int(Double(promptBytes) / Self.bytesPerToken),
            outputTokens: Int(Double(textBytes) / Self.bytesPerToken), textBytes: textBytes, model: model)
    }

    /// An answer of so many tokens.
    init(inputTokens: Int, outputTokens: Int, model: ClaudeModel) {
        self.init(
            inputTokens: inputTokens, outputTokens: outputTokens,
            textBytes: Int(Double(outputTokens) * Self.bytesPerToken), model: model)
    }

    private init(inputTokens: Int, outputTokens: Int, textBytes: Int, model: ClaudeModel) {
        let usage = Usage(inputTokens: max(1, inputTokens), outputTokens: max(1, outputTokens))
        self.size = Int32(clamping: Self.overhead + textBytes)
        self.cost = ModelTable.standard.cost(of: usage, model: model.rawValue) ?? 0
    }

    /// An answer as it was recorded: the bytes of its body, and its cost by its own usage.
    init(bodyBytes: Int, cost: Double) {
        self.size = Int32(clamping: Self.overhead - 350 + bodyBytes)
        self.cost = cost
    }

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
