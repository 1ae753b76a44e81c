import RefrainKeys

/// Numbers the blocks of texts and bodies so that a number stands for a block and all before it.
struct PrefixIndex {
    /// The characters of a block of text: 64 tokens, as fine as the block traces are.
    static let characters = 64 * TokenRule.characters

    private struct Node: Hashable {
        var parent: Int32
        var block: Int
    }

    private var numbers: [Node: Int32] = [:]

    /// The blocks of a body, the ends of which are where it can be cut.
    mutating func runs(_ cuts: [BodySegments.Cut]) -> [BlockRun] {
        var runs: [BlockRun] = []
        for cut in cuts { runs.append(id: self.number(Node(parent: -1, block: cut.prefix))) }
        return runs
    }

    private mutating func number(_ node: Node) -> Int32 {
        let number = self.numbers[node] ?? Int32(truncatingIfNeeded: self.numbers.count)
        self.numbers[node] = number
        return number
    }

    /// The blocks of a text in UTF-8, the last of which may be shorter. Linear.
    mutating func runs(_ text: [UInt8]) -> [BlockRun] {
        var runs: [BlockRun] = []
        var parent: Int32 = -1
        text.withUnsafeBytes { text in
            var start = 0
            while start < text.count {
                let end = Self.end(of: text, from: start)
                var hasher = Hasher()
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: text[start..<end]))
                parent = self.number(Node(parent: parent, block: hasher.finalize()))
                runs.append(id: parent)
                start = end
            }
        }
        return runs
    }

    /// Where the block that begins at `start` ends: before the first byte of the first scalar that is too many.
    static func end(of text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var scalars = 0
        var at = start
        while at < text.count {
            if text[at] & 0xC0 != 0x80 {
                guard scalars < Self.characters else { break }
                scalars += 1
            }
            at += 1
        }
        return at
    }
}
