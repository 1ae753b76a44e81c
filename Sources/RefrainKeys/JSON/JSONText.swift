#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The bytes of a text that is being scanned, and how its tokens end.
///
/// It is apart from the scanner so that reading leaves the scanner's state in registers. Every read is below ``count``.
struct JSONText: BitwiseCopyable {
    let bytes: UnsafePointer<UInt8>
    let count: Int

    /// How a string ends, and how it is spelt.
    struct StringEnd {
        /// One past its closing quote.
        var end: Int
        /// Whether it holds a backslash.
        var isEscaped = false
        /// Whether it holds no escape that the canonical form spells otherwise.
        var isCanonical = true
    }

    /// The end of the string whose opening quote is at `start`.
    ///
    /// Plain text is passed over sixteen bytes at a time; escapes and what is not ASCII are looked at one by one.
    @inline(__always)
    func endOfString(_ start: Int) throws(JSONError) -> StringEnd {
        let at = self.endOfPlain(start &+ 1)
        // Nearly all strings end here.
        if at < self.count, self.bytes[at] == UInt8(ascii: "\"") { return StringEnd(end: at &+ 1) }
        return try self.endOfString(after: at)
    }

    /// The end of a string that is plain before `start`.
    @inline(never)
    private func endOfString(after start: Int) throws(JSONError) -> StringEnd {
        var result = StringEnd(end: start)
        var at = start
        while at < self.count {
            let byte = self.bytes[at]
            if byte == UInt8(ascii: "\"") {
                result.end = at &+ 1
                return result
            }
            if byte == UInt8(ascii: "\\") {
                result.isEscaped = true
                at = try self.endOfEscape(at, &result.isCanonical)
            } else if byte >= 0x80 {
                at = try self.endOfNonASCII(at)
            } else {
                throw JSONError(.controlCharacter, at: at)
            }
            at = self.endOfPlain(at)
        }
        throw JSONError(.unexpectedEnd, at: self.count)
    }

    /// The first byte from `start` on that is a quote, a backslash, a control character or not ASCII; or the end of
    /// the text.
    @inline(__always)
    func endOfPlain(_ start: Int) -> Int {
        var at = start
        while at &+ 16 <= self.count {
            let words = Self.special(UnsafeRawPointer(self.bytes + at).loadUnaligned(as: SIMD16<Int8>.self))
            if words.x | words.y != 0 { return at &+ Self.firstByte(words) }
            at &+= 16
            while at &+ 64 <= self.count {
                let text = UnsafeRawPointer(self.bytes + at)
                let one = Self.special(text.loadUnaligned(as: SIMD16<Int8>.self))
                let two = Self.special(text.loadUnaligned(fromByteOffset: 16, as: SIMD16<Int8>.self))
                let three = Self.special(text.loadUnaligned(fromByteOffset: 32, as: SIMD16<Int8>.self))
                let four = Self.special(text.loadUnaligned(fromByteOffset: 48, as: SIMD16<Int8>.self))
                let any = one | two | three | four
                if any.x | any.y != 0 {
                    if one.x | one.y != 0 { return at &+ Self.firstByte(one) }
                    if two.x | two.y != 0 { return at &+ 16 &+ Self.firstByte(two) }
                    if three.x | three.y != 0 { return at &+ 32 &+ Self.firstByte(three) }
                    return at &+ 48 &+ Self.firstByte(four)
                }
                at &+= 64
            }
        }
        while at < self.count {
            let byte = self.bytes[at]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            at &+= 1
        }
        return at
    }

    /// A byte of ones for each byte that is special. With the second bit turned over, quotes come to stand directly above
    /// the control characters; and all that is not ASCII is below these, as signed numbers.
    @inline(__always)
    private static func special(_ bytes: SIMD16<Int8>) -> SIMD2<UInt64> {
        // Only with the types spelt out is each of these one instruction; otherwise they are loops.
        let mask =
            ((bytes ^ SIMD16<Int8>(repeating: 0x02)) .< SIMD16<Int8>(repeating: 0x21))
            .| (bytes .== SIMD16<Int8>(repeating: 0x5C))
        return unsafeBitCast(mask, to: SIMD2<UInt64>.self)
    }

    /// The index of the first byte of ones, of which there is at least one.
    @inline(__always)
    private static func firstByte(_ words: SIMD2<UInt64>) -> Int {
        words.x != 0
            ? words.x.littleEndian.trailingZeroBitCount >> 3 : 8 &+ words.y.littleEndian.trailingZeroBitCount >> 3
    }

