/// A strict scanner for RFC 8259 texts: one pass, no recursion, no allocation besides the tape.
///
/// It validates all it reads, UTF-8 included, and is linear in the size of the text, looking for duplicate members
/// included.
///
/// Memory: bytes are read only below `count`, which every loop checks; the tape and the stack grow before they are
/// written. Nothing outlives the scan but the workspace.
struct JSONScanner: ~Copyable {
    private let text: JSONText
    private var position = 0

    private let workspace: JSONWorkspace
    private let limits: JSONLimits
    private let refusesDuplicates: Bool

    private var tape: UnsafeMutablePointer<JSONTapeEntry>
    private var tapeCount = 0
    private var tapeCapacity: Int
    private var depth = 0
    /// The container that the scanner is directly inside of; those around it are on the workspace's stack.
    private var container = JSONWorkspace.Container(index: 0, closer: 0, mayRepeat: false, seen: 0)
    /// Where the last thing stood that the canonical form spells otherwise.
    private var lastVariant = -1

    private init(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, refusesDuplicates: Bool, workspace: JSONWorkspace
    ) {
        // An empty buffer may have no address; nothing is read from this one.
        self.text = JSONText(bytes: bytes.baseAddress ?? UnsafePointer(workspace.output), count: bytes.count)
        self.workspace = workspace
        self.limits = limits
        self.refusesDuplicates = refusesDuplicates
        self.tape = workspace.tape
        self.tapeCapacity = min(workspace.tapeCapacity, limits.values)
    }

    /// Fills the workspace's tape with the entries of the text.
    ///
    /// - Parameter refusesDuplicates: Whether two members of one object may not have the same decoded name.
    /// - Throws: ``JSONError`` with the first offence and its position; a duplicate is noticed where its object ends.
    ///   The tape's content is then unspecified.
    static func scan(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, refusesDuplicates: Bool,
        workspace: JSONWorkspace
    ) throws(JSONError) {
        guard bytes.count <= min(limits.bytes, Int(UInt32.max) - 1) else {
            throw JSONError(.tooLarge, at: limits.bytes)
        }
        var scanner = JSONScanner(
            bytes, limits: limits, refusesDuplicates: refusesDuplicates, workspace: workspace)
        try scanner.run()
        workspace.tapeCount = scanner.tapeCount
    }

    private mutating func run() throws(JSONError) {
        self.skipWhitespace()
        value: while true {
            // A value starts here.
            let start = self.position
            guard start < self.text.count else { throw JSONError(.unexpectedEnd, at: start) }
            switch self.text.bytes[start] {
            case UInt8(ascii: "\""): try self.string(isName: false)
            case UInt8(ascii: "{"):
                try self.open(.object, closer: UInt8(ascii: "}"))
                if !self.closes() {
                    try self.name()
                    continue value
                }
                try self.close()
            case UInt8(ascii: "["):
                try self.open(.array, closer: UInt8(ascii: "]"))
                if !self.closes() { continue value }
                try self.close()
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try self.number()
            case UInt8(ascii: "t"): try self.literal("true", .true)
            case UInt8(ascii: "f"): try self.literal("false", .false)
            case UInt8(ascii: "n"): try self.literal("null", .null)
            default: throw JSONError(.unexpectedByte, at: start)
            }
            // A value ended here.
            while true {
                self.skipWhitespace()
                guard self.depth > 0 else {
                    guard self.position == self.text.count else { throw JSONError(.trailingBytes, at: self.position) }
                    return
                }
                guard self.position < self.text.count else { throw JSONError(.unexpectedEnd, at: self.position) }
                let byte = self.text.bytes[self.position]
                if byte == UInt8(ascii: ",") {
                    self.position += 1
                    self.skipWhitespace()
                    if self.container.closer == UInt8(ascii: "}") { try self.name() }
                    continue value
                }
                guard byte == self.container.closer else { throw JSONError(.unexpectedByte, at: self.position) }
                try self.close()
            }
        }
    }

    // MARK: Containers

    @inline(__always)
    private mutating func open(_ kind: JSONKind, closer: UInt8) throws(JSONError) {
        guard self.depth < self.limits.depth else { throw JSONError(.tooDeep, at: self.position) }
        if self.depth == self.workspace.openCapacity { self.workspace.growOpen(used: self.depth) }
        self.workspace.open[self.depth] = self.container
        self.depth += 1
        self.container = JSONWorkspace.Container(
            index: UInt32(truncatingIfNeeded: self.tapeCount), closer: closer, mayRepeat: false, seen: 0)
        try self.append(kind, from: self.position, to: self.position, isEscaped: false, isCanonical: false)
        self.position += 1
        self.skipWhitespace()
    }

    /// Whether the container ends before it has any content.
    @inline(__always)
    private func closes() -> Bool {
        self.position < self.text.count && self.text.bytes[self.position] == self.container.closer
    }

    @inline(__always)
    private mutating func close() throws(JSONError) {
        self.position += 1
        let index = Int(self.container.index)
        self.tape[index].end = UInt32(truncatingIfNeeded: self.position)
        self.tape[index].next = UInt32(truncatingIfNeeded: self.tapeCount)
        self.tape[index].isCanonical = self.lastVariant < Int(self.tape[index].start)
        if self.container.mayRepeat { try self.refuseDuplicates(in: index) }
        self.depth -= 1
        self.container = self.workspace.open[self.depth]
    }

