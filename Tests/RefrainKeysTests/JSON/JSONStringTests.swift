import Testing

@testable import RefrainKeys

@Suite struct JSONStringTests {
    /// Byte for byte, as RFC 8259 §7 has it.
    private static func escaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\""): Array(#"\""#.utf8)
        case UInt8(ascii: "\\"): Array(#"\\"#.utf8)
        case 0x08: Array(#"\b"#.utf8)
        case 0x09: Array(#"\t"#.utf8)
        case 0x0A: Array(#"\n"#.utf8)
        case 0x0C: Array(#"\f"#.utf8)
        case 0x0D: Array(#"\r"#.utf8)
        case 0..<0x20: Array(#"\u00"#.utf8) + Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8)
        default: [byte]
        }
    }

    /// Texts are looked at sixteen and sixty-four bytes at a time: special bytes stand at every place of such a piece, in texts
    /// of every length around it.
    @Test func everyByteIsEscapedAtEveryPlace() {
        for length in [1, 2, 15, 16, 17, 31, 63, 64, 65, 80, 81, 130] {
            for place in 0..<length {
                for byte in [0x00, 0x08, 0x0A, 0x1F, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0xC3, 0xFF] as [UInt8] {
                    var text = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    text[place] = byte
                    var output: [UInt8] = []
                    JSONString.append(text, escapedTo: &output)
                    #expect(output == text.flatMap(Self.escaped))
                }
            }
        }
    }

    @Test func anySequenceOfBytesIsEscaped() {
        let all = (0...255).map { UInt8($0) }
        var (one, other, quoted): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        JSONString.append(all, escapedTo: &one)
        JSONString.append(AnySequence(all), escapedTo: &other)
        JSONString.append([UInt8](), quotedTo: &quoted)
        #expect(one == all.flatMap(Self.escaped) && one == other)
        #expect(quoted == Array(#""""#.utf8))
    }
}
