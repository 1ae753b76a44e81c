#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A member of an object, with its decoded name at hand.
struct JSONMember: BitwiseCopyable {
    /// The name's first eight bytes as a big-endian number, padded with zeros: it orders most names at once.
    var prefix: UInt64
    /// The decoded name, in generalised UTF-8.
    var bytes: UnsafePointer<UInt8>
    /// The number of its bytes.
    var length: Int
    /// The name's index on the tape; the value's is the next.
    var index: Int

    /// Creates a member.
    ///
    /// - Parameter readable: How many bytes, at least `length`, may be read at `bytes`.
    @inline(__always)
    init(bytes: UnsafePointer<UInt8>, length: Int, readable: Int, index: Int) {
        self.bytes = bytes
        self.length = length
        self.index = index
        if readable >= 8 {
            let word = UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self).bigEndian
            self.prefix = length >= 8 ? word : word & ~(UInt64.max >> (8 &* UInt64(truncatingIfNeeded: length)))
        } else {
            self.prefix = 0
            for offset in 0..<length { self.prefix |= UInt64(bytes[offset]) << (56 - 8 * UInt64(offset)) }
        }
    }

    /// Whether the name is `text`.
    @inline(__always)
    func isNamed(_ text: StaticString) -> Bool {
        self.length == text.utf8CodeUnitCount && memcmp(self.bytes, text.utf8Start, self.length) == 0
    }

    /// Below zero, zero or above as this name's bytes stand before the other's, are the same or stand after, where the
    /// first `depth` are known to be the same.
    @inline(__always)
    private func order(_ other: JSONMember, from depth: Int) -> Int {
        if depth == 0, self.prefix != other.prefix { return self.prefix < other.prefix ? -1 : 1 }
        let common = min(self.length, other.length)
        if common > depth {
            let order = memcmp(self.bytes + depth, other.bytes + depth, common - depth)
            if order != 0 { return Int(order) }
        }
        return self.length - other.length
    }

    /// Sorts `members` by the bytes of their names. Linear in the number of those bytes.
    @inline(__always)
    static func sort(_ members: UnsafeMutableBufferPointer<JSONMember>) {
        if members.count <= Self.insertionLimit {
            Self.insertionSort(members, from: 0)
        } else {
            Self.radixSort(members)
        }
    }

    /// The index on the tape of a name that occurs twice among sorted `members`; nil where all are different.
    static func repeated(in members: UnsafeMutableBufferPointer<JSONMember>) -> Int? {
        var first: Int?
        for index in 1..<max(1, members.count) where members[index - 1].order(members[index], from: 0) == 0 {
            let later = max(members[index - 1].index, members[index].index)
            first = min(first ?? later, later)
        }
        return first
    }

    /// The most members that are sorted by comparing.
    private static let insertionLimit = 24

    @inline(__always)
    private static func insertionSort(_ members: UnsafeMutableBufferPointer<JSONMember>, from depth: Int) {
        var sorted = 1
        while sorted < members.count {
            let member = members[sorted]
            var hole = sorted
            while hole > 0, member.order(members[hole - 1], from: depth) < 0 {
                members[hole] = members[hole - 1]
                hole -= 1
            }
            members[hole] = member
            sorted += 1
        }
    }

    /// Most significant byte first: each byte of each name is looked at once, whatever the names are, which no sort by
    /// comparing can promise and no hash can against an adversary.
    @inline(never)
    private static func radixSort(_ members: UnsafeMutableBufferPointer<JSONMember>) {
        let copy = UnsafeMutableBufferPointer<JSONMember>.allocate(capacity: members.count)
        defer { copy.deallocate() }
        var work: [(range: Range<Int>, depth: Int)] = [(0..<members.count, 0)]
        // Bucket 0 is for names that end here.
        var ends = [Int](repeating: 0, count: 257)
        while let (range, depth) = work.popLast() {
            let part = UnsafeMutableBufferPointer(rebasing: members[range])
            if part.count <= Self.insertionLimit {
                Self.insertionSort(part, from: depth)
                continue
            }
            for bucket in ends.indices { ends[bucket] = 0 }
            for member in part { ends[member.bucket(at: depth)] += 1 }
            // All in one bucket is what a long common prefix looks like: nothing moves.
            let only = part[0].bucket(at: depth)
            if ends[only] == part.count {
                if only > 0 { work.append((range, depth + 1)) }
                continue
            }
            var start = 0
            for bucket in ends.indices {
                let count = ends[bucket]
                if bucket > 0, count > 1 {
                    work.append((range.lowerBound + start..<range.lowerBound + start + count, depth + 1))
                }
                ends[bucket] = start
                start += count
            }
            for member in part {
                let bucket = member.bucket(at: depth)
                copy[ends[bucket]] = member
                ends[bucket] += 1
            }
            for index in 0..<part.count { part[index] = copy[index] }
        }
    }

    @inline(__always)
    private func bucket(at depth: Int) -> Int { depth < self.length ? Int(self.bytes[depth]) + 1 : 0 }
}
