/// Decoding and encoding of the inside of JSON strings.
package enum JSONString {
    /// The content of a scanned string as UTF-8. A lone surrogate becomes its three generalised UTF-8 bytes
    /// (WTF-8), so that two different contents never become one.
    package static func unescaped(_ content: ArraySlice<UInt8>) -> [UInt8] {
        content.withUnsafeBufferPointer { content in
            [UInt8](unsafeUninitializedCapacity: content.count) { output, count in
                count = Self.unescape(content, into: output)
            }
        }
    }

    /// Writes the content of a scanned string to `output`, which is at least as large, and returns its size.
    static func unescape(_ content: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var at = 0
        var count = 0
        while at < content.count {
            guard content[at] == UInt8(ascii: "\\") else {
                output[count] = content[at]
                count += 1
                at += 1
                continue
            }
            let (scalar, length) = Self.escape(at: at, in: content)
            Self.encode(scalar) { byte in
                output[count] = byte
                count += 1
            }
            at += length
        }
        return count
    }

    /// The scalar, or lone surrogate, that the escape at `at` stands for, and how many bytes it takes: a pair of
    /// surrogates is one escape.
    ///
    /// The scanner has seen the string, so that every escape in it is whole; were it not, what is missing would read
    /// as zero.
    static func escape(at: Int, in content: UnsafeBufferPointer<UInt8>) -> (scalar: UInt32, length: Int) {
        guard at + 1 < content.count else { return (0, 1) }
        switch content[at + 1] {
        case UInt8(ascii: "b"): return (0x08, 2)
        case UInt8(ascii: "f"): return (0x0C, 2)
        case UInt8(ascii: "n"): return (0x0A, 2)
        case UInt8(ascii: "r"): return (0x0D, 2)
        case UInt8(ascii: "t"): return (0x09, 2)
        case UInt8(ascii: "u"):
            let unit = Self.codeUnit(content, at + 2)
            if unit & 0xFC00 == 0xD800, at + 7 < content.count, content[at + 6] == UInt8(ascii: "\\"),
                content[at + 7] == UInt8(ascii: "u")
            {
                let low = Self.codeUnit(content, at + 8)
                if low & 0xFC00 == 0xDC00 { return (0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF), 12) }
            }
            return (unit, 6)
        case let literal: return (UInt32(literal), 2)
        }
    }

    /// Appends `text` to `output` as a JSON string with its quotes, escaping only what RFC 8259 §7 requires.
    package static func append(_ text: some Sequence<UInt8>, quotedTo output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        Self.append(text, escapedTo: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends the UTF-8 bytes `text` to `output` as the inside of a JSON string. Linear; what needs no escape is copied in
    /// runs.
    package static func append(_ text: some Sequence<UInt8>, escapedTo output: inout [UInt8]) {
        if text.withContiguousStorageIfAvailable({ Self.append(bytes: $0, escapedTo: &output) }) == nil {
            Array(text).withUnsafeBufferPointer { Self.append(bytes: $0, escapedTo: &output) }
        }
    }

    private static func append(bytes: UnsafeBufferPointer<UInt8>, escapedTo output: inout [UInt8]) {
        guard let start = bytes.baseAddress else { return }
        let text = JSONText(bytes: start, count: bytes.count)
        var copied = 0
        var at = 0
        while true {
            at = text.endOfPlain(at)
            // What is not ASCII ends plain text, but needs no escape.
            while at < bytes.count, bytes[at] >= 0x80 { at += 1 }
            guard at < bytes.count else { break }
            guard bytes[at] < 0x20 || bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "\\") else {
                continue
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<at]))
            Self.append(escapeOf: bytes[at], to: &output)
            at += 1
            copied = at
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied...]))
    }

    /// Appends the shortest escape of a byte that cannot stand in a JSON string as it is.
    private static func append(escapeOf byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x00..<0x20:
            output.append(contentsOf: "u00".utf8)
            output.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            output.append(Self.hexDigits[Int(byte & 0xF)])
        default: output.append(byte)
        }
    }

    /// The lower-case hexadecimal digits in ASCII.
    package static let hexDigits = Array("0123456789abcdef".utf8)

    private static func codeUnit(_ content: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32 {
        var unit: UInt32 = 0
        for index in at..<at + 4 {
            unit = unit << 4 | UInt32(index < content.count ? content[index].hexDigitValue ?? 0 : 0)
        }
        return unit
    }

    /// Emits the generalised UTF-8 bytes of a scalar or surrogate.
    @inline(__always)
    static func encode(_ scalar: UInt32, emit: (UInt8) -> Void) {
        switch scalar {
        case 0..<0x80: emit(UInt8(scalar))
        case 0x80..<0x800:
            emit(UInt8(0xC0 | scalar >> 6))
            emit(UInt8(0x80 | scalar & 0x3F))
        case 0x800..<0x10000:
            emit(UInt8(0xE0 | scalar >> 12))
            emit(UInt8(0x80 | scalar >> 6 & 0x3F))
            emit(UInt8(0x80 | scalar & 0x3F))
        default:
            emit(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
            emit(UInt8(0x80 | scalar >> 12 & 0x3F))
            emit(UInt8(0x80 | scalar >> 6 & 0x3F))
            emit(UInt8(0x80 | scalar & 0x3F))
        }
    }
}
