extension Timestamp {
    /// The moment in UTC as RFC 3339 has it, in whole seconds.
    package var rfc3339: String { self.civil + "Z" }

    /// The moment in UTC as RFC 3339 has it, with its milliseconds.
    package var rfc3339WithMilliseconds: String {
        let rest = ((self.milliseconds % 1_000) + 1_000) % 1_000
        return self.civil + "." + String(repeating: "0", count: rest < 10 ? 2 : rest < 100 ? 1 : 0) + "\(rest)Z"
    }

    /// Date and time to the second, in UTC.
    private var civil: String {
        let seconds = self.milliseconds >= 0 ? self.milliseconds / 1_000 : (self.milliseconds - 999) / 1_000
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let time = seconds - days * 86_400
        // Days to a civil date, counted from 1 March so that the leap day is the last of its year.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))"
    }
}
