import RefrainCore

extension BenchReport {
    /// The report as text of `width` columns. Tables are as wide as their cells.
    package func text(width: Int = 100) -> String {
        var lines = [self.title, String(repeating: "=", count: self.title.count)]
        lines += self.method.flatMap { Self.wrapped($0, width) }
        for section in self.sections {
            lines += ["", section.heading]
            lines += section.table.lines
            lines += section.notes.flatMap { Self.wrapped($0, width) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func wrapped(_ text: String, _ width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + word.count >= width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}

extension BenchReport.Section {
    /// The title, and the kind of traffic.
    var heading: String { self.label.map { "\(self.title) [\($0)]" } ?? self.title }
}

extension BenchReport.Table {
    /// The columns' names and the rows, aligned: text to the left, numbers to the right.
    var lines: [String] {
        let cells = self.rows.map { $0.map(\.text) }
        let isText = self.columns.indices.map { column in
            self.rows.contains { if case .text = $0[column] { true } else { false } }
        }
        let widths = self.columns.indices.map { column in
            cells.reduce(self.columns[column].count) { max($0, $1[column].count) }
        }
        func line(_ row: [String]) -> String {
            var text = zip(row, zip(widths, isText))
                .map { cell, shape in
                    let padding = String(repeating: " ", count: shape.0 - cell.count)
                    return shape.1 ? cell + padding : padding + cell
                }
                .joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        return [line(self.columns), widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")]
            + cells.map(line)
    }
}

extension BenchReport.Cell {
    /// The value for people.
    var text: String {
        switch self {
        case .none: ""
        case .text(let text): text
        case .number(let value, let format): format.text(value)
        }
    }
}

extension BenchReport.Format {
    /// A value for people; "-" where it is none.
    func text(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        switch self {
        case .count: return value.text(places: 0).thousandsSeparated
        case .percent(let places): return (value * 100).text(places: places) + " %"
        case .dollars: return (value < 0 ? "-$" : "$") + value.magnitude.text(places: 2).thousandsSeparated
        case .decimal(let places): return value.text(places: places)
        case .seconds: return Duration.milliseconds(Int64(min(value * 1_000, 9e15))).text
        case .nanoseconds: return Self.scaled(value, 1_000, ["ns", "µs", "ms", "s"])
        case .bytes: return Self.scaled(value, 1_000, ["B", "KB", "MB", "GB"])
        }
    }

    private static func scaled(_ value: Double, _ step: Double, _ units: [String]) -> String {
        var value = value
        var unit = 0
        while value.magnitude >= step, unit < units.count - 1 {
            value /= step
            unit += 1
        }
        return value.text(places: unit == 0 || value.magnitude >= 100 ? 0 : 1) + " " + units[unit]
    }
}
