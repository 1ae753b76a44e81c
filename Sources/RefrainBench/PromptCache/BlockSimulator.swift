/// The server's prompt cache at its best: a breakpoint may stand at any block, a read looks back without limit, and a
/// write can be read at once. What it says are bounds.
struct BlockSimulator {
    /// Which blocks are written.
    enum Placement: Hashable, Sendable {
        /// All.
        case everything
        /// Those that are read again before they expire, as only someone who knows the future can choose.
        case clairvoyant
    }

    /// How a prompt divides, in units. What is neither read nor written is plain input.
    struct Division: Hashable, Sendable {
        var read = 0
        var written = 0
    }

    let prompts: BlockPrompts
    /// How long a block lives from its last use, in milliseconds.
    let lifetime: Int64
    /// The fewest units of a prefix that is read or, where ``writesNeedMinimum``, written.
    let minimum: Int
    /// Whether a prompt shorter than the minimum is written in vain and paid for (false), or is not written (true, as
    /// the service does it).
    let writesNeedMinimum: Bool

    /// Longer ago than any lifetime.
    private static let never = Int64.min / 4
    /// Later than any lifetime.
    private static let nevermore = Int64.max / 4

    /// How the prompts divide, by the index of their request. Requests for which `isSent` is false are not sent.
    ///
    /// Linear in the number of blocks.
    func divisions(_ placement: Placement, isSent: (Int) -> Bool = { _ in true }) -> [Division] {
        var divisions = [Division](repeating: Division(), count: self.prompts.prompts.count)
        for (group, count) in zip(self.prompts.groups, self.prompts.counts) {
            let sent = group.filter(isSent)
            let reread = placement == .clairvoyant ? self.reread(sent, count) : []
            var used = [Int64](repeating: Self.never, count: count)
            used.withUnsafeMutableBufferPointer { used in
                for (position, index) in sent.enumerated() {
                    guard let prompt = self.prompts.prompts[index] else { continue }
                    let found = self.depth(of: prompt) { prompt.milliseconds - used[$0] <= self.lifetime }
                    var read = self.units(of: found, prompt)
                    if read < self.minimum { read = 0 }
                    let kept: Int
                    switch placement {
                    case .everything:
                        kept = prompt.count
                        let isWritten = !self.writesNeedMinimum || prompt.units >= self.minimum
                        divisions[index] = Division(read: read, written: isWritten ? prompt.units - read : 0)
                    case .clairvoyant:
                        let units = self.units(of: reread[position], prompt)
                        kept = max(reread[position], found)
                        let written = units < self.minimum ? 0 : max(0, units - read)
                        divisions[index] = Division(read: read, written: written)
                    }
                    Self.touch(prompt, blocks: kept) { used[$0] = prompt.milliseconds }
                }
            }
        }
        return divisions
    }

    /// How many blocks at the beginning of each prompt are used again before they would expire.
    private func reread(_ sent: [Int], _ count: Int) -> [Int] {
        var depths = [Int](repeating: 0, count: sent.count)
        var next = [Int64](repeating: Self.nevermore, count: count)
        next.withUnsafeMutableBufferPointer { next in
            for (position, index) in sent.enumerated().reversed() {
                guard let prompt = self.prompts.prompts[index] else { continue }
                // Who uses a block uses all before it, so that those are used no later.
                depths[position] = self.depth(of: prompt) { next[$0] - prompt.milliseconds <= self.lifetime }
                Self.touch(prompt, blocks: prompt.count) { next[$0] = prompt.milliseconds }
            }
        }
        return depths
    }

    /// The number of blocks at the beginning for which `holds` is true.
    @inline(__always)
    private func depth(of prompt: BlockPrompts.Prompt, _ holds: (Int) -> Bool) -> Int {
        var depth = 0
        for run in prompt.runs {
            for id in Int(run.start)..<Int(run.start + run.count) {
                guard holds(id) else { return depth }
                depth += 1
            }
        }
        return depth
    }

    @inline(__always)
    private static func touch(_ prompt: BlockPrompts.Prompt, blocks: Int, _ body: (Int) -> Void) {
        var left = blocks
        for run in prompt.runs {
            guard left > 0 else { return }
            let count = min(left, Int(run.count))
            for id in Int(run.start)..<Int(run.start) + count { body(id) }
            left -= count
        }
    }

    private func units(of blocks: Int, _ prompt: BlockPrompts.Prompt) -> Int {
        prompt.units(ofBlocks: blocks, each: self.prompts.blockUnits)
    }
}
