/// The exact decimal value of a JSON number, in one spelling.
///
/// The spelling is ECMAScript's (ECMA-262, Number::toString) without its rounding: `1024.0` is `1024`, `1e-5` is
/// `0.00001`, `1E21` is `1e+21`, `-0` is `0`. A number whose exponent is written with more than four digits is not
/// looked into and keeps its own spelling.
struct CanonicalNumber {
    private let literal: UnsafeBufferPointer<UInt8>
    private var isNegative = false
    /// Where the digits before the point, those after it and those of the exponent stand.
    private var integer: Range<Int>
    private var fraction: Range<Int>
    private var exponent: Range<Int>
    private var hasNegativeExponent = false

    /// Takes a literal that the scanner has accepted.
    init(_ literal: UnsafeBufferPointer<UInt8>) {
        self.literal = literal
        func endOfDigits(_ start: Int) -> Int {
            var at = start
            while at < literal.count, literal[at] &- UInt8(ascii: "0") < 10 { at += 1 }
            return at
        }
        var at = 0
        if literal.first == UInt8(ascii: "-") {
            self.isNegative = true
            at = 1
        }
        self.integer = at..<endOfDigits(at)
        at = self.integer.upperBound
        self.fraction = at..<at
        if at < literal.count, literal[at] == UInt8(ascii: ".") {
            self.fraction = at + 1..<endOfDigits(at + 1)
            at = self.fraction.upperBound
        }
        self.exponent = at..<at
        if at + 1 < literal.count {
            at += 1
            if literal[at] == UInt8(ascii: "-") { self.hasNegativeExponent = true }
            if literal[at] == UInt8(ascii: "-") || literal[at] == UInt8(ascii: "+") { at += 1 }
            self.exponent = at..<literal.count
        }
    }

    /// Whether the value is zero.
    var isZero: Bool {
        // No literal but those of numbers below one begins with a zero.
        if let first = self.literal.first, first > UInt8(ascii: "0") { return false }
        return self.literal[self.integer].allSatisfy { $0 == UInt8(ascii: "0") }
            && self.literal[self.fraction].allSatisfy { $0 == UInt8(ascii: "0") }
    }

    /// Whether a literal that the scanner has accepted is in its canonical spelling for sure: an integer of ordinary size.
    static func isPlainInteger(_ literal: UnsafeBufferPointer<UInt8>) -> Bool {
        let first = literal.first == UInt8(ascii: "-") ? 1 : 0
        guard literal.count - first <= 21, first == 0 || literal[first] != UInt8(ascii: "0") else { return false }
        return literal[first...].allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
    }

    /// Emits the canonical spelling.
    func write(emit: (UInt8) -> Void) {
        guard self.exponent.count <= 4 else {
            self.literal.forEach(emit)
            return
        }
        // All digits are numbered from the first one, the point not counted; those from `first` up to `last` matter.
        let count = self.integer.count + self.fraction.count
        var first = 0
        while first < count, self.digit(first) == UInt8(ascii: "0") { first += 1 }
        guard first < count else {
            emit(UInt8(ascii: "0"))
            return
        }
        var last = count
        while self.digit(last - 1) == UInt8(ascii: "0") { last -= 1 }
        var power = 0
        for byte in self.literal[self.exponent] { power = power * 10 + Int(byte - UInt8(ascii: "0")) }
        // The value is 0.ddd times ten to the power of `point`.
        let point = self.integer.count - first + (self.hasNegativeExponent ? -power : power)
        let digits = last - first
        if self.isNegative { emit(UInt8(ascii: "-")) }
        func write(_ range: Range<Int>) { for index in range { emit(self.digit(index)) } }
        func zeros(_ count: Int) { for _ in 0..<count { emit(UInt8(ascii: "0")) } }
        if digits <= point, point <= 21 {
            write(first..<last)
            zeros(point - digits)
        } else if 0 < point, point <= 21 {
            write(first..<first + point)
            emit(UInt8(ascii: "."))
            write(first + point..<last)
        } else if -6 < point, point <= 0 {
            emit(UInt8(ascii: "0"))
            emit(UInt8(ascii: "."))
            zeros(-point)
            write(first..<last)
        } else {
            write(first..<first + 1)
            if digits > 1 {
                emit(UInt8(ascii: "."))
                write(first + 1..<last)
            }
            emit(UInt8(ascii: "e"))
            emit(UInt8(ascii: point > 0 ? "+" : "-"))
            for byte in String((point - 1).magnitude).utf8 { emit(byte) }
        }
    }

    private func digit(_ index: Int) -> UInt8 {
        index < self.integer.count
            ? self.literal[self.integer.lowerBound + index]
            : self.literal[self.fraction.lowerBound + index - self.integer.count]
    }
}
