#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Walks over a scanned request and writes its canonical form, which `docs/request-key.md` defines.
///
/// The walk knows the API's own objects by their place: it sorts their members and leaves out what cannot change an
/// answer. Whatever it does not know is a free-form value, which keeps its order and the spelling of its numbers.
///
/// Memory: it reads the text and the tape at the positions that the scanner wrote, while both are alive.
///
/// Methods that only read are `mutating` too, unless they are inlined: the compiler copies all of a borrowed value to the
/// stack for each call of one that is not.
struct Canonicalizer: ~Copyable {
    /// What a value is, by its place in the request.
    enum Shape {
        /// Not the API's own: order kept, numbers by their spelling.
        case free
        /// A number of the API's own, by its value.
        case number
        case request
        case messages, message, content
        /// An array of blocks that may carry `cache_control`, and such a block.
        case markedBlocks, markedBlock
        /// An array of blocks inside a block, where the API defines no `cache_control` that counts, and such a block.
        case blocks, block
        case tools, tool
        /// A tool inside a block, where the API defines no `cache_control`.
        case definition
        case source
        case outputConfig, format
        case contextManagement, edits, edit
        case fallbacks, fallback
        /// An object of parameters, such as `thinking`.
        case settings
        /// What `tool_addition` and `tool_removal` name.
        case toolChange
        /// An object of the API's own that records something, with all objects inside it.
        case part
    }

    /// Why a request is bypassed matters to who reports it; whether it is, to who hashes it.
    enum BypassPolicy {
        /// Stop at the first reason.
        case stop
        /// Write the canonical form all the same, and remember the first reason.
        case note
    }

    let text: JSONText
    let tape: UnsafePointer<JSONTapeEntry>
    let workspace: JSONWorkspace
    let options: KeyOptions
    let bypassPolicy: BypassPolicy
    var writer: CanonicalWriter

    /// Whether `stream` is `true`.
    var isStreaming = false
    /// The content of the string `model`.
    var model: Range<Int>?
    /// Whether a message holds a tool call.
    var hasToolUse = false
    /// Why the request is not to be cached, where the walk did not stop there.
    var bypass: BypassReason?
    /// Where the walk is, for people to read.
    var place = RequestPlace()

    /// Creates a walk over what `workspace` holds of `text`.
    init(
        _ text: UnsafeBufferPointer<UInt8>, workspace: JSONWorkspace, options: KeyOptions,
        bypassPolicy: BypassPolicy, writer: consuming CanonicalWriter
    ) {
        self.text = JSONText(text, or: workspace.output)
        self.tape = UnsafePointer(workspace.tape)
        self.workspace = workspace
        self.options = options
        self.bypassPolicy = bypassPolicy
        self.writer = writer
    }

    /// Writes the whole request.
    mutating func run() throws(BypassReason) {
        guard self.tape[0].kind == .object else {
            try self.refuse(.notAnObject)
            self.writeFree(0)
            return
        }
        try self.writeObject(0, .request)
    }

    /// Notes why the request is bypassed.
    ///
    /// - Parameter suffix: What to add to the path of where the walk is.
    mutating func refuse(_ code: BypassReason.Code, _ suffix: String = "") throws(BypassReason) {
        let reason = BypassReason(code, detail: self.place.path + suffix)
        switch self.bypassPolicy {
        case .stop: throw reason
        case .note: if self.bypass == nil { self.bypass = reason }
        }
    }

    // MARK: Values

    mutating func writeValue(_ index: Int, _ shape: Shape) throws(BypassReason) {
        switch shape {
        case .free: self.writeFree(index)
        case .number: self.writeNumber(index)
        case .messages: try self.writeArray(index, of: .message)
        case .content:
            // A message's text is short for one block of it.
            if self.tape[index].kind == .string {
                self.writer.append("[{\"text\":")
                self.writeFree(index)
                self.writer.append(",\"type\":\"text\"}]")
            } else {
                try self.writeArray(index, of: .markedBlock)
            }
        case .markedBlocks: try self.writeArray(index, of: .markedBlock)
        case .blocks: try self.writeArray(index, of: .block)
        case .tools: try self.writeArray(index, of: .tool)
        case .edits: try self.writeArray(index, of: .edit)
        case .fallbacks: try self.writeArray(index, of: .fallback)
        case .part where self.tape[index].kind == .array: try self.writeArray(index, of: .part)
        default: try self.writeObject(index, shape)
        }
    }

