#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The memory that a scan and a walk over its result need, kept and used again.
///
/// `@unchecked Sendable`: it has one user at a time. ``Pool/take()`` hands it out and ``Pool/give(_:)`` takes it back,
/// both under a lock, and between the two only the taker reaches it. Every pointer is allocated here, freed here, and as long as
/// its capacity says; all of them hold trivial types.
package final class JSONWorkspace: @unchecked Sendable {
    /// An array or object that the scanner is inside of.
    struct Container {
        /// Its index on the tape; or, in a walk, the index after it.
        var index: UInt32
        /// The byte that closes it.
        var closer: UInt8
        /// Whether two of its members so far may have one name.
        var mayRepeat: Bool
        /// The member names so far.
        var seen: JSONNameFilter
    }

    /// The values of the text, ``tapeCount`` of them.
    private(set) var tape: UnsafeMutablePointer<JSONTapeEntry>
    private(set) var tapeCapacity: Int
    var tapeCount = 0

    /// A stack of containers.
    private(set) var open: UnsafeMutablePointer<Container>
    private(set) var openCapacity: Int

    /// A stack of members, ``memberCount`` of them: those of the objects that a walk is inside of.
    private(set) var members: UnsafeMutablePointer<JSONMember>
    private(set) var memberCapacity: Int
    var memberCount = 0

    /// Blocks that hold the decoded forms of strings with escapes; a block never moves.
    private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
    private var blockUsed = 0

    /// Where canonical text collects before it is hashed.
    let output: UnsafeMutablePointer<UInt8>
    /// The size of ``output``.
    static let outputCapacity = 8192

    init() {
        self.tapeCapacity = 256
        self.tape = .allocate(capacity: self.tapeCapacity)
        self.openCapacity = 32
        self.open = .allocate(capacity: self.openCapacity)
        self.memberCapacity = 64
        self.members = .allocate(capacity: self.memberCapacity)
        self.output = .allocate(capacity: Self.outputCapacity)
    }

    deinit {
        self.tape.deallocate()
        self.open.deallocate()
        self.members.deallocate()
        for block in self.blocks { block.deallocate() }
        self.output.deallocate()
    }

    /// Forgets what it held.
    func reset() {
        self.tapeCount = 0
        self.memberCount = 0
        if !self.blocks.isEmpty {
            for block in self.blocks { block.deallocate() }
            self.blocks.removeAll()
            self.blockUsed = 0
        }
    }

    /// About how many bytes it keeps.
    private var retainedBytes: Int {
        self.tapeCapacity * MemoryLayout<JSONTapeEntry>.stride + self.memberCapacity * MemoryLayout<JSONMember>.stride
            + self.openCapacity * MemoryLayout<Container>.stride + Self.outputCapacity
    }

    /// Doubles the tape, of which `used` entries hold something.
    @inline(never)
    func growTape(used: Int) {
        let capacity = self.tapeCapacity * 2
        self.tape = Self.moved(self.tape, used: used, to: capacity)
        self.tapeCapacity = capacity
    }

    /// Doubles the stack of containers, of which `used` hold something.
    @inline(never)
    func growOpen(used: Int) {
        let capacity = self.openCapacity * 2
        self.open = Self.moved(self.open, used: used, to: capacity)
        self.openCapacity = capacity
    }

    /// Pushes the members of the object at `object` on the tape of `text`. Pointers into ``members`` are invalid afterwards.
    func pushMembers(of object: Int, in text: JSONText) {
        let end = Int(self.tape[object].next)
        var index = object + 1
        while index < end {
            let name = self.tape[index]
            let content = text.bytes + Int(name.start) + 1
            let length = Int(name.end &- name.start) - 2
            if name.isEscaped {
                let decoded = self.decoded(UnsafeBufferPointer(start: content, count: length))
                // An empty decoded name may have no address; no byte of it is read.
                let bytes = decoded.baseAddress ?? content
                self.push(JSONMember(bytes: bytes, length: decoded.count, readable: decoded.count, index: index))
            } else {
                let readable = text.count - Int(name.start) - 1
                self.push(JSONMember(bytes: content, length: length, readable: readable, index: index))
            }
            index = Int(self.tape[index + 1].next)
        }
    }

    /// Pushes a member. Pointers into ``members`` are invalid afterwards.
    @inline(__always)
    private func push(_ member: JSONMember) {
        if self.memberCount == self.memberCapacity { self.growMembers() }
        self.members[self.memberCount] = member
        self.memberCount += 1
    }

    @inline(never)
    private func growMembers() {
        let capacity = self.memberCapacity * 2
        self.members = Self.moved(self.members, used: self.memberCount, to: capacity)
        self.memberCapacity = capacity
    }

    private static func moved<Element: BitwiseCopyable>(
        _ elements: UnsafeMutablePointer<Element>, used: Int, to capacity: Int
    ) -> UnsafeMutablePointer<Element> {
        let result = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        result.update(from: elements, count: used)
        elements.deallocate()
        return result
    }

    /// The decoded content of a string with escapes; it stays where it is until ``reset()``.
    ///
    /// - Parameter content: The scanned string between its quotes.
    @inline(never)
    func decoded(_ content: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        if self.blocks.last.map({ $0.count - self.blockUsed < content.count }) ?? true {
            self.blocks.append(.allocate(capacity: max(content.count, 16_384)))
            self.blockUsed = 0
        }
        let output = self.blocks[self.blocks.count - 1][self.blockUsed...]
        let count = JSONString.unescape(content, into: UnsafeMutableBufferPointer(rebasing: output))
        self.blockUsed += count
        return UnsafeBufferPointer(rebasing: output.prefix(count))
    }
}

extension JSONWorkspace {
    /// The workspaces that nobody is using.
    ///
    /// Each thread has a stripe, which it shares with few others: one lock for all would be what keeps two threads from
    /// doing twice what one does.
    enum Pool {
        /// How many stripes there are. Each keeps one; more may be in use.
        static let stripes = 16
        /// The largest that is kept, in bytes.
        static let byteLimit = 4 << 20

        private static let idle = LockedStripes(count: Self.stripes) { _ in nil as JSONWorkspace? }

        /// A workspace that nobody else has.
        static func take() -> JSONWorkspace {
            Self.idle.withLock(Self.stripe) { $0.take() } ?? JSONWorkspace()
        }

        /// Takes back a workspace that the caller no longer touches.
        static func give(_ workspace: JSONWorkspace) {
            workspace.reset()
            guard workspace.retainedBytes <= Self.byteLimit else { return }
            // One that is there already is freed after unlocking.
            _ = Self.idle.withLock(Self.stripe) { kept in
                let former = kept.take()
                kept = workspace
                return former
            }
        }

        /// The running thread's. Threads are at addresses of which only the upper bits differ, so these are mixed.
        private static var stripe: Int {
            #if canImport(Glibc)
                let thread = UInt(pthread_self())
            #else
                let thread = UInt(bitPattern: pthread_self())
            #endif
            let mixed = (UInt64(thread) &* 0x9E37_79B9_7F4A_7C15) >> 32
            return Int(mixed % UInt64(Self.stripes))
        }
    }
}
