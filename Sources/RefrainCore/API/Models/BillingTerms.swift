import RefrainKeys

/// What decides the price of a response besides its model and its tokens.
public struct BillingTerms: Hashable, Sendable {
    /// Tokens that a response reports only in `usage.iterations`.
    public struct Addition: Hashable, Sendable {
        /// The model that used them; nil for the model of the message.
        public var model: String?
        /// The tokens.
        public var usage: Usage

        /// Creates an addition.
        public init(model: String? = nil, usage: Usage) {
            self.model = model
            self.usage = usage
        }
    }

    /// Whether the tokens were used by a message batch, which costs half.
    public var isBatch: Bool
    /// Whether the tokens were used in fast mode.
    public var isFast: Bool
    /// Whether inference was bound to the United States, which costs a tenth more.
    public var isUSOnly: Bool
    /// Web searches, which are billed by number.
    public var webSearches: Int
    /// Tokens billed besides those of the message: of compactions and of advisors.
    public var additions: [Addition]
    /// Whether the response holds charges that this version does not know, so that its cost is not known.
    public var hasUnknownCharges: Bool

    /// Creates terms; the default is a plain request.
    public init(
        isBatch: Bool = false, isFast: Bool = false, isUSOnly: Bool = false, webSearches: Int = 0,
        additions: [Addition] = [], hasUnknownCharges: Bool = false
    ) {
        self.isBatch = isBatch
        self.isFast = isFast
        self.isUSOnly = isUSOnly
        self.webSearches = webSearches
        self.additions = additions
        self.hasUnknownCharges = hasUnknownCharges
    }

    /// Reads the terms that a `usage` object tells.
    init(_ usage: JSONCursor) {
        self.init(
            isBatch: usage["service_tier"]?.hasContent("batch") ?? false,
            isFast: usage["speed"]?.hasContent("fast") ?? false,
            isUSOnly: usage["inference_geo"]?.hasContent("us") ?? false,
            webSearches: max(0, usage["server_tool_use"]?["web_search_requests"]?.int ?? 0)
        )
        guard let iterations = usage["iterations"] else { return }
        for iteration in iterations.elements {
            switch iteration["type"]?.string {
            case "message", "fallback_message": break  // In the message's own numbers.
            case "compaction", "advisor_message":
                guard self.additions.count < 1_000 else {
                    self.hasUnknownCharges = true
                    return
                }
                self.additions.append(Addition(model: iteration["model"]?.string, usage: Usage(iteration)))
            default: self.hasUnknownCharges = true
            }
        }
    }
}
