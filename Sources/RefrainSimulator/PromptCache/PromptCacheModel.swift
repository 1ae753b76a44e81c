package import RefrainCore

/// Claude's prompt cache as its documentation describes it: a value that answers, for a prompt and a moment, how many
/// tokens are read, written and neither.
///
/// What it keeps is prefixes. An entry is written only where a breakpoint stands, becomes readable once the response of
/// the request that wrote it has begun, and lives from the start of the request that last wrote or read it.
package struct PromptCacheModel: Sendable {
    /// How long an entry lives.
    package enum Lifetime: Hashable, Sendable {
        case fiveMinutes, oneHour

        package var duration: Duration { self == .fiveMinutes ? .seconds(300) : .seconds(3_600) }
    }

    /// What a block counts as when positions of the look-back window are counted.
    package enum Run: Hashable, Sendable {
        /// A position of its own.
        case none
        /// One position together with its neighbours of the same kind.
        case toolUse, toolResult
    }

    /// A block of a prompt: a tool, a block of the system prompt, or a block of a message.
    package struct Block: Hashable, Sendable {
        /// What the block says, and all that changes the prompt from this block on.
        package var content: ContentDigest
        /// The tokens that it adds to the prompt.
        package var tokens: Int
        /// How it counts in the look-back window.
        package var run: Run
        /// How long the prefix that ends with it is to be kept; nil where no breakpoint stands.
        package var breakpoint: Lifetime?

        package init(content: ContentDigest, tokens: Int, run: Run = .none, breakpoint: Lifetime? = nil) {
            self.content = content
            self.tokens = tokens
            self.run = run
            self.breakpoint = breakpoint
        }
    }

    /// A prompt, in the order that the cache sees: tools, system, messages.
    package struct Prompt: Sendable {
        /// Who may share what it writes: organisation, workspace and model.
        package var identity: ContentDigest
        /// The fewest tokens of a prefix that is kept.
        package var minimumTokens: Int
        package var blocks: [Block]

        package init(identity: ContentDigest, minimumTokens: Int, blocks: [Block]) {
            self.identity = identity
            self.minimumTokens = minimumTokens
            self.blocks = blocks
        }
    }

    /// How the tokens of a prompt divide.
    package struct Outcome: Sendable {
        /// Tokens read, written and neither, as `usage` reports them; the output is 0.
        package var usage: Usage
        /// What becomes readable when the response begins.
        package var writes: Writes
    }

    /// Entries that wait for their response to begin.
    package struct Writes: Sendable {
        fileprivate var entries: [(prefix: ContentDigest, lifetime: Lifetime)] = []
        fileprivate var start: Timestamp

        /// Whether there are any.
        package var isEmpty: Bool { self.entries.isEmpty }
    }

    private struct Entry {
        var lifetime: Lifetime
        var expires: Timestamp
    }

    /// The positions that a breakpoint looks back over, itself included.
    package static let window = 20

    private var entries: [ContentDigest: Entry] = [:]
    private var sweepAt = 1_024

    /// An empty cache.
    package init() {}

    /// The entries held, expired ones that nothing has swept yet included.
    package var count: Int { self.entries.count }

    /// Divides the tokens of a request that starts `now`, and refreshes what it reads.
    package mutating func begin(_ prompt: Prompt, at now: Timestamp) -> Outcome {
        var prefixes: [ContentDigest] = []
        var totals: [Int] = []
        prefixes.reserveCapacity(prompt.blocks.count)
        totals.reserveCapacity(prompt.blocks.count)
        for block in prompt.blocks {
            prefixes.append(ContentDigest(prefixes.last ?? prompt.identity, then: block.content))
            totals.append((totals.last ?? 0) + block.tokens)
        }
        let breakpoints = prompt.blocks.indices.filter {
            prompt.blocks[$0].breakpoint != nil && totals[$0] >= prompt.minimumTokens
        }
        let hit = self.longestHit(prompt, prefixes, breakpoints, now)
        let read = hit.map { totals[$0] } ?? 0
        if let hit { self.refresh([hit] + breakpoints.filter { $0 < hit }, prefixes, now) }

        // With A the hit, B the last one-hour breakpoint after it and C the last breakpoint: A is read, B − A is
        // written for an hour, C − B for five minutes, and the rest is plain input.
        let later = breakpoints.filter { $0 > hit ?? -1 }
        let hour = later.last { prompt.blocks[$0].breakpoint == .oneHour }.map { totals[$0] } ?? read
        let last = later.last.map { totals[$0] } ?? read
        var writes = Writes(start: now)
        for index in later {
            guard let lifetime = prompt.blocks[index].breakpoint else { continue }
            writes.entries.append((prefixes[index], lifetime))
        }
        return Outcome(
            usage: Usage(
                inputTokens: (totals.last ?? 0) - last, cacheReadTokens: read, cacheWrite5mTokens: last - hour,
                cacheWrite1hTokens: hour - read),
            writes: writes)
    }

    /// Makes readable what a request wrote: its response has begun.
    package mutating func responseBegan(_ writes: Writes) {
        for (prefix, lifetime) in writes.entries {
            let expires = writes.start.advanced(by: lifetime.duration)
            if let present = self.entries[prefix], present.expires >= expires { continue }
            self.entries[prefix] = Entry(lifetime: lifetime, expires: expires)
        }
        self.sweep(writes.start)
    }

    /// The last block whose prefix is readable, found as the service does: from each breakpoint, the last one first,
    /// back over at most ``window`` positions.
    private func longestHit(
        _ prompt: Prompt, _ prefixes: [ContentDigest], _ breakpoints: [Int], _ now: Timestamp
    ) -> Int? {
        for breakpoint in breakpoints.reversed() {
            var positions = 1
            for index in stride(from: breakpoint, through: 0, by: -1) {
                if index < breakpoint {
                    let run = prompt.blocks[index].run
                    if run == .none || run != prompt.blocks[index + 1].run { positions += 1 }
                }
                guard positions <= Self.window else { break }
                if let entry = self.entries[prefixes[index]], entry.expires > now { return index }
            }
        }
        return nil
    }

    private mutating func refresh(_ indices: [Int], _ prefixes: [ContentDigest], _ now: Timestamp) {
        for index in indices {
            guard var entry = self.entries[prefixes[index]], entry.expires > now else { continue }
            entry.expires = max(entry.expires, now.advanced(by: entry.lifetime.duration))
            self.entries[prefixes[index]] = entry
        }
    }

    /// Forgets expired entries, each time that their number has doubled.
    private mutating func sweep(_ now: Timestamp) {
        guard self.entries.count >= self.sweepAt else { return }
        self.entries = self.entries.filter { $0.value.expires > now }
        self.sweepAt = max(1_024, self.entries.count * 2)
    }
}
