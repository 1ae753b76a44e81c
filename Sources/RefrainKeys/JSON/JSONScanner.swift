/// A strict scanner for RFC 8259 texts: one pass, no recursion, no allocation besides the tape.
///
/// It validates all it reads, UTF-8 included, and is linear in the size of the text, looking for duplicate members
/// included.
///
/// Memory: bytes are read only below `count`, which every loop checks; the tape and the stack grow before they are
/// written. Nothing outlives the scan but the workspace.
struct JSONScanner: ~Copyable {
    private let text: JSONText
    private let workspace: JSONWorkspace
    private let limits: JSONLimits
    private let refusesDuplicates: Bool

    private var tape: UnsafeMutablePointer<JSONTapeEntry>
    private var tapeCount = 0
    private var tapeCapacity: Int
    private var depth = 0
    /// The container that the scanner is directly inside of; those around it are on the workspace's stack.
    private var container = JSONWorkspace.Container(index: 0, closer: 0, mayRepeat: false, seen: JSONNameFilter())
    /// Where the last thing stood that the canonical form spells otherwise.
    private var lastVariant = -1

    private init(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, refusesDuplicates: Bool, workspace: JSONWorkspace
    ) {
        self.text = JSONText(bytes, or: workspace.output)
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

    /// Scans the text. Where the scan is goes from function to function as a value, so that it stays in a register: the
    /// next token cannot be looked for before it is known.
    private mutating func run() throws(JSONError) {
        var at = self.endOfWhitespace(0)
        value: while true {
            // A value starts at `at`.
            guard at < self.text.count else { throw JSONError(.unexpectedEnd, at: at) }
            switch self.text.bytes[at] {
            case UInt8(ascii: "\""): at = try self.string(at, isName: false)
            case UInt8(ascii: "{"):
                at = try self.open(.object, at, closer: UInt8(ascii: "}"))
                if !self.closes(at) {
                    at = try self.name(at)
                    continue value
                }
                at = try self.close(at)
            case UInt8(ascii: "["):
                at = try self.open(.array, at, closer: UInt8(ascii: "]"))
                if !self.closes(at) { continue value }
                at = try self.close(at)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): at = try self.number(at)
            case UInt8(ascii: "t"): at = try self.literal("true", .true, at)
            case UInt8(ascii: "f"): at = try self.literal("false", .false, at)
            case UInt8(ascii: "n"): at = try self.literal("null", .null, at)
            default: throw JSONError(.unexpectedByte, at: at)
            }
            // A value ended before `at`.
            while true {
                at = self.endOfWhitespace(at)
                guard self.depth > 0 else {
                    guard at == self.text.count else { throw JSONError(.trailingBytes, at: at) }
                    return
                }
                guard at < self.text.count else { throw JSONError(.unexpectedEnd, at: at) }
                let byte = self.text.bytes[at]
                if byte == UInt8(ascii: ",") {
                    at = self.endOfWhitespace(at &+ 1)
                    if self.container.closer == UInt8(ascii: "}") { at = try self.name(at) }
                    continue value
                }
                guard byte == self.container.closer else { throw JSONError(.unexpectedByte, at: at) }
                at = try self.close(at)
            }
        }
    }

    // MARK: Containers

    /// Enters the container that begins at `start`. Returns where its content begins.
    @inline(__always)
    private mutating func open(_ kind: JSONKind, _ start: Int, closer: UInt8) throws(JSONError) -> Int {
        guard self.depth < self.limits.depth else { throw JSONError(.tooDeep, at: start) }
        if self.depth == self.workspace.openCapacity { self.workspace.growOpen(used: self.depth) }
        self.workspace.open[self.depth] = self.container
        self.depth += 1
        self.container = JSONWorkspace.Container(
            index: UInt32(truncatingIfNeeded: self.tapeCount), closer: closer, mayRepeat: false, seen: JSONNameFilter())
        try self.append(kind, from: start, to: start, isEscaped: false, isCanonical: false)
        return self.endOfWhitespace(start &+ 1)
    }