    @inline(never)
    private func refuseDuplicates(in object: Int) throws(JSONError) {
        let workspace = self.workspace
        workspace.memberCount = 0
        let end = self.tapeCount
        var index = object + 1
        while index < end {
            let entry = self.tape[index]
            var name = UnsafeBufferPointer(
                start: self.text.bytes + Int(entry.start) + 1, count: Int(entry.end - entry.start) - 2)
            if entry.isEscaped { name = workspace.decoded(name) }
            // An empty decoded name may have no address; no byte of it is read.
            let bytes = name.baseAddress ?? self.text.bytes
            workspace.push(JSONMember(bytes: bytes, length: name.count, readable: name.count, index: index))
            index = Int(self.tape[index + 1].next)
        }
        let members = UnsafeMutableBufferPointer(start: workspace.members, count: workspace.memberCount)
        JSONMember.sort(members)
        if let repeated = JSONMember.repeated(in: members) {
            throw JSONError(.duplicateMember, at: Int(self.tape[repeated].start))
        }
        workspace.memberCount = 0
    }

    // MARK: Tokens

    @inline(__always)
    private mutating func append(
        _ kind: JSONKind, from start: Int, to end: Int, isEscaped: Bool, isCanonical: Bool
    ) throws(JSONError) {
        if self.tapeCount == self.tapeCapacity { try self.growTape() }
        self.tape[self.tapeCount] = JSONTapeEntry(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
            next: UInt32(truncatingIfNeeded: self.tapeCount + 1), kind: kind, isEscaped: isEscaped,
            isCanonical: isCanonical)
        self.tapeCount += 1
    }

    @inline(never)
    private mutating func growTape() throws(JSONError) {
        guard self.tapeCount < self.limits.values else { throw JSONError(.tooManyValues, at: self.position) }
        self.workspace.growTape(used: self.tapeCount)
        self.tape = self.workspace.tape
        self.tapeCapacity = min(self.workspace.tapeCapacity, self.limits.values)
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        guard self.position < self.text.count, self.text.bytes[self.position] <= 0x20 else { return }
        let end = self.text.endOfWhitespace(self.position)
        if end > self.position { self.lastVariant = self.position }
        self.position = end
    }

    /// Scans a member's name and its colon, and stops at the member's value.
    @inline(__always)
    private mutating func name() throws(JSONError) {
        guard self.position < self.text.count else { throw JSONError(.unexpectedEnd, at: self.position) }
        guard self.text.bytes[self.position] == UInt8(ascii: "\"") else {
            throw JSONError(.unexpectedByte, at: self.position)
        }
        try self.string(isName: true)
        self.skipWhitespace()
        guard self.position < self.text.count else { throw JSONError(.unexpectedEnd, at: self.position) }
        guard self.text.bytes[self.position] == UInt8(ascii: ":") else {
            throw JSONError(.unexpectedByte, at: self.position)
        }
        self.position += 1
        self.skipWhitespace()
    }

    @inline(__always)
    private mutating func string(isName: Bool) throws(JSONError) {
        let start = self.position
        var isEscaped = false
        var isCanonical = true
        let end = try self.text.endOfString(start, &isEscaped, &isCanonical)
        self.position = end
        if !isCanonical { self.lastVariant = start }
        self.position = end
        if isName, self.refusesDuplicates { self.noteName(from: start + 1, to: end - 1, isEscaped: isEscaped) }
        try self.append(.string, from: start, to: end, isEscaped: isEscaped, isCanonical: isCanonical)
    }

    /// Sets the name's bit among those that the object has seen. A set bit, or an escape, makes the object one to look
    /// at when it ends: most never are.
    @inline(__always)
    private mutating func noteName(from start: Int, to end: Int, isEscaped: Bool) {
        guard !isEscaped, end >= 8 else {
            self.container.mayRepeat = true
            return
        }
        let length = UInt64(truncatingIfNeeded: end &- start)
        // The name's last eight bytes, or all of it where it is shorter: what stands before it is shifted out.
        var word = UnsafeRawPointer(self.text.bytes + (end &- 8)).loadUnaligned(as: UInt64.self).littleEndian
        if length < 8 { word = length == 0 ? 0 : word >> (64 &- 8 &* length) }
        let bit: UInt64 = 1 << (((word ^ length) &* 0x9E37_79B9_7F4A_7C15) >> 58)
        if self.container.seen & bit != 0 { self.container.mayRepeat = true }
        self.container.seen |= bit
    }

    @inline(__always)
    private mutating func literal(_ literal: StaticString, _ kind: JSONKind) throws(JSONError) {
        let start = self.position
        self.position = try self.text.endOfLiteral(literal, start)
        try self.append(kind, from: start, to: self.position, isEscaped: false, isCanonical: true)
    }

    @inline(__always)
    private mutating func number() throws(JSONError) {
        let start = self.position
        self.position = try self.text.endOfNumber(start)
        try self.append(.number, from: start, to: self.position, isEscaped: false, isCanonical: true)
    }
}

extension UInt8 {
    /// The value of this byte as an ASCII hexadecimal digit, of either case.
    package var hexDigitValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