    private mutating func writeArray(_ index: Int, of shape: Shape) throws(BypassReason) {
        let array = self.tape[index]
        guard array.kind == .array else {
            self.writeFree(index)
            return
        }
        self.writer.append(UInt8(ascii: "["))
        self.place.enter()
        var element = index + 1
        while element < Int(array.next) {
            if element > index + 1 { self.writer.append(UInt8(ascii: ",")) }
            try self.writeValue(element, shape)
            self.place.advance()
            element = Int(self.tape[element].next)
        }
        self.place.leave()
        self.writer.append(UInt8(ascii: "]"))
    }

    private mutating func writeObject(_ index: Int, _ shape: Shape) throws(BypassReason) {
        guard self.tape[index].kind == .object else {
            self.writeFree(index)
            return
        }
        let base = self.workspace.memberCount
        self.workspace.pushMembers(of: index, in: self.text)
        let count = self.workspace.memberCount - base
        defer { self.workspace.memberCount = base }
        JSONMember.sort(UnsafeMutableBufferPointer(start: self.workspace.members + base, count: count))
        let role = try self.role(of: base..<base + count, shape)
        var separator = UInt8(ascii: "{")
        var at = base
        while at < base &+ count {
            let member = self.workspace.members[at]
            at &+= 1
            guard let child = try self.shape(of: member, in: shape, role) else { continue }
            self.writer.append(separator)
            separator = UInt8(ascii: ",")
            let (name, value) = (self.tape[member.index], self.tape[member.index + 1])
            if child == .free, name.isCanonical, value.isCanonical, value.start == name.end &+ 1 {
                // Name, colon and value stand in the text as they are to be written.
                self.writer.append(self.raw(name.start..<value.end))
            } else {
                self.writeString(member.index)
                self.writer.append(UInt8(ascii: ":"))
                try self.writeValue(member.index + 1, child)
            }
        }
        if separator == UInt8(ascii: "{") { self.writer.append(separator) }
        self.writer.append(UInt8(ascii: "}"))
    }

    private mutating func writeNumber(_ index: Int) {
        guard self.tape[index].kind == .number else {
            self.writeFree(index)
            return
        }
        let literal = self.raw(index)
        if CanonicalNumber.isPlainInteger(literal) {
            self.writer.append(literal)
        } else {
            var spelling: [UInt8] = []
            CanonicalNumber(literal).write { spelling.append($0) }
            spelling.withUnsafeBufferPointer { self.writer.append($0) }
        }
    }

    // MARK: Free-form values

    /// Writes a value as it stands, without white space and with its strings in the canonical spelling.
    mutating func writeFree(_ root: Int) {
        if self.tape[root].isCanonical {
            self.writer.append(self.raw(root))
            return
        }
        var index = root
        var depth = 0
        value: while true {
            let entry = self.tape[index]
            if entry.isCanonical {
                self.writer.append(self.raw(index))
                index = Int(entry.next)
            } else if entry.kind == .string {
                self.writeString(index)
                index += 1
            } else {
                let isObject = entry.kind == .object
                self.writer.append(UInt8(ascii: isObject ? "{" : "["))
                // As deep as the scanner was, whose stack this was.
                self.workspace.open[depth] = JSONWorkspace.Container(
                    index: entry.next, closer: UInt8(ascii: isObject ? "}" : "]"), mayRepeat: false,
                    seen: JSONNameFilter())
                depth += 1
                index += 1
                if index < Int(entry.next) {
                    if isObject { self.writeName(&index) }
                    continue value
                }
            }
            while true {
                guard depth > 0 else { return }
                let container = self.workspace.open[depth - 1]
                if index < Int(container.index) {
                    self.writer.append(UInt8(ascii: ","))
                    if container.closer == UInt8(ascii: "}") { self.writeName(&index) }
                    continue value
                }
                self.writer.append(container.closer)
                depth -= 1
            }
        }
    }

