extension BenchReport {
    /// The report as one page of HTML that needs nothing else: no script, no other file. It prints well.
    package var html: String {
        let sections = self.sections.map(\.html).joined(separator: "\n")
        let method = self.method.map { "<p>\(ChartDrawing.escaped($0))</p>" }.joined()
        let title = ChartDrawing.escaped(self.title)
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>\(Self.style)</style>
            <main>
            <h1>\(title)</h1>
            <div class="method">\(method)</div>
            \(sections)
            </main>
            </html>

            """
    }

    private static let style = """
        :root { color-scheme: light dark; --page: #fff; --text: #171b21; --soft: #545d6a; --line: #d9dde3; --bound: #171b21;
          --c0: #0b7a72; --c1: #c2410c; --c2: #2c6bd6; --c3: #a21caf; --c4: #8a6d00; --c5: #cf3030; --c6: #5b6b7f; --c7: #4d7c0f; --c8: #db2777; --c9: #0e7490; }
        @media (prefers-color-scheme: dark) { :root { --page: #101318; --text: #e8ebf0; --soft: #a5aebb; --line: #323a45;
          --bound: #e8ebf0; --c0: #2fb5a7; --c1: #fb923c; --c2: #6ea1ff; --c3: #e879f9; --c4: #e0b03f; --c5: #f0625c;
          --c6: #9aa7b8; --c7: #a3e635; --c8: #f472b6; --c9: #22d3ee; } }
        @media print { :root { color-scheme: light; --page: #fff; --text: #000; --soft: #333; --line: #bbb; --bound: #000;
          --c0: #0b7a72; --c1: #c2410c; --c2: #2c6bd6; --c3: #a21caf; --c4: #8a6d00; --c5: #cf3030; --c6: #5b6b7f; --c7: #4d7c0f; --c8: #db2777; --c9: #0e7490; } }
        body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 1040px; margin: 0 auto; padding: 24px 16px 64px; }
        h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
        p { margin: .3rem 0; } .method, .note { color: var(--soft); }
        .label { border: 1px solid var(--line); border-radius: 99px; padding: 0 .6em; font-size: .8rem; font-weight: 400;
          color: var(--soft); white-space: nowrap; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
        th, td { padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
        th { color: var(--soft); font-size: .85rem; vertical-align: bottom; white-space: normal; }
        .text { text-align: left; white-space: normal; }
        figure { margin: 1rem 0; } figcaption { font-weight: 600; font-size: .9rem; }
        svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
        .grid { stroke: var(--line); } path { fill: none; stroke-width: 2; } .swatch { width: 24px; height: 10px; display: inline-block;
          margin-right: 6px; } .swatch line { stroke-width: 4; } .dashed { stroke-dasharray: 5 3; }
        .bound { stroke: var(--bound); stroke-dasharray: 2 3; } circle.bound { fill: var(--bound); stroke: none; }
        rect.bound { fill: var(--bound); opacity: .45; stroke: none; }
        .key { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; padding: 0; margin: .3rem 0; font-size: .85rem; }
        \((0..<ChartDrawing.colorCount).map { "path.c\($0), line.c\($0) { stroke: var(--c\($0)); } circle.c\($0), rect.c\($0) { fill: var(--c\($0)); }" }.joined(separator: "\n"))
        @media print { figure, tr { break-inside: avoid; } h2 { break-after: avoid; } main { max-width: none; padding: 0; }
          table { font-size: 8pt; } th, td { padding-right: .4rem; } }
        """
}

extension BenchReport.Section {
    var html: String {
        let label = self.label.map { " <span class=\"label\">\(ChartDrawing.escaped($0))</span>" } ?? ""
        let charts = self.charts.map { chart in
            let drawing = ChartDrawing(chart)
            return
                "<figure><figcaption>\(ChartDrawing.escaped(chart.title))</figcaption>\(drawing.key)\(drawing.svg)</figure>"
        }
        let notes = self.notes.map { "<p class=\"note\">\(ChartDrawing.escaped($0))</p>" }
        return "<section><h2>\(ChartDrawing.escaped(self.title))\(label)</h2>\n"
            + (charts + [self.table.html] + notes).joined(separator: "\n") + "</section>"
    }
}

extension BenchReport.Table {
    var html: String {
        let classes = self.columns.indices.map { column in
            self.rows.contains { if case .text = $0[column] { true } else { false } } ? " class=\"text\"" : ""
        }
        func row(_ cells: [String], _ element: String) -> String {
            let cells = zip(cells, classes).map { "<\(element)\($1)>\(ChartDrawing.escaped($0))</\(element)>" }
            return "<tr>\(cells.joined())</tr>"
        }
        return "<div class=\"scroll\"><table><thead>\(row(self.columns, "th"))</thead>\n<tbody>"
            + self.rows.map { row($0.map(\.text), "td") }.joined(separator: "\n") + "</tbody></table></div>"
    }
}
