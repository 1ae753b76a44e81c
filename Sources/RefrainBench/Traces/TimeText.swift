import RefrainCore
import RefrainKeys

/// Reads the times that traces and users' files have.
enum TimeText {
    /// A moment as `2026-10-08T12:00:00.123Z` (RFC 3339), also with a space for the `T`, more digits, or no zone, which
    /// is taken as UTC; nil for anything else.
    static func timestamp(_ text: String) -> Timestamp? {
        var rest = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int64? {
            let part = rest.prefix(digits)
            guard part.count == digits, part.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
            rest = rest.dropFirst(digits)
            return part.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        func skip(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("Tt "),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
            1...12 ~= month, 1...31 ~= day, hour < 24, minute < 60, second <= 60
        else { return nil }
        var milliseconds: Int64 = 0
        if skip(".") {
            let digits = rest.prefix { 0x30...0x39 ~= $0 }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            for index in 0..<3 {
                let digit = index < digits.count ? Int64(digits[digits.startIndex + index] - 0x30) : 0
                milliseconds = milliseconds * 10 + digit
            }
        }
        var offset: Int64 = 0
        if !skip("Zz"), let sign = rest.first {
            guard skip("+-"), let hours = number(2), skip(":"), let minutes = number(2) else { return nil }
            offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
        }
        guard rest.isEmpty else { return nil }
        let seconds = Self.days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second
        return Timestamp(milliseconds: seconds * 1_000 + milliseconds)
    }

    /// A moment as text, or as a number since 1970: of seconds, milliseconds or microseconds, whichever puts it between
    /// the years 1973 and 5138 for the first two. Nil for anything else.
    static func timestamp(_ value: JSONCursor) -> Timestamp? {
        if let text = value.string { return Self.timestamp(text) }
        guard let number = value.double, number.isFinite, abs(number) < 1e18 else { return nil }
        let scale = abs(number) < 1e11 ? 1_000 : abs(number) < 1e14 ? 1 : 0.001
        return Timestamp(milliseconds: Int64((number * scale).rounded()))
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar: years are counted from 1 March, so that the leap day
    /// is the last of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
