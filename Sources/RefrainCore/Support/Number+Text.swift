extension Double {
    /// The value in plain notation with exactly `places` decimals, rounded half away from zero.
    ///
    /// "0" where it is no finite number; where it is too large for its digits to mean anything (9e18 divided by
    /// ten to the power of `places`), as Swift writes it.
    package func text(places: Int) -> String {
        guard self.isFinite else { return "0" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = (self.magnitude * scale).rounded()
        guard scaled < 9e18 else { return "\(self)" }
        var digits = "\(Int64(scaled))"
        if digits.count <= places { digits = String(repeating: "0", count: places + 1 - digits.count) + digits }
        let sign = self < 0 && scaled > 0 ? "-" : ""
        return sign + digits.dropLast(places) + (places > 0 ? "." + digits.suffix(places) : "")
    }
}

extension String {
    /// The number that the string is, with a comma between each three of the digits with which it begins.
    package var thousandsSeparated: String {
        let whole = self.prefix { $0 == "-" || $0.isNumber }
        var text = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3), text != "-" { text.append(",") }
            text.append(digit)
        }
        return text + self.dropFirst(whole.count)
    }
}

extension Int {
    /// The number with a comma between each three digits.
    package var thousandsSeparated: String { "\(self)".thousandsSeparated }
}
