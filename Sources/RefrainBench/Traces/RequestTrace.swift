package import RefrainCore
package import RefrainKeys

/// Requests in the order in which they came: what every benchmark of this module replays.
package struct RequestTrace: Sendable {
    /// The name under which it is reported.
    package var name: String
    /// What kind of traffic it is. Figures of different kinds are never averaged.
    package var kind: TrafficKind
    /// Whether the times are recorded. Where not, the requests follow each other at ``untimedInterval``.
    package var isTimed: Bool
    /// The requests, none earlier than the one before it.
    package var requests: [Request]
    /// How large the blocks of ``Request/blocks`` are; nil where the requests have none.
    package var blocks: BlockSize?
    /// What a reader of the figures must know; empty where there is nothing.
    package var note: String

    /// How far apart the requests of a trace without times are taken to be.
    package static let untimedInterval = Duration.seconds(3)

    /// Creates a trace; the requests are put in the order of their times, those of one time as they stand.
    package init(
        name: String, kind: TrafficKind, isTimed: Bool, requests: [Request], blocks: BlockSize? = nil, note: String = ""
    ) {
        self.name = name
        self.kind = kind
        self.isTimed = isTimed
        self.blocks = blocks
        self.note = note
        let order = requests.indices.sorted { left, right in
            let (one, other) = (requests[left].time, requests[right].time)
            return one == other ? left < right : one < other
        }
        self.requests = order.map { requests[$0] }
    }

    /// Input tokens of all requests.
    package var inputTokens: Int { self.requests.reduce(0) { $0 + $1.usage.totalInputTokens } }
    /// Output tokens of all requests.
    package var outputTokens: Int { self.requests.reduce(0) { $0 + $1.usage.outputTokens } }

    /// The same trace with the requests for which `isIncluded` is true, given their index and themselves.
    package func filter(_ isIncluded: (Int, Request) -> Bool) -> RequestTrace {
        var trace = self
        trace.requests = self.requests.enumerated().filter { isIncluded($0.offset, $0.element) }.map(\.element)
        return trace
    }
}

/// What kind of traffic a trace records.
package enum TrafficKind: String, Sendable, CaseIterable, CustomStringConvertible {
    /// People or agents at work: each request is made because of something new.
    case live
    /// The same work done again: test suites, evaluations, retries.
    case rerun = "re-run"
    /// A search that asks many samples of few prompts.
    case search

    /// The label as it is printed.
    package var description: String { self.rawValue }
}

extension RequestTrace {
    /// One request, and what the trace knows of its answer.
    package struct Request: Sendable {
        /// When it came.
        package var time: Timestamp
        /// What it asks.
        package var content: Content
        /// The model asked for, or the one whose prices stand in for an unknown one.
        package var model: String
        /// The tokens of prompt and answer: recorded, or estimated from their length.
        package var usage: Usage
        /// The values of its `anthropic-beta` headers.
        package var betas: [String] = []
        /// Which sample of several that were asked of one prompt.
        package var sample: Int = 0
        /// The answer that was recorded; nil where none was.
        package var answer: Answer?
        /// How long the recorded call took; nil where that is not known.
        package var latency: Duration?
        /// Which conversation, agent or run it belongs to.
        package var session: Int = 0
        /// The prompt as plain text, where the trace has it so; nil where it is in the body alone.
        package var text: [UInt8]?
        /// The prompt as blocks, where the trace has it so.
        package var blocks: Blocks?

        /// Creates a request.
        package init(
            time: Timestamp, content: Content, model: String, usage: Usage, sample: Int = 0, answer: Answer? = nil,
            latency: Duration? = nil, session: Int = 0, text: [UInt8]? = nil, blocks: Blocks? = nil
        ) {
            self.time = time
            self.content = content
            self.model = model
            self.usage = usage
            self.sample = sample
            self.answer = answer
            self.latency = latency
            self.session = session
            self.text = text
            self.blocks = blocks
        }
    }

    /// What a trace holds of a request.
    package enum Content: Sendable {
        /// The body as it was sent.
        case body([UInt8])
        /// Its key alone.
        case key(RequestKey)
        /// Nothing, because it had no key: why.
        case unkeyed(String)
    }

    /// A recorded answer.
    package enum Answer: Sendable {
        /// A message as JSON.
        case message([UInt8])
        /// The events of a stream.
        case events([UInt8])
        /// A text, to be wrapped in a message.
        case text([UInt8])
        /// An error with its status.
        case failure(status: Int, [UInt8])
    }

    /// How large the blocks of prompts are.
    package struct BlockSize: Hashable, Sendable {
        /// The tokens of a full block.
        package var tokens: Int

        /// Creates a size.
        package init(tokens: Int) { self.tokens = tokens }
    }

    /// A prompt as ids of blocks. An id stands for the block and all before it: two prompts that share one share all
    /// before it.
    package struct Blocks: Hashable, Sendable {
        /// Which ids may be compared: ids of different groups mean different blocks.
        package var group: Int
        /// The ids in order.
        package var runs: [BlockRun]
        /// Tokens of the tools at the beginning; 0 where that is not known.
        package var toolTokens: Int = 0
        /// Tokens of the system prompt after them; 0 where that is not known.
        package var systemTokens: Int = 0
        /// Whether an assistant's turn is known to be in it.
        package var hasTurn = false
        /// Content blocks that the request added to the conversation before it; nil where that is not known.
        package var added: Int?

        /// Creates a prompt.
        package init(group: Int, runs: [BlockRun], toolTokens: Int = 0, systemTokens: Int = 0, added: Int? = nil) {
            self.group = group
            self.runs = runs
            self.toolTokens = toolTokens
            self.systemTokens = systemTokens
            self.added = added
        }
    }
}

/// Consecutive ids of blocks.
package struct BlockRun: Hashable, Sendable {
    /// The first id, from 0 up.
    package var start: Int32
    /// How many there are, at least 1.
    package var count: Int32

    /// Creates a run.
    package init(start: Int32, count: Int32) {
        self.start = start
        self.count = count
    }
}
