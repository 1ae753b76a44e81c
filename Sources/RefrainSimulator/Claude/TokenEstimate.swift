import RefrainKeys

/// How many tokens content has, estimated: no tokenizer of the real models is public.
///
/// The estimate is additive over blocks, which the prompt cache needs, and monotonous in the text. English prose comes
/// out near 4.5 bytes a token, code and JSON near 3, as recorded responses have it; models from 4.7 on count 30 % more.
package enum TokenEstimate {
    /// The tokens of every request besides its content.
    static let perRequest = 3
    /// The tokens of a message besides its content.
    static let perMessage = 4
    /// The tokens of the instructions that come with the first tool.
    static let toolInstructions = 346

    /// The tokens of UTF-8 text, at least 1 unless it is empty.
    package static func text(_ bytes: some Sequence<UInt8>) -> Int {
        // Words of up to seven letters are a token; longer ones one for each further six letters. A digit run is one
        // for each three digits, other ASCII a token for each two marks, other scripts a token for each scalar's lead.
        var tokens = 0
        var run = 0
        var previous = Class.space
        for byte in bytes {
            let current = Class(byte)
            run = current == previous ? run + 1 : 1
            switch current {
            case .letter: if run == 1 || run > 7 && (run - 8) % 6 == 0 { tokens += 1 }
            case .digit: if run % 3 == 1 { tokens += 1 }
            case .mark: if run % 2 == 1 { tokens += 1 }
            case .newline: if run == 1 { tokens += 1 }
            case .space: if run > 1 && run % 4 == 0 { tokens += 1 }
            case .lead: tokens += 1
            case .continuation: break
            }
            previous = current
        }
        return tokens
    }

    /// The tokens of any JSON value that is rendered as it stands.
    static func json(_ value: JSONCursor) -> Int { Self.text(value.raw) }

    /// The tokens of Base64 data of `bytes` characters: for images by their area where it can be read.
    static func image(base64 content: ArraySlice<UInt8>) -> Int {
        if let (width, height) = Self.dimensionsOfPNG(content) {
            return min(max(width * height / 750, 1), 4_784)
        }
        return min(max(content.count / 100, 50), 1_600)
    }

    /// The tokens of a Base64 PDF: its size says little about its pages, so a page for each 30 KB.
    static func document(base64 content: ArraySlice<UInt8>) -> Int { (1 + content.count / 40_000) * 1_800 }

    private enum Class {
        case letter, digit, mark, newline, space, lead, continuation

        init(_ byte: UInt8) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): self = .letter
            case UInt8(ascii: "0")...UInt8(ascii: "9"): self = .digit
            case 0x0A, 0x0D: self = .newline
            case 0x20, 0x09: self = .space
            case 0x80..<0xC0: self = .continuation
            case 0xC0...: self = .lead
            default: self = .mark
            }
        }
    }

    /// Width and height from the header of a PNG in Base64: bytes 16 to 23.
    private static func dimensionsOfPNG(_ content: ArraySlice<UInt8>) -> (Int, Int)? {
        guard content.starts(with: Array("iVBORw0KGgo".utf8)), content.count >= 32 else { return nil }
        var bytes: [UInt8] = []
        var bits = 0
        var value: UInt32 = 0
        for character in content.prefix(32) {
            let six: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): six = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): six = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): six = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): six = 62
            case UInt8(ascii: "/"): six = 63
            default: return nil
            }
            value = value << 6 | UInt32(six)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(bits)))
            }
        }
        func number(at index: Int) -> Int { bytes[index..<index + 4].reduce(0) { $0 << 8 | Int($1) } }
        let (width, height) = (number(at: 16), number(at: 20))
        return (1...20_000).contains(width) && (1...20_000).contains(height) ? (width, height) : nil
    }
}
