/// Decoding and encoding of the inside of JSON strings.
package enum JSONString {
    /// The content of a scanned string as UTF-8. A lone surrogate becomes its three generalised UTF-8 bytes
    /// (WTF-8), so that two different contents never become one.
    package static func unescaped(_ content: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var at = content.startIndex
        while at < content.endIndex {
            guard content[at] == UInt8(ascii: "\\") else {
                result.append(content[at])
                at += 1
                continue
            }
            switch content[at + 1] {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = UInt32(Self.codeUnit(content, at + 2))
                at += 4
                if scalar & 0xFC00 == 0xD800, at + 3 < content.endIndex, content[at + 2] == UInt8(ascii: "\\"),
                    content[at + 3] == UInt8(ascii: "u")
                {
                    let low = UInt32(Self.codeUnit(content, at + 4))
                    if low & 0xFC00 == 0xDC00 {
                        scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                        at += 6
                    }
                }
                Self.append(scalar, to: &result)
            case let literal: result.append(literal)
            }
            at += 2
        }
        return result
    }

    /// Appends `text` to `output` as a JSON string with its quotes, escaping only what RFC 8259 §7 requires.
    package static func append(_ text: some Sequence<UInt8>, quotedTo output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        Self.append(text, escapedTo: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends the UTF-8 bytes `text` to `output` as the inside of a JSON string.
    package static func append(_ text: some Sequence<UInt8>, escapedTo output: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\"")])
            case UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
            case 0x08: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "b")])
            case 0x0C: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "f")])
            case 0x0A: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case 0x0D: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
            case 0x09: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
            case 0x00..<0x20:
                output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")])
                output.append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
                output.append(Self.hexDigits[Int(byte & 0xF)])
            default: output.append(byte)
            }
        }
    }

    /// The lower-case hexadecimal digits in ASCII.
    package static let hexDigits = Array("0123456789abcdef".utf8)

    private static func codeUnit(_ content: ArraySlice<UInt8>, _ at: Int) -> UInt16 {
        content[at..<at + 4].reduce(0) { $0 << 4 | UInt16($1.hexDigitValue ?? 0) }
    }

    private static func append(_ scalar: UInt32, to result: inout [UInt8]) {
        switch scalar {
        case 0..<0x80: result.append(UInt8(scalar))
        case 0x80..<0x800:
            result.append(UInt8(0xC0 | scalar >> 6))
            result.append(UInt8(0x80 | scalar & 0x3F))
        case 0x800..<0x10000:
            result.append(UInt8(0xE0 | scalar >> 12))
            result.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            result.append(UInt8(0x80 | scalar & 0x3F))
        default:
            result.append(UInt8(0xF0 | scalar >> 18))
            result.append(UInt8(0x80 | scalar >> 12 & 0x3F))
            result.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            result.append(UInt8(0x80 | scalar & 0x3F))
        }
    }
}