    @inline(__always)
    private mutating func writeName(_ index: inout Int) {
        self.writeString(index)
        self.writer.append(UInt8(ascii: ":"))
        index += 1
    }

    @inline(__always)
    mutating func writeString(_ index: Int) {
        let raw = self.raw(index)
        if self.tape[index].isCanonical {
            self.writer.append(raw)
        } else {
            self.writeRespelt(raw)
        }
    }

    /// Writes a string with each escape in its canonical spelling: the short one where there is one, four digits in
    /// lower case for other control characters and for lone surrogates, and none for everything else.
    @inline(never)
    private mutating func writeRespelt(_ raw: UnsafeBufferPointer<UInt8>) {
        var plain = 0
        while let offset = raw[plain...].firstIndex(of: UInt8(ascii: "\\")) {
            self.writer.append(UnsafeBufferPointer(rebasing: raw[plain..<offset]))
            let (scalar, length) = JSONString.escape(at: offset, in: raw)
            switch scalar {
            case 0x22: self.writer.append("\\\"")
            case 0x5C: self.writer.append("\\\\")
            case 0x08: self.writer.append("\\b")
            case 0x09: self.writer.append("\\t")
            case 0x0A: self.writer.append("\\n")
            case 0x0C: self.writer.append("\\f")
            case 0x0D: self.writer.append("\\r")
            case 0..<0x20, 0xD800..<0xE000:
                self.writer.append("\\u")
                for shift in [12, 8, 4, 0] as [UInt32] {
                    self.writer.append(JSONString.hexDigits[Int(scalar >> shift & 0xF)])
                }
            default: JSONString.encode(scalar) { self.writer.append($0) }
            }
            plain = offset + length
        }
        self.writer.append(UnsafeBufferPointer(rebasing: raw[plain...]))
    }

    // MARK: Reading

    /// A value's bytes as they stand.
    @inline(__always)
    func raw(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        self.raw(self.tape[index].start..<self.tape[index].end)
    }

    /// The bytes of the text in `range`.
    @inline(__always)
    private func raw(_ range: Range<UInt32>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: self.text.bytes + Int(range.lowerBound), count: Int(range.upperBound &- range.lowerBound))
    }

    /// A string's decoded content.
    @inline(__always)
    func content(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let raw = self.raw(index)
        let content = UnsafeBufferPointer(rebasing: raw[1..<raw.count - 1])
        return self.tape[index].isEscaped ? self.workspace.decoded(content) : content
    }

    /// Whether a value is the string `text`.
    @inline(__always)
    func isString(_ index: Int, _ text: StaticString) -> Bool {
        guard self.tape[index].kind == .string else { return false }
        if self.tape[index].isEscaped { return self.isDecodedString(index, text) }
        let count = text.utf8CodeUnitCount
        return Int(self.tape[index].end &- self.tape[index].start) == count + 2
            && memcmp(self.text.bytes + Int(self.tape[index].start) + 1, text.utf8Start, count) == 0
    }

    @inline(never)
    private func isDecodedString(_ index: Int, _ text: StaticString) -> Bool {
        // No escape is longer than six bytes for one: a string that is too long is not decoded for every comparison.
        Int(self.tape[index].end &- self.tape[index].start) <= 6 * text.utf8CodeUnitCount + 2
            && self.content(index).elementsEqual(
                UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether a value is a string that begins with `text`.
    func isString(_ index: Int, prefixedBy text: StaticString) -> Bool {
        guard self.tape[index].kind == .string else { return false }
        let prefix = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return self.content(index).starts(with: prefix)
    }

    /// The index of the value of the member called `name`, among members that were pushed.
    mutating func value(of name: StaticString, in members: Range<Int>) -> Int? {
        for member in members where self.workspace.members[member].isNamed(name) {
            return self.workspace.members[member].index + 1
        }
        return nil
    }
}
