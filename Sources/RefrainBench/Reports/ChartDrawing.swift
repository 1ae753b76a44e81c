#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Draws a chart as SVG that needs no script: it looks the same on paper.
struct ChartDrawing {
    private static let width = 720.0
    private static let height = 300.0
    private static let left = 70.0
    private static let right = 12.0
    private static let top = 10.0
    private static let bottom = 34.0
    /// The strokes of lines beyond the number of colours differ by their dashes.
    static let colorCount = 10

    private let chart: BenchReport.Chart
    private let ticks: [Double]

    init(_ chart: BenchReport.Chart) {
        self.chart = chart
        let values = chart.series.flatMap(\.values).compactMap(\.self).filter(\.isFinite)
        self.ticks =
            chart.isLogarithmic
            ? Self.decades(from: values.min() ?? 1, to: values.max() ?? 10)
            : Self.ticks(from: min(0, values.min() ?? 0), to: max(values.max() ?? 1, 1e-12))
    }

    /// The drawing.
    var svg: String {
        let label = Self.escaped(self.chart.title + ". The table has the values.")
        var parts = [
            "<svg viewBox=\"0 0 \(Self.number(Self.width)) \(Self.number(Self.height))\" role=\"img\" aria-label=\"\(label)\">"
        ]
        parts += self.ticks.flatMap(self.tick)
        parts += self.chart.places.enumerated().map { index, place in
            "<text x=\"\(Self.number(self.x(Double(index) + 0.5)))\" y=\"\(Self.number(Self.height - 12))\" "
                + "text-anchor=\"middle\">\(Self.escaped(place))</text>"
        }
        for (index, series) in self.chart.series.enumerated() {
            switch self.chart.kind {
            case .lines: parts += self.line(series, index)
            case .bars: parts += self.bars(series, index)
            }
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    /// Which color is whose.
    var key: String {
        let items = self.chart.series.enumerated().map { index, series in
            "<li><svg class=\"swatch\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><line x1=\"0\" y1=\"5\" x2=\"24\" y2=\"5\" "
                + "class=\"\(Self.style(series, index))\"/></svg>\(Self.escaped(series.name))</li>"
        }
        return "<ul class=\"key\">\(items.joined())</ul>"
    }

    private func tick(_ value: Double) -> [String] {
        let y = Self.number(self.y(value))
        return [
            "<line class=\"grid\" x1=\"\(Self.number(Self.left))\" x2=\"\(Self.number(Self.width - Self.right))\" "
                + "y1=\"\(y)\" y2=\"\(y)\"/>",
            "<text x=\"\(Self.number(Self.left - 8))\" y=\"\(Self.number(self.y(value) + 4))\" text-anchor=\"end\">"
                + "\(Self.escaped(self.chart.format.text(value)))</text>",
        ]
    }

    private func line(_ series: BenchReport.Chart.Series, _ index: Int) -> [String] {
        var path = ""
        var marks: [String] = []
        var isDrawing = false
        for (place, value) in series.values.prefix(self.chart.places.count).enumerated() {
            guard let value, value.isFinite else {
                isDrawing = false
                continue
            }
            let (x, y) = (Self.number(self.x(Double(place) + 0.5)), Self.number(self.y(value)))
            path += (isDrawing ? "L" : "M") + "\(x) \(y)"
            isDrawing = true
            marks.append(
                "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"3\" class=\"\(Self.style(series, index))\">\(self.title(series, place, value))</circle>"
            )
        }
        return ["<path d=\"\(path)\" class=\"\(Self.style(series, index))\"/>"] + marks
    }

    private func bars(_ series: BenchReport.Chart.Series, _ index: Int) -> [String] {
        let width = 0.8 / Double(max(1, self.chart.series.count))
        return series.values.prefix(self.chart.places.count).enumerated().compactMap { place, value in
            guard let value, value.isFinite else { return nil }
            let start = self.x(Double(place) + 0.1 + Double(index) * width)
            let end = self.x(Double(place) + 0.1 + Double(index + 1) * width)
            let (upper, lower) = (self.y(max(value, 0)), self.y(min(value, 0)))
            return
                "<rect x=\"\(Self.number(start))\" y=\"\(Self.number(upper))\" width=\"\(Self.number(max(1, end - start - 1)))\" "
                + "height=\"\(Self.number(lower - upper))\" class=\"\(Self.style(series, index))\">\(self.title(series, place, value))</rect>"
        }
    }

    /// What a pointer is told.
    private func title(_ series: BenchReport.Chart.Series, _ place: Int, _ value: Double) -> String {
        let text = "\(series.name), \(self.chart.places[place]): \(self.chart.format.text(value))"
        return "<title>\(Self.escaped(text))</title>"
    }

    private static func style(_ series: BenchReport.Chart.Series, _ index: Int) -> String {
        series.isBound ? "bound" : "c\(index % Self.colorCount)" + (index >= Self.colorCount ? " dashed" : "")
    }

    // MARK: Scales

    private func x(_ place: Double) -> Double {
        Self.left + (Self.width - Self.left - Self.right) * place / Double(max(1, self.chart.places.count))
    }

    private func y(_ value: Double) -> Double {
        let scale: (Double) -> Double = self.chart.isLogarithmic ? { log10(max($0, 1e-12)) } : { $0 }
        let low = scale(self.ticks.first ?? 0)
        let span = scale(self.ticks.last ?? 1) - low
        let height = Self.height - Self.top - Self.bottom
        return Self.height - Self.bottom - height * (span > 0 ? max(0, scale(value) - low) / span : 0)
    }

    /// Powers of ten that enclose the range, 2 or more of them.
    static func decades(from low: Double, to high: Double) -> [Double] {
        let first = log10(max(low, 1e-12)).rounded(.down)
        let last = max(first + 1, log10(max(high, 1e-12)).rounded(.up))
        return stride(from: first, through: last, by: 1).map { pow(10, $0) }
    }

    /// Round values, 3 to 7 of them, that enclose the range.
    static func ticks(from low: Double, to high: Double) -> [Double] {
        let rough = (high - low) / 5
        var power = 1e-12
        while power * 10 <= rough { power *= 10 }
        let step = [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= rough * (1 - 1e-9) } ?? power * 10
        let first = (low / step).rounded(.down)
        let last = (high / step * (1 - 1e-9)).rounded(.up)
        return stride(from: first, through: max(last, first + 1), by: 1).map { $0 * step }
    }

    // MARK: Text

    /// A coordinate with one decimal.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    /// Text as it may stand in an element or an attribute.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
