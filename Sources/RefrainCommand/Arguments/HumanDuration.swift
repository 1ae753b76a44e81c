import ArgumentParser

/// A duration as people write it: `250ms`, `30s`, `5m`, `1h`, `7d`, or several of these, as in `1h30m`.
struct HumanDuration: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    /// Nil unless the whole text is digits and units; a bare number has no unit and is refused, `0` alone excepted.
    init?(argument: String) {
        if argument == "0" {
            self.init(.zero)
            return
        }
        var milliseconds: Int64 = 0
        var rest = Substring(argument)
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
        self.init(.milliseconds(milliseconds))
    }

    /// The shortest text that reads back as the same duration, to the millisecond.
    var description: String {
        var milliseconds = Int64(self.duration / .milliseconds(1))
        guard milliseconds != 0 else { return "0" }
        var text = ""
        for unit in Self.units where milliseconds >= unit.milliseconds {
            text += "\(milliseconds / unit.milliseconds)\(unit.name)"
            milliseconds %= unit.milliseconds
        }
        return text
    }

    var defaultValueDescription: String { self.description }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]
}
