import RefrainCore

/// What a response cache would have answered of a trace.
package struct HitRateReport: Sendable {
    /// The trace's name.
    package var trace: String
    /// What kind of traffic it is: reports of different kinds are not to be averaged.
    package var kind: TrafficKind
    /// What a reader must know of the trace; empty where there is nothing.
    package var note: String
    /// All requests.
    package var total: Tally
    /// The requests that a cache of infinite size and lifetime could have answered: those whose key came before.
    package var bound: Tally
    /// The requests without a key, by the reason.
    package var unkeyed: [String: Int]
    /// A row for each lifetime and size, lifetimes outermost, in the order asked for.
    package var rows: [Row]

    /// What came of one lifetime and size.
    package struct Row: Sendable {
        /// How long answers were kept; nil for as long as there is room.
        package var lifetime: Duration?
        /// The bound of the memory store in bytes; nil for none.
        package var bytes: Int?
        /// Requests answered from the store.
        package var hits = Tally()
        /// Requests that shared the call of an equal request under way.
        package var joined = Tally()
        /// Requests that the infinite cache would have answered, and that came after the answer's lifetime.
        package var lostToExpiry = Tally()
        /// The same for answers that were evicted, or too large to be kept.
        package var lostToSize = Tally()
        /// The same for answers that must not be stored, or not given: errors, refusals, repeated tool calls.
        package var lostToPolicy = Tally()
        /// Of the hits and joined requests, those for which the trace holds an answer.
        package var judged = 0
        /// Of ``judged``, those for which it holds another answer than was given.
        package var wrong = 0
        /// Entries that were evicted to make room.
        package var evictions = 0
        /// The bytes that the store held at the end.
        package var bytesHeld = 0
        /// What was saved; nil where no model of the trace has a known price.
        package var money: Money?

        /// Hits and joined requests together: the requests that called no upstream.
        package var saved: Tally { self.hits + self.joined }
    }

    /// What a trace's requests cost, in US dollars.
    package struct Money: Hashable, Sendable {
        /// All requests, without any cache: every input token at the input price.
        package var uncached = 0.0
        /// What the saved requests would have cost without any cache.
        package var gross = 0.0
        /// All requests with the server's prompt cache as good as marks of five minutes can make it: see
        /// ``PromptCacheBench/Strategy/clairvoyant`` in the ideal mode. For a trace without prompts, what was billed.
        package var promptCacheOnly = 0.0
        /// The requests that were not saved, likewise: it loses the reads of the saved ones, and what those kept alive.
        /// For a trace without prompts, what was billed less what each hit spares at least.
        package var both = 0.0
        /// Requests whose model has no known price; they are in none of the sums.
        package var unpriced = 0

        /// What the response cache saves beside a prompt cache that is used as well as marks of five minutes allow. With
        /// a prompt cache that is used worse it saves more.
        package var net: Double { self.promptCacheOnly - self.both }
    }

    /// Requests with their tokens.
    package struct Tally: Hashable, Sendable {
        /// The number of requests.
        package var requests = 0
        /// Their input tokens, prompt-cache reads and writes included.
        package var inputTokens = 0
        /// The tokens of their answers.
        package var outputTokens = 0

        /// Creates a tally of nothing.
        package init() {}

        mutating func add(_ request: RequestTrace.Request) {
            self.requests += 1
            self.inputTokens += request.usage.totalInputTokens
            self.outputTokens += request.usage.outputTokens
        }

        static func + (left: Tally, right: Tally) -> Tally {
            var sum = left
            sum.requests += right.requests
            sum.inputTokens += right.inputTokens
            sum.outputTokens += right.outputTokens
            return sum
        }

        /// The shares that this is of `total`, from 0 to 1; 0 of nothing.
        package func share(of total: Tally) -> (requests: Double, inputTokens: Double, outputTokens: Double) {
            func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
            return (
                share(self.requests, total.requests), share(self.inputTokens, total.inputTokens),
                share(self.outputTokens, total.outputTokens)
            )
        }
    }
}
