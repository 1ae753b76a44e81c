package import RefrainCore

/// What a bench found, in tables and charts: ``text(width:)`` for a terminal, ``json`` for programs, ``html`` for people who
/// read and print it.
package struct BenchReport: Sendable {
    /// What was measured.
    package var title: String
    /// How, in sentences.
    package var method: [String]
    /// What was found.
    package var sections: [Section]

    package init(title: String, method: [String], sections: [Section] = []) {
        self.title = title
        self.method = method
        self.sections = sections
    }

    /// One table with what is to be said about it.
    package struct Section: Sendable {
        package var title: String
        /// What kind of traffic it is about, as in "live"; nil where it is about none.
        package var label: String?
        package var notes: [String]
        package var table: Table
        package var charts: [Chart]

        package init(
            title: String, label: String? = nil, notes: [String] = [], table: Table, charts: [Chart] = []
        ) {
            self.title = title
            self.label = label
            self.notes = notes
            self.table = table
            self.charts = charts
        }
    }

    /// Rows under named columns. Each row has a cell for each column.
    package struct Table: Sendable {
        /// The names of the columns, for people.
        package var columns: [String]
        /// The names of the columns in JSON, as in `hits_by_requests`.
        package var members: [String]
        package private(set) var rows: [[Cell]] = []

        /// - Parameter columns: The columns, each as its name in JSON and its name for people.
        package init(_ columns: KeyValuePairs<String, String>) {
            self.init(members: columns.map(\.key), columns: columns.map(\.value))
        }

        /// Creates a table of as many columns as both have names.
        package init(members: [String], columns: [String]) {
            let count = min(members.count, columns.count)
            self.members = Array(members.prefix(count))
            self.columns = Array(columns.prefix(count))
        }

        /// Adds a row. Cells that are not given are empty, and cells without a column are left out.
        package mutating func append(_ cells: [Cell]) {
            let missing = Swift.max(0, self.columns.count - cells.count)
            self.rows.append(Array(cells.prefix(self.columns.count)) + [Cell](repeating: .none, count: missing))
        }
    }

    /// A value in a table.
    package enum Cell: Sendable, Hashable {
        case none
        case text(String)
        case number(Double, Format)
    }

    /// How a number is written.
    package enum Format: Sendable, Hashable {
        /// A whole number.
        case count
        /// A share of 1, in per cent with so many decimals.
        case percent(Int)
        /// US dollars, in cents.
        case dollars
        /// A number with so many decimals.
        case decimal(Int)
        /// Seconds, in the unit that suits them, as in 7d.
        case seconds
        /// Nanoseconds, in the unit that suits them.
        case nanoseconds
        /// Bytes, in the unit that suits them.
        case bytes
    }

    /// Values to be drawn.
    package struct Chart: Sendable {
        package enum Kind: Sendable {
            /// A line for each series.
            case lines
            /// A group of bars at each place.
            case bars
        }

        package struct Series: Sendable {
            package var name: String
            /// A value for each place; nil where there is none.
            package var values: [Double?]
            /// Whether it is what others are measured by, and drawn dashed.
            package var isBound: Bool

            package init(_ name: String, _ values: [Double?], isBound: Bool = false) {
                self.name = name
                self.values = values
                self.isBound = isBound
            }
        }

        package var kind: Kind
        package var title: String
        /// What stands under the places of the horizontal axis.
        package var places: [String]
        package var format: Format
        package var series: [Series]
        /// Whether each step up the axis is ten times the last. For values above 0.
        package var isLogarithmic: Bool

        package init(
            _ kind: Kind, title: String, places: [String], format: Format, series: [Series], isLogarithmic: Bool = false
        ) {
            self.kind = kind
            self.title = title
            self.places = places
            self.format = format
            self.series = series
            self.isLogarithmic = isLogarithmic
        }
    }
}

// MARK: JSON

extension BenchReport {
    /// The report as one JSON object: `title`, `method` and `sections`, each with its rows as objects. Shares are numbers of 0
    /// to 1, money is in US dollars, times are in nanoseconds, and nothing is rounded.
    package var json: JSONObject {
        [
            "title": .string(self.title), "method": .array(self.method.map(JSONValue.string)),
            "sections": .array(self.sections.map { .object($0.json) }),
        ]
    }
}

extension BenchReport.Section {
    var json: JSONObject {
        [
            "title": .string(self.title), "label": self.label.map(JSONValue.string) ?? .null,
            "notes": .array(self.notes.map(JSONValue.string)),
            "rows": .array(
                self.table.rows.map { row in .object(JSONObject(zip(self.table.members, row.map(\.json)).map { $0 })) }),
        ]
    }
}

extension BenchReport.Cell {
    var json: JSONValue {
        switch self {
        case .none: .null
        case .text(let text): .string(text)
        case .number(let value, _): JSONNumber(value).map(JSONValue.number) ?? .null
        }
    }
}
