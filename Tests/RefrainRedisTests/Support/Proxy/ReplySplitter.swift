/// Finds where each reply of a Redis server (RESP2) ends, in a stream that comes in pieces. It keeps no bytes.
struct ReplySplitter: Sendable {
    /// What was found in a piece.
    enum Step: Hashable, Sendable {
        /// All of it was consumed, and the reply goes on.
        case unfinished
        /// A reply ends after so many bytes of it.
        case end(Int)
        /// These are no replies; nothing more will be found.
        case foreign
    }

    private enum State {
        /// Before the first byte of a reply or of an element.
        case start
        /// In a line that is a reply.
        case line
        /// In the number of a bulk string or an array.
        case number(isArray: Bool, value: Int, isNegative: Bool)
        /// In a bulk string, its end of line included.
        case bulk(left: Int)
        case foreign
    }

    private var state = State.start
    /// The elements that are still to come, of each array around.
    private var pending: [Int] = []

    /// Whether a reply has begun and not ended.
    private(set) var isInReply = false
    /// Whether these are no replies.
    var isForeign: Bool { if case .foreign = self.state { true } else { false } }

    /// Consumes bytes up to the end of a reply.
    mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Step {
        var index = 0
        while index < bytes.count {
            switch self.state {
            case .foreign: return .foreign
            case .start:
                self.isInReply = true
                switch bytes[index] {
                case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): self.state = .line
                case UInt8(ascii: "$"): self.state = .number(isArray: false, value: 0, isNegative: false)
                case UInt8(ascii: "*"): self.state = .number(isArray: true, value: 0, isNegative: false)
                default: return self.giveUp()
                }
                index += 1
            case .line:
                let byte = bytes[index]
                index += 1
                if byte == UInt8(ascii: "\n"), self.endElement() { return .end(index) }
            case .bulk(let left):
                let taken = min(left, bytes.count - index)
                index += taken
                self.state = .bulk(left: left - taken)
                if taken == left, self.endElement() { return .end(index) }
            case .number(let isArray, let value, let isNegative):
                let byte = bytes[index]
                index += 1
                switch byte {
                case UInt8(ascii: "-"): self.state = .number(isArray: isArray, value: value, isNegative: true)
                case UInt8(ascii: "\r"): break
                case UInt8(ascii: "\n"):
                    if self.number(isArray: isArray, isNegative ? -1 : value) { return .end(index) }
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    guard value < 1 << 40 else { return self.giveUp() }
                    self.state = .number(
                        isArray: isArray, value: value * 10 + Int(byte - UInt8(ascii: "0")), isNegative: isNegative)
                default: return self.giveUp()
                }
            }
        }
        return .unfinished
    }

    /// Whether the reply ends with this number.
    private mutating func number(isArray: Bool, _ value: Int) -> Bool {
        guard !isArray else {
            guard value > 0 else { return self.endElement() }
            self.pending.append(value)
            self.state = .start
            return false
        }
        guard value >= 0 else { return self.endElement() }
        self.state = .bulk(left: value + 2)
        return false
    }

    /// Whether the reply ends with this element.
    private mutating func endElement() -> Bool {
        self.state = .start
        while let left = self.pending.popLast() {
            guard left == 1 else {
                self.pending.append(left - 1)
                return false
            }
        }
        self.isInReply = false
        return true
    }

    private mutating func giveUp() -> Step {
        self.state = .foreign
        return .foreign
    }

    /// Where the payloads of a whole reply's bulk strings are.
    static func payloads(of reply: [UInt8]) -> [Range<Int>] {
        // The elements of arrays follow each other as replies do.
        var ranges: [Range<Int>] = []
        var index = 0
        while index < reply.count, let end = reply[index...].firstIndex(of: UInt8(ascii: "\n")) {
            let isBulk = reply[index] == UInt8(ascii: "$")
            let length = Int(String(decoding: reply[(index + 1)..<max(index + 1, end - 1)], as: UTF8.self))
            index = end + 1
            guard isBulk, let length, length >= 0 else { continue }
            ranges.append(index..<min(index + length, reply.count))
            index += length + 2
        }
        return ranges
    }
}
