import RefrainCore

/// How long a response asks its client to wait.
enum RetryAfter {
    /// The longest wait that is represented. What asks for more is clamped, so that no arithmetic overflows.
    private static let longest = 10.0 * 365 * 86_400

    /// `retry-after-ms`, else `retry-after` as seconds (a fraction is fine) or as an HTTP date; nil where neither is
    /// there, readable and in the future.
    static func delay(in headers: [HTTPHeader], now: Timestamp) -> Duration? {
        if let milliseconds = Self.number(headers, "retry-after-ms") { return Self.wait(milliseconds / 1_000) }
        guard let value = headers.first(where: { $0.name == "retry-after" })?.value else { return nil }
        if let seconds = Self.number(headers, "retry-after") { return Self.wait(seconds) }
        guard let date = HTTPDate.parse(value) else { return nil }
        let wait = date.since(now)
        return wait > .zero ? min(wait, .seconds(Self.longest)) : nil
    }

    private static func number(_ headers: [HTTPHeader], _ name: String) -> Double? {
        headers.first { $0.name == name }.flatMap { Double($0.value) }
    }

    private static func wait(_ seconds: Double) -> Duration? {
        // Written so that a NaN is no wait either.
        seconds > 0 ? .milliseconds(Int64((min(seconds, Self.longest) * 1_000).rounded())) : nil
    }
}

/// The dates of HTTP (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// The moment that `text` names in any of the three forms that RFC 9110 has recipients accept; nil for anything else.
    static func parse(_ text: String) -> Timestamp? {
        // IMF-fixdate "Sun, 06 Nov 1994 08:49:37 GMT", RFC 850 "Sunday, 06-Nov-94 08:49:37 GMT" and asctime
        // "Sun Nov  6 08:49:37 1994" differ in separators and in the year's place only.
        guard text.utf8.count <= 64 else { return nil }
        var fields = text.split { $0 == " " || $0 == "," || $0 == "-" }.map { $0.lowercased() }
        if fields.last == "gmt" { fields.removeLast() }
        guard fields.count == 5 else { return nil }
        let isASCTime = Self.months.contains(fields[1])
        if isASCTime { fields = [fields[0], fields[2], fields[1], fields[4], fields[3]] }
        guard
            let day = Self.digits(fields[1]), let month = Self.months.firstIndex(of: fields[2]),
            var year = Self.digits(fields[3]), (1...31).contains(day)
        else { return nil }
        // Two digits are of the century that puts the year nearest to now; no date that waits is from the last one.
        if fields[3].utf8.count == 2 { year += 2_000 }
        let time = fields[4].split(separator: ":", omittingEmptySubsequences: false).map { Self.digits(String($0)) }
        guard time.count == 3, let hour = time[0], let minute = time[1], let second = time[2],
            (1_970...9_999).contains(year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let seconds = (Self.daysSinceEpoch(year, month + 1, day) * 24 + hour) * 3_600 + minute * 60 + second
        return Timestamp(milliseconds: Int64(seconds) * 1_000)
    }

    /// A number of at most four ASCII digits.
    private static func digits(_ text: String) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March so that a leap day is last.
    private static func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
