import NIOCore
import RefrainTesting

/// The faults that wait for replies: given a reply, says what arrives instead. A value, without I/O.
struct ReplyFaults: Sendable {
    /// A fault that waits.
    struct Armed: Sendable {
        var fault: FaultProxy.ReplyFault
        /// How many replies it still strikes.
        var left: Int
        /// The size of the smallest reply that it strikes.
        var size: Int
        /// The one connection that it strikes; any where nil.
        var connection: Int?
    }

    private(set) var armed: [Armed] = []

    /// Adds a fault behind those that wait.
    mutating func arm(_ fault: Armed) { self.armed.append(fault) }

    /// Forgets all.
    mutating func disarm() { self.armed = [] }

    /// Whether something waits for replies on this connection.
    func concerns(_ connection: Int) -> Bool {
        self.armed.contains { $0.connection == nil || $0.connection == connection }
    }

    /// What arrives for a reply.
    /// - Parameter held: the connection's first reply of a pair that is being swapped.
    mutating func pass(
        _ reply: ByteBuffer, on connection: Int, held: inout ByteBuffer?, random: inout SeededGenerator,
        tally: inout FaultProxy.Tally
    ) -> [ByteBuffer] {
        var arriving = [reply]
        for index in self.armed.indices {
            let armed = self.armed[index]
            guard armed.left > 0, reply.readableBytes >= armed.size,
                armed.connection == nil || armed.connection == connection
            else { continue }
            guard
                let kind = Self.strike(with: armed.fault, &arriving, held: &held, random: &random)
            else { continue }
            tally[kind] += 1
            self.armed[index].left -= 1
        }
        self.armed.removeAll { $0.left <= 0 }
        return arriving
    }

    /// Does what the fault does; nil where it has not struck, or not in full yet.
    private static func strike(
        with fault: FaultProxy.ReplyFault, _ arriving: inout [ByteBuffer], held: inout ByteBuffer?,
        random: inout SeededGenerator
    ) -> FaultProxy.Kind? {
        switch fault {
        case .swallow:
            arriving = []
            return .swallowed
        case .duplicate:
            arriving += arriving
            return .duplicated
        case .swap:
            guard let first = held else {
                held = arriving.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
                arriving = []
                return nil
            }
            arriving.append(first)
            held = nil
            return .swapped
        case .flip(let probability):
            guard let last = arriving.last, Double.random(in: 0..<1, using: &random) < probability else { return nil }
            var bytes = Array(last.readableBytesView)
            guard !bytes.isEmpty else { return nil }
            Self.flip(&bytes, in: bytes.indices, random: &random)
            arriving[arriving.count - 1] = ByteBuffer(bytes: bytes)
            return .flipped
        case .flipPayload(let size, let probability):
            guard let last = arriving.last else { return nil }
            var bytes = Array(last.readableBytesView)
            let payloads = ReplySplitter.payloads(of: bytes).filter { $0.count >= max(size, 1) }
            guard let payload = payloads.randomElement(using: &random),
                Double.random(in: 0..<1, using: &random) < probability
            else { return nil }
            Self.flip(&bytes, in: payload, random: &random)
            arriving[arriving.count - 1] = ByteBuffer(bytes: bytes)
            return .flipped
        case .inject(let bytes):
            arriving.insert(ByteBuffer(bytes: bytes), at: 0)
            return .injected
        case .replace(let bytes):
            arriving = [ByteBuffer(bytes: bytes)]
            return .replaced
        }
    }

    private static func flip(_ bytes: inout [UInt8], in range: Range<Int>, random: inout SeededGenerator) {
        bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
}
