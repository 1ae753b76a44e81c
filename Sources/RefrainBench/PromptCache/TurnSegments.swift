import Refrain

/// The prompts of a block trace as turns: where the tools and the system prompt end, and where earlier prompts ended.
///
/// A block trace does not tell where content blocks and turns end. A prompt is taken to have an assistant's turn where the
/// trace says so, and where another prompt of its group ended inside of it, behind the system prompt; and where the length of
/// the system prompt is not told, it is taken to be the first block. An end is known to a whole block.
struct TurnSegments: Sendable {
    private struct Cut: Sendable {
        var depth: Int32
        var id: Int32
    }

    private let prompts: BlockPrompts
    /// Where each prompt may be cut, by the index of its request; the last is its end.
    private let cuts: [[Cut]]
    /// How many of the first cuts are the ends of tools and system prompt.
    private let heads: [Int]
    private let added: [Int]
    private let hasTurn: [Bool]
    private let groups: [Int]

    init(_ trace: RequestTrace, _ prompts: BlockPrompts) {
        self.prompts = prompts
        var cuts = [[Cut]](repeating: [], count: trace.requests.count)
        var heads = [Int](repeating: 0, count: trace.requests.count)
        var groups = [Int](repeating: 0, count: trace.requests.count)
        self.added = trace.requests.map { $0.blocks?.added ?? 2 }
        self.hasTurn = trace.requests.map { $0.blocks?.hasTurn ?? false }
        for (number, group) in prompts.groups.enumerated() {
            var isEnd = [Bool](repeating: false, count: prompts.counts[number])
            for index in group {
                guard let prompt = prompts.prompts[index], let blocks = trace.requests[index].blocks else { continue }
                groups[index] = number
                let tools = blocks.toolTokens / prompts.blockUnits
                let system = max(1, (blocks.toolTokens + blocks.systemTokens) / prompts.blockUnits)
                let end = max(1, prompt.units / prompts.blockUnits)
                var depth = 0
                for run in prompt.runs {
                    for id in run.start..<run.start + run.count {
                        depth += 1
                        let isHead = depth == tools || depth == system
                        if isHead { heads[index] += 1 }
                        guard isHead || depth == end || isEnd[Int(id)] && depth > system else { continue }
                        cuts[index].append(Cut(depth: Int32(depth), id: id))
                    }
                }
                if let last = cuts[index].last { isEnd[Int(last.id)] = true }
            }
        }
        self.cuts = cuts
        self.heads = heads
        self.groups = groups
    }

    /// Where marks go.
    enum Marking {
        case none
        /// As the client's planner does: the heads, and in a conversation its end and that of the turn before.
        case automatic(PromptCacheTTL)
        /// The same for every prompt, conversation or not.
        case everything(PromptCacheTTL)
    }

    /// The segments of a request's prompt; empty where it has none.
    func segments(_ index: Int, _ marking: Marking) -> [ServerCache.Segment] {
        guard let prompt = self.prompts.prompts[index] else { return [] }
        let cuts = self.cuts[index]
        let head = self.heads[index]
        var segments = cuts.enumerated().map { position, cut in
            ServerCache.Segment(
                prefix: self.groups[index] << 32 | Int(cut.id),
                units: min(Int(cut.depth) * self.prompts.blockUnits, prompt.units),
                positions: position < head ? 1 : max(1, self.added[index]))
        }
        // The last, partial block is sent too.
        if let last = segments.indices.last { segments[last].units = prompt.units }
        let lifetime: PromptCacheTTL
        let marksEnd: Bool
        switch marking {
        case .none: return segments
        case .automatic(let wanted): (lifetime, marksEnd) = (wanted, self.hasTurn[index] || segments.count > head + 1)
        case .everything(let wanted): (lifetime, marksEnd) = (wanted, true)
        }
        for position in 0..<min(head, segments.count) { segments[position].mark = lifetime }
        if marksEnd, let last = segments.indices.last {
            segments[last].mark = lifetime
            if last > head { segments[last - 1].mark = lifetime }
        }
        return segments
    }
}