    /// Whether the container ends at `start`, before it has any content.
    @inline(__always)
    private func closes(_ start: Int) -> Bool {
        start < self.text.count && self.text.bytes[start] == self.container.closer
    }

    /// Leaves the container whose last byte is at `last`. Returns the position after it.
    @inline(__always)
    private mutating func close(_ last: Int) throws(JSONError) -> Int {
        let index = Int(self.container.index)
        self.tape[index].end = UInt32(truncatingIfNeeded: last &+ 1)
        self.tape[index].next = UInt32(truncatingIfNeeded: self.tapeCount)
        self.tape[index].isCanonical = self.lastVariant < Int(self.tape[index].start)
        if self.container.mayRepeat { try self.refuseDuplicates(in: index) }
        self.depth -= 1
        self.container = self.workspace.open[self.depth]
        return last &+ 1
    }

    @inline(never)
    private func refuseDuplicates(in object: Int) throws(JSONError) {
        let workspace = self.workspace
        workspace.memberCount = 0
        workspace.pushMembers(of: object, in: self.text)
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
        if self.tapeCount == self.tapeCapacity { try self.growTape(at: end) }
        self.tape[self.tapeCount] = JSONTapeEntry(
            start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
            next: UInt32(truncatingIfNeeded: self.tapeCount &+ 1), kind: kind, isEscaped: isEscaped,
            isCanonical: isCanonical)
        self.tapeCount &+= 1
    }

    @inline(never)
    private mutating func growTape(at position: Int) throws(JSONError) {
        guard self.tapeCount < self.limits.values else { throw JSONError(.tooManyValues, at: position) }
        self.workspace.growTape(used: self.tapeCount)
        self.tape = self.workspace.tape
        self.tapeCapacity = min(self.workspace.tapeCapacity, self.limits.values)
    }

    @inline(__always)
    private mutating func endOfWhitespace(_ start: Int) -> Int {
        guard start < self.text.count, self.text.bytes[start] <= 0x20 else { return start }
        let end = self.text.endOfWhitespace(start)
        if end > start { self.lastVariant = start }
        return end
    }

    /// Scans a member's name and its colon. Returns where the member's value begins.
    @inline(__always)
    private mutating func name(_ start: Int) throws(JSONError) -> Int {
        guard start < self.text.count else { throw JSONError(.unexpectedEnd, at: start) }
        guard self.text.bytes[start] == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, at: start) }
        let colon = self.endOfWhitespace(try self.string(start, isName: true))
        guard colon < self.text.count else { throw JSONError(.unexpectedEnd, at: colon) }
        guard self.text.bytes[colon] == UInt8(ascii: ":") else { throw JSONError(.unexpectedByte, at: colon) }
        return self.endOfWhitespace(colon &+ 1)
    }

    @inline(__always)
    private mutating func string(_ start: Int, isName: Bool) throws(JSONError) -> Int {
        let string = try self.text.endOfString(start)
        if !string.isCanonical { self.lastVariant = start }
        if isName, self.refusesDuplicates {
            self.noteName(from: start &+ 1, to: string.end &- 1, isEscaped: string.isEscaped)
        }
        try self.append(
            .string, from: start, to: string.end, isEscaped: string.isEscaped, isCanonical: string.isCanonical)
        return string.end
    }

    /// Notes the name among those that the object has seen. One that may have been there before, or an escape, makes the
    /// object one to look at when it ends: most never are.
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
        if self.container.seen.insert(word ^ length) { self.container.mayRepeat = true }
    }

    @inline(__always)
    private mutating func literal(_ literal: StaticString, _ kind: JSONKind, _ start: Int) throws(JSONError) -> Int {
        let end = try self.text.endOfLiteral(literal, start)
        try self.append(kind, from: start, to: end, isEscaped: false, isCanonical: true)
        return end
    }

    @inline(__always)
    private mutating func number(_ start: Int) throws(JSONError) -> Int {
        let end = try self.text.endOfNumber(start)
        try self.append(.number, from: start, to: end, isEscaped: false, isCanonical: true)
        return end
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
