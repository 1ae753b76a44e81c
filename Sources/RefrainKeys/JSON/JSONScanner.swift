/// A strict scanner for RFC 8259 texts: one pass, no recursion, no allocation besides the tape.
///
/// It validates all it reads, UTF-8 included, and is linear in the size of the text. Duplicate members are not its
/// concern: who reads the tape decides what they mean.
package struct JSONScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let depthLimit: Int
    private var position = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    /// Fills `tape` with the entries of the text, replacing what it held; `open` is scratch space.
    ///
    /// - Throws: ``JSONError`` with the first offence and its position. The tape's content is then unspecified.
    package static func scan(
        _ bytes: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits,
        into tape: inout [JSONTapeEntry],
        open: inout [UInt32]
    ) throws(JSONError) {
        guard bytes.count <= min(limits.bytes, Int(UInt32.max)) else { throw JSONError(.tooLarge, at: limits.bytes) }
        tape.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        var scanner = JSONScanner(bytes, depthLimit: limits.depth)
        try scanner.run(&tape, &open)
    }

    private mutating func run(_ tape: inout [JSONTapeEntry], _ open: inout [UInt32]) throws(JSONError) {
        self.skipWhitespace()
        value: while true {
            // A value starts here.
            let start = self.position
            guard start < self.bytes.count else { throw JSONError(.unexpectedEnd, at: start) }
            switch self.bytes[start] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard open.count < self.depthLimit else { throw JSONError(.tooDeep, at: start) }
                let isObject = self.bytes[start] == UInt8(ascii: "{")
                open.append(UInt32(tape.count))
                Self.append(isObject ? .object : .array, from: start, to: start, to: &tape)
                self.position += 1
                self.skipWhitespace()
                guard self.position < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.position) }
                if self.bytes[self.position] == UInt8(ascii: isObject ? "}" : "]") {
                    self.position += 1
                    self.close(&tape, &open)
                } else {
                    if isObject { try self.scanName(&tape) }
                    continue value
                }
            case UInt8(ascii: "\""): try self.scanString(&tape)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try self.scanNumber(&tape)
            case UInt8(ascii: "t"): try self.scanLiteral("true", .true, &tape)
            case UInt8(ascii: "f"): try self.scanLiteral("false", .false, &tape)
            case UInt8(ascii: "n"): try self.scanLiteral("null", .null, &tape)
            default: throw JSONError(.unexpectedByte, at: start)
            }
            // A value ended here.
            while true {
                self.skipWhitespace()
                guard let container = open.last else {
                    guard self.position == self.bytes.count else { throw JSONError(.trailingBytes, at: self.position) }
                    return
                }
                guard self.position < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.position) }
                let isObject = tape[Int(container)].kind == .object
                switch self.bytes[self.position] {
                case UInt8(ascii: ","):
                    self.position += 1
                    self.skipWhitespace()
                    if isObject { try self.scanName(&tape) }
                    continue value
                case UInt8(ascii: isObject ? "}" : "]"):
                    self.position += 1
                    self.close(&tape, &open)
                default: throw JSONError(.unexpectedByte, at: self.position)
                }
            }
        }
    }

    private func close(_ tape: inout [JSONTapeEntry], _ open: inout [UInt32]) {
        let index = Int(open.removeLast())
        tape[index].end = UInt32(self.position)
        tape[index].next = UInt32(tape.count)
    }

    private static func append(_ kind: JSONKind, from start: Int, to end: Int, to tape: inout [JSONTapeEntry]) {
        tape.append(
            JSONTapeEntry(
                start: UInt32(start), end: UInt32(end), next: UInt32(tape.count + 1), kind: kind, isEscaped: false))
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while self.position < self.bytes.count {
            switch self.bytes[self.position] {
            case 0x20, 0x0A, 0x0D, 0x09: self.position += 1
            default: return
            }
        }
    }

    /// Scans a member's name and its colon, and stops at the member's value.
    private mutating func scanName(_ tape: inout [JSONTapeEntry]) throws(JSONError) {
        guard self.position < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.position) }
        guard self.bytes[self.position] == UInt8(ascii: "\"") else {
            throw JSONError(.unexpectedByte, at: self.position)
        }
        try self.scanString(&tape)
        self.skipWhitespace()
        guard self.position < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.position) }
        guard self.bytes[self.position] == UInt8(ascii: ":") else {
            throw JSONError(.unexpectedByte, at: self.position)
        }
        self.position += 1
        self.skipWhitespace()
    }

    private mutating func scanLiteral(
        _ literal: StaticString, _ kind: JSONKind, _ tape: inout [JSONTapeEntry]
    ) throws(JSONError) {
        let start = self.position
        for index in 0..<literal.utf8CodeUnitCount {
            guard start + index < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.bytes.count) }
            guard self.bytes[start + index] == literal.utf8Start[index] else {
                throw JSONError(.unexpectedByte, at: start + index)
            }
        }
        self.position = start + literal.utf8CodeUnitCount
        Self.append(kind, from: start, to: self.position, to: &tape)
    }

    private mutating func scanNumber(_ tape: inout [JSONTapeEntry]) throws(JSONError) {
        let start = self.position
        var at = start
        func digits(_ from: Int) -> Int {
            var at = from
            while at < self.bytes.count, self.bytes[at] &- UInt8(ascii: "0") < 10 { at += 1 }
            return at
        }
        if self.bytes[at] == UInt8(ascii: "-") { at += 1 }
        let integer = at
        at = digits(integer)
        guard at > integer, self.bytes[integer] != UInt8(ascii: "0") || at == integer + 1 else {
            throw JSONError(at == self.bytes.count && at == integer ? .unexpectedEnd : .invalidNumber, at: at)
        }
        if at < self.bytes.count, self.bytes[at] == UInt8(ascii: ".") {
            let fraction = at + 1
            at = digits(fraction)
            guard at > fraction else { throw JSONError(.invalidNumber, at: at) }
        }
        if at < self.bytes.count, self.bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < self.bytes.count, self.bytes[at] == UInt8(ascii: "+") || self.bytes[at] == UInt8(ascii: "-") {
                at += 1
            }
            let exponent = at
            at = digits(exponent)
            guard at > exponent else { throw JSONError(.invalidNumber, at: at) }
        }
        self.position = at
        Self.append(.number, from: start, to: at, to: &tape)
    }

    private mutating func scanString(_ tape: inout [JSONTapeEntry]) throws(JSONError) {
        let start = self.position
        var at = start + 1
        var isEscaped = false
        scan: while true {
            guard at < self.bytes.count else { throw JSONError(.unexpectedEnd, at: at) }
            let byte = self.bytes[at]
            switch byte {
            case UInt8(ascii: "\""): break scan
            case UInt8(ascii: "\\"):
                isEscaped = true
                at = try self.endOfEscape(at)
            case 0x00..<0x20: throw JSONError(.controlCharacter, at: at)
            case 0x20..<0x80: at += 1
            default: at = try self.endOfScalar(at)
            }
        }
        self.position = at + 1
        Self.append(.string, from: start, to: self.position, to: &tape)
        tape[tape.count - 1].isEscaped = isEscaped
    }

    private func endOfEscape(_ backslash: Int) throws(JSONError) -> Int {
        guard backslash + 1 < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.bytes.count) }
        switch self.bytes[backslash + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return backslash + 2
        case UInt8(ascii: "u"):
            for index in backslash + 2..<backslash + 6 {
                guard index < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.bytes.count) }
                guard self.bytes[index].hexDigitValue != nil else { throw JSONError(.invalidEscape, at: index) }
            }
            return backslash + 6
        default: throw JSONError(.invalidEscape, at: backslash + 1)
        }
    }

    /// The end of the multi-byte scalar at `start`, by the table of RFC 3629 §4.
    private func endOfScalar(_ start: Int) throws(JSONError) -> Int {
        let lead = self.bytes[start]
        let (length, second): (Int, ClosedRange<UInt8>)
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw JSONError(.invalidUTF8, at: start)
        }
        for index in 1..<length {
            guard start + index < self.bytes.count else { throw JSONError(.unexpectedEnd, at: self.bytes.count) }
            guard (index == 1 ? second : 0x80...0xBF).contains(self.bytes[start + index]) else {
                throw JSONError(.invalidUTF8, at: start + index)
            }
        }
        return start + length
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