    @inline(__always)
    private func endOfEscape(_ backslash: Int, _ isCanonical: inout Bool) throws(JSONError) -> Int {
        guard backslash + 1 < self.count else { throw JSONError(.unexpectedEnd, at: self.count) }
        switch self.bytes[backslash + 1] {
        case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "t"), UInt8(ascii: "r"),
            UInt8(ascii: "b"), UInt8(ascii: "f"):
            return backslash + 2
        case UInt8(ascii: "/"):
            isCanonical = false
            return backslash + 2
        case UInt8(ascii: "u"):
            // Most of these have a shorter spelling; the few that do not are spelt again all the same.
            isCanonical = false
            for index in backslash + 2..<backslash + 6 {
                guard index < self.count else { throw JSONError(.unexpectedEnd, at: self.count) }
                guard self.bytes[index].hexDigitValue != nil else { throw JSONError(.invalidEscape, at: index) }
            }
            return backslash + 6
        default: throw JSONError(.invalidEscape, at: backslash + 1)
        }
    }

    /// The end of the run of multi-byte scalars at `start`, by the table of RFC 3629 §4.
    @inline(__always)
    private func endOfNonASCII(_ start: Int) throws(JSONError) -> Int {
        var at = start
        while at < self.count, self.bytes[at] >= 0x80 {
            // Nearly all of what is not Latin takes three bytes; only some of those need a closer look.
            if at &+ 4 <= self.count {
                let word = UnsafeRawPointer(self.bytes + at).loadUnaligned(as: UInt32.self).littleEndian
                if word & 0x00C0_C0F0 == 0x0080_80E0, word & 0x0F != 0x0D, word & 0x200F != 0 {
                    at &+= 3
                    continue
                }
            }
            at = try self.endOfScalar(at)
        }
        return at
    }

    private func endOfScalar(_ start: Int) throws(JSONError) -> Int {
        let lead = self.bytes[start]
        let length: Int
        // The second byte's least value, and how many more it may have.
        let (least, span): (UInt8, UInt8)
        switch lead {
        case 0xC2...0xDF: (length, least, span) = (2, 0x80, 0x3F)
        case 0xE0: (length, least, span) = (3, 0xA0, 0x1F)
        case 0xED: (length, least, span) = (3, 0x80, 0x1F)
        case 0xE1...0xEF: (length, least, span) = (3, 0x80, 0x3F)
        case 0xF0: (length, least, span) = (4, 0x90, 0x2F)
        case 0xF1...0xF3: (length, least, span) = (4, 0x80, 0x3F)
        case 0xF4: (length, least, span) = (4, 0x80, 0x0F)
        default: throw JSONError(.invalidUTF8, at: start)
        }
        for index in 1..<length {
            guard start + index < self.count else { throw JSONError(.unexpectedEnd, at: self.count) }
            let byte = self.bytes[start + index]
            guard index == 1 ? byte &- least <= span : byte & 0xC0 == 0x80 else {
                throw JSONError(.invalidUTF8, at: start + index)
            }
        }
        return start + length
    }

    /// The end of the run of decimal digits at `start`.
    @inline(__always)
    func endOfDigits(_ start: Int) -> Int {
        var at = start
        while at < self.count, self.bytes[at] &- UInt8(ascii: "0") < 10 { at &+= 1 }
        return at
    }

    /// The end of the number at `start`.
    @inline(__always)
    func endOfNumber(_ start: Int) throws(JSONError) -> Int {
        let integer = self.bytes[start] == UInt8(ascii: "-") ? start &+ 1 : start
        let at = self.endOfDigits(integer)
        guard at > integer, self.bytes[integer] != UInt8(ascii: "0") || at == integer &+ 1 else {
            throw JSONError(at == self.count && at == integer ? .unexpectedEnd : .invalidNumber, at: at)
        }
        guard at < self.count, self.bytes[at] == UInt8(ascii: ".") || self.bytes[at] | 0x20 == UInt8(ascii: "e") else {
            return at
        }
        return try self.endOfNumber(fraction: at)
    }

    /// The end of a number whose digits before the point, or before the exponent, end at `start`.
    private func endOfNumber(fraction start: Int) throws(JSONError) -> Int {
        var at = start
        if self.bytes[at] == UInt8(ascii: ".") {
            let fraction = at + 1
            at = self.endOfDigits(fraction)
            guard at > fraction else { throw JSONError(at == self.count ? .unexpectedEnd : .invalidNumber, at: at) }
        }
        if at < self.count, self.bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < self.count, self.bytes[at] == UInt8(ascii: "+") || self.bytes[at] == UInt8(ascii: "-") { at += 1 }
            let exponent = at
            at = self.endOfDigits(exponent)
            guard at > exponent else { throw JSONError(at == self.count ? .unexpectedEnd : .invalidNumber, at: at) }
        }
        return at
    }

    /// The end of `literal` at `start`.
    func endOfLiteral(_ literal: StaticString, _ start: Int) throws(JSONError) -> Int {
        let end = start + literal.utf8CodeUnitCount
        if end <= self.count, memcmp(self.bytes + start, literal.utf8Start, literal.utf8CodeUnitCount) == 0 {
            return end
        }
        for index in 0..<literal.utf8CodeUnitCount {
            guard start + index < self.count else { throw JSONError(.unexpectedEnd, at: self.count) }
            guard self.bytes[start + index] == literal.utf8Start[index] else {
                throw JSONError(.unexpectedByte, at: start + index)
            }
        }
        return end
    }

    /// The end of the white space at `start`.
    func endOfWhitespace(_ start: Int) -> Int {
        var at = start
        while at < self.count {
            let byte = self.bytes[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
            at &+= 1
            // Indentation.
            while at &+ 8 <= self.count,
                UnsafeRawPointer(self.bytes + at).loadUnaligned(as: UInt64.self) == 0x2020_2020_2020_2020
            {
                at &+= 8
            }
        }
        return at
    }
}

extension JSONText {
    /// Creates a view of `bytes`.
    ///
    /// - Parameter address: What stands for the address of an empty buffer that has none. Nothing is read there.
    init(_ bytes: UnsafeBufferPointer<UInt8>, or address: UnsafeMutablePointer<UInt8>) {
        self.bytes = bytes.baseAddress ?? UnsafePointer(address)
        self.count = bytes.count
    }
}
