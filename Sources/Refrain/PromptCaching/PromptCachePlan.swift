/// Which blocks of a request are marked for the API's prompt cache, which are not, and why not.
public struct PromptCachePlan: Hashable, Sendable {
    /// The marks in the order of the prefix: tools, system, messages. At most four of them are Refrain's.
    public var marks: [Mark] = []
    /// What could have been marked and was not.
    public var omissions: [Omission] = []
    /// Where the marks go. Empty where the body goes out as it came.
    package var edits: [Edit] = []

    /// A `cache_control` mark.
    public struct Mark: Hashable, Sendable {
        /// What the mark is for.
        public var purpose: Purpose
        /// Where it stands, as `tools[3]`, `system[0]`, `messages[4].content[1]`, or `` for the top level.
        public var path: String
        /// About how many tokens the prefix up to and with the marked block has: an estimate that errs high, from the
        /// number of bytes. 0 for a caller's mark.
        public var estimatedTokens: Int
    }

    /// Something that was not marked.
    public struct Omission: Hashable, Sendable {
        /// What the mark would have been for.
        public var purpose: Purpose
        /// Why it was not placed.
        public var reason: Reason
    }

    /// What a mark is for. Open: later versions may add values.
    public struct Purpose: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The end of the tools: read by every request with the same tools.
        public static let tools = Purpose("tools")
        /// The end of the system prompt: read by every request with the same tools and system prompt.
        public static let system = Purpose("system")
        /// Where the turn before this one was marked, so that what it wrote is found however much was added since.
        public static let anchor = Purpose("anchor")
        /// Between the anchor and the end, where they are so far apart that the API would not look at what lies between.
        public static let intermediate = Purpose("intermediate")
        /// The end of the conversation: read by the next turn.
        public static let conversation = Purpose("conversation")
        /// A mark that the caller placed.
        public static let caller = Purpose("caller")
        /// All marks that Refrain might have placed.
        public static let all = Purpose("all")
    }

    /// Why something was not marked. Open: later versions may add values.
    public struct Reason: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Placing marks was not asked for.
        public static let notAutomatic = Reason("not-automatic")
        /// The caller has marked something, and so has taken the placing over.
        public static let callerMarked = Reason("caller-marked")
        /// The body is not JSON, or not a request as the API has them.
        public static let unreadable = Reason("unreadable")
        /// An object has two members of one name, so that what the API will read is not known.
        public static let duplicateMember = Reason("duplicate-member")
        /// The request has none: no tools, no system prompt, no earlier turn.
        public static let absent = Reason("absent")
        /// The prefix is shorter than what the API caches for this model.
        public static let belowMinimum = Reason("below-minimum")
        /// No block there may carry a mark: empty text, thinking, deferred tools, blocks of an unknown type.
        public static let notMarkable = Reason("not-markable")
        /// No assistant turn is present, so the messages differ from one request to the next.
        public static let singleShot = Reason("single-shot")
        /// Another mark stands on the same block, or reaches as far.
        public static let redundant = Reason("redundant")
        /// All four marks that the API allows are of more use elsewhere.
        public static let noMarkLeft = Reason("no-mark-left")
    }

    /// Bytes that take the place of others. Those of a plan do not overlap and stand in order.
    package struct Edit: Hashable, Sendable {
        package var range: Range<Int>
        package var replacement: [UInt8]
    }
}

extension PromptCachePlan {
    /// A plan that places nothing.
    static func none(_ reason: Reason) -> PromptCachePlan {
        PromptCachePlan(omissions: [Omission(purpose: .all, reason: reason)])
    }

    /// The body with the plan's marks in it; all its other bytes are the same and in the same order.
    ///
    /// - Parameter body: The bytes that the plan was made for.
    package func spliced(into body: [UInt8]) -> [UInt8] {
        guard !self.edits.isEmpty else { return body }
        var result: [UInt8] = []
        result.reserveCapacity(self.edits.reduce(body.count) { $0 + $1.replacement.count })
        var copied = 0
        for edit in self.edits {
            result.append(contentsOf: body[copied..<edit.range.lowerBound])
            result.append(contentsOf: edit.replacement)
            copied = edit.range.upperBound
        }
        result.append(contentsOf: body[copied...])
        return result
    }
}
