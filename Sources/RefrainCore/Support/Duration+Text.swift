extension Duration {
    /// Reads a duration as people write it: `250ms`, `30s`, `5m`, `1h`, `7d`, or several of these, as in `1h30m`.
    ///
    /// Nil unless the whole text is digits and units; a bare number has no unit and is refused, `0` alone excepted.
    package init?(text: some StringProtocol) {
        if text == "0" {
            self = .zero
            return
        }
        var milliseconds: Int64 = 0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let factor = Self.units.first(where: { $0.name == unit })?.milliseconds else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: factor)
            let (sum, carry) = milliseconds.addingReportingOverflow(part)
            guard !overflow, !carry else { return nil }
            milliseconds = sum
        }
        self = .milliseconds(milliseconds)
    }

    /// The shortest text that reads back as the same duration, to the millisecond.
    package var text: String {
        var milliseconds = self.wholeMilliseconds
        guard milliseconds > 0 else { return "0" }
        var text = ""
        for unit in Self.units where milliseconds >= unit.milliseconds {
            text += "\(milliseconds / unit.milliseconds)\(unit.name)"
            milliseconds %= unit.milliseconds
        }
        return text
    }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]
}
