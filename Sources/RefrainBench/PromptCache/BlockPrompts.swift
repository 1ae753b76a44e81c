import RefrainCore
import RefrainKeys

/// The prompts of a trace as blocks, ready to be simulated.
struct BlockPrompts: Sendable {
    struct Prompt: Sendable {
        var runs: [BlockRun]
        /// The blocks in ``runs``.
        var count: Int
        /// The prompt's length in units.
        var units: Int
        /// The length up to the end of each block; nil where the blocks are all of one size.
        var ends: [Int32]?
        var milliseconds: Int64

        /// The units in the first blocks, the last of which may be partial.
        func units(ofBlocks blocks: Int, each size: Int) -> Int {
            guard let ends, blocks > 0 else { return min(blocks * size, self.units) }
            return Int(ends[blocks - 1])
        }
    }

    /// The units of a full block, where all are of one size.
    let blockUnits: Int
    /// The units of a token: 1 where the trace tells tokens, the characters of a token where it has text.
    let unitsPerToken: Int
    /// The prompts by the index of their request; nil for a request without one.
    let prompts: [Prompt?]
    /// The indices of the requests that can read from each other, in the order of their times.
    let groups: [[Int]]
    /// One more than the largest number of a block in each group.
    let counts: [Int]

    /// Takes the prompts of a trace: its blocks where it has them, otherwise its bodies, cut at the ends of their blocks
    /// and within texts every 64 tokens.
    ///
    /// - Parameter usesTexts: Whether prompts that the trace has as one text are taken as that, cut every 64 tokens.
    init(_ trace: RequestTrace, usesTexts: Bool) {
        var prompts: [Prompt?] = []
        var groups: [[Int]] = []
        var numbers: [String: Int] = [:]
        var indices: [String: PrefixIndex] = [:]
        for (index, request) in trace.requests.enumerated() {
            var prompt = Prompt(runs: [], count: 0, units: 0, milliseconds: request.time.milliseconds)
            var group = request.model
            if trace.blocks != nil, let blocks = request.blocks {
                (prompt.runs, prompt.units, group) = (blocks.runs, request.usage.totalInputTokens, "\(blocks.group)")
            } else if usesTexts, let text = request.text {
                prompt.runs = indices[group, default: PrefixIndex()].runs(text)
                prompt.units = TokenRule.scalars(text)
            } else if case .body(let body) = request.content, let body = BodySegments(body, model: request.model),
                let last = body.cuts.last
            {
                prompt.runs = indices[group, default: PrefixIndex()].runs(body.cuts)
                prompt.units = last.units
                prompt.ends = body.cuts.map { Int32(clamping: $0.units) }
            } else {
                prompts.append(nil)
                continue
            }
            prompt.count = prompt.runs.reduce(0) { $0 + Int($1.count) }
            prompts.append(prompt)
            if let number = numbers[group] {
                groups[number].append(index)
            } else {
                numbers[group] = groups.count
                groups.append([index])
            }
        }
        self.prompts = prompts
        self.groups = groups
        self.counts = groups.map { group in
            group.reduce(0) { most, index in
                prompts[index]?.runs.reduce(most) { max($0, Int($1.start + $1.count)) } ?? most
            }
        }
        self.blockUnits = trace.blocks?.tokens ?? PrefixIndex.characters
        self.unitsPerToken = trace.blocks == nil ? TokenRule.characters : 1
    }

    /// Whether there are any prompts at all.
    var isEmpty: Bool { self.groups.isEmpty }
}
