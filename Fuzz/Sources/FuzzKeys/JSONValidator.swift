/// Says whether bytes are a JSON text, in the plainest way: the grammar of RFC 8259 read aloud, one function for each of
/// its rules. It shares nothing with the scanner, so that the two can be compared.
struct JSONValidator {
    private let bytes: [UInt8]
    private var at = 0
    private(set) var depth = 0
    private(set) var deepest = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether `bytes` are a JSON text in UTF-8, and how deep it is; nil where it is deeper than `limit`.
    static func validate(_ bytes: [UInt8], limit: Int) -> Bool? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var validator = JSONValidator(bytes)
        validator.space()
        let isValue = validator.value(limit)
        if validator.deepest > limit { return nil }
        validator.space()
        return isValue && validator.at == bytes.count
    }

    private var next: UInt8? { self.at < self.bytes.count ? self.bytes[self.at] : nil }

    private mutating func take(_ text: String) -> Bool {
        guard self.bytes[self.at...].starts(with: text.utf8) else { return false }
        self.at += text.utf8.count
        return true
    }

    private mutating func space() {
        while let byte = self.next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { self.at += 1 }
    }

    private mutating func value(_ limit: Int) -> Bool {
        if self.take("null") || self.take("true") || self.take("false") { return true }
        switch self.next {
        case UInt8(ascii: "\""): return self.string()
        case UInt8(ascii: "["): return self.container("[", "]", limit) { $0.value(limit) }
        case UInt8(ascii: "{"):
            return self.container("{", "}", limit) { validator in
                guard validator.string() else { return false }
                validator.space()
                guard validator.take(":") else { return false }
                validator.space()
                return validator.value(limit)
            }
        default: return self.number()
        }
    }

    private mutating func container(
        _ opening: String, _ closing: String, _ limit: Int, _ element: (inout Self) -> Bool
    ) -> Bool {
        guard self.take(opening) else { return false }
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        guard self.depth <= limit else { return false }
        defer { self.depth -= 1 }
        self.space()
        if self.take(closing) { return true }
        while element(&self) {
            self.space()
            if self.take(closing) { return true }
            guard self.take(",") else { return false }
            self.space()
        }
        return false
    }

    private mutating func string() -> Bool {
        guard self.take("\"") else { return false }
        while let byte = self.next {
            self.at += 1
            if byte == UInt8(ascii: "\"") { return true }
            if byte < 0x20 { return false }
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = self.next else { return false }
            self.at += 1
            if escape == UInt8(ascii: "u") {
                for _ in 0..<4 {
                    guard let digit = self.next, Character(Unicode.Scalar(digit)).isHexDigit, digit < 0x80 else {
                        return false
                    }
                    self.at += 1
                }
            } else if !"\"\\/bfnrt".utf8.contains(escape) {
                return false
            }
        }
        return false
    }

    private mutating func digits() -> Int {
        let start = self.at
        while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.at += 1 }
        return self.at - start
    }

    private mutating func number() -> Bool {
        _ = self.take("-")
        if !self.take("0"), self.digits() == 0 { return false }
        if self.take("."), self.digits() == 0 { return false }
        if self.take("e") || self.take("E") {
            if !self.take("+") { _ = self.take("-") }
            if self.digits() == 0 { return false }
        }
        return true
    }
}
