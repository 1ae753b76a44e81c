import Testing

@testable import RefrainKeys

@Suite struct JSONScannerTests {
    @Test func `what a string may not hold is found at every offset of every length`() {
        // Around the sixteen and sixty-four bytes that are passed over at a time.
        for length in 0..<150 {
            for offset in stride(from: 0, through: length, by: length < 40 ? 1 : 7) {
                for (bad, code) in [
                    ([0x1F], JSONError.Code.controlCharacter), ([0x00], .controlCharacter), ([0x80], .invalidUTF8),
                    ([0xFF], .invalidUTF8), ([0x5C, 0x71], .invalidEscape),
                ] as [([UInt8], JSONError.Code)] {
                    var text = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                    text.insert(contentsOf: bad, at: offset)
                    let error = #expect(throws: JSONError.self) {
                        try JSONDocument([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")])
                    }
                    #expect(error?.code == code)
                    #expect(error?.offset == 1 + offset + bad.count - 1)
                }
            }
        }
    }

    @Test func `a string ends at its quote at every length`() throws {
        for length in 0..<200 {
            let text =
                "[\"" + String(repeating: "a", count: length) + "\" ,\"é\\\"" + String(repeating: "b", count: length)
                + "\"]"
            let document = try JSONDocument(Array(text.utf8))
            #expect(document.root.elements.map { $0.range.count } == [length + 2, length + 6])
        }
    }

    @Test func `bytes are UTF-8 exactly where the standard library says so`() {
        var random = SplitMix64(seed: 7)
        let interesting: [UInt8] = [
            0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
            0xF0,
            0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                interesting[Int.random(in: 0..<interesting.count, using: &random)]
            }
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            let text = [UInt8(ascii: "\"")] + bytes + Array("\"            ".utf8)
            #expect(((try? JSONDocument(text)) != nil) == isValid, "\(bytes)")
        }
    }

    @Test func `every scalar survives as itself and as an escape`() throws {
        for value in stride(from: 0 as UInt32, through: 0x10FFFF, by: 37) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            var plain: [UInt8] = []
            JSONString.append(String(scalar).utf8, quotedTo: &plain)
            let escaped = "\"" + String(scalar).utf16.map { "\\u" + Self.hex($0) }.joined() + "\""
            #expect(try JSONDocument(plain).root.string == String(scalar))
            #expect(try JSONDocument(Array(escaped.utf8)).root.string == String(scalar))
        }
    }

    @Test func `white space is only what RFC 8259 lists`() {
        #expect((try? JSONDocument(Array(" \t\r\n[ 1 ,\r\n\t2 ] \n".utf8))) != nil)
        for space in ["\u{0B}", "\u{0C}", "\u{A0}", "\u{2028}", "\u{FEFF}", "\0"] {
            #expect((try? JSONDocument(Array("[1,\(space)2]".utf8))) == nil)
            #expect((try? JSONDocument(Array("\(space)[]".utf8))) == nil)
            #expect((try? JSONDocument(Array("[]\(space)".utf8))) == nil)
        }
    }

    @Test func `limits are exact`() {
        func code(_ text: String, _ limits: JSONLimits) -> JSONError.Code? {
            do {
                _ = try JSONDocument(Array(text.utf8), limits: limits)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("[[]]", JSONLimits(bytes: 4, depth: 2)) == nil)
        #expect(code("[[]]", JSONLimits(bytes: 3, depth: 2)) == .tooLarge)
        #expect(code("[[]]", JSONLimits(bytes: 4, depth: 1)) == .tooDeep)
        #expect(code("[1,2]", JSONLimits(bytes: 9, depth: 2, values: 3)) == nil)
        #expect(code("[1,2]", JSONLimits(bytes: 9, depth: 2, values: 2)) == .tooManyValues)
        let many = "[" + Array(repeating: "1", count: 999).joined(separator: ",") + "]"
        #expect(code(many, JSONLimits(bytes: 9999, depth: 2, values: 1000)) == nil)
        #expect(code(many, JSONLimits(bytes: 9999, depth: 2, values: 999)) == .tooManyValues)
        #expect(code("", .request) == .unexpectedEnd)
    }

    @Test func `the deepest body that is allowed is keyed, and one deeper is not`() {
        func body(_ depth: Int) -> String {
            #"{"x":"# + String(repeating: "[", count: depth) + String(repeating: " ] ", count: depth) + "}"
        }
        #expect(key(body(511)) != nil)
        #expect(key(body(511)) == key(body(511).filter { $0 != " " }))
        #expect(bypass(body(512))?.code == .tooDeep)
        #expect(bypass(String(repeating: "[", count: 1_000_000))?.code == .tooDeep)
    }

    static func hex(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
