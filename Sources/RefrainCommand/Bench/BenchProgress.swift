/// Says on one line what a bench is at, where a person looks on.
struct BenchProgress {
    private var bar: ProgressBar
    private let isShown = Terminal.isInteractive

    /// - Parameter total: How many steps there are.
    init(total: Int) { self.bar = ProgressBar(total: total, countsSaved: false) }

    /// Shows what is being done.
    mutating func show(_ name: String) {
        self.bar.label = name
        if self.isShown { Terminal.status("\r\(self.bar.rendered(width: Terminal.width - 1))\u{1B}[K") }
    }

    /// A step is done.
    mutating func advance() { self.bar.done += 1 }

    /// Takes the line off the screen. A bench does so in the end, and where it fails before its error is shown.
    func clear() { if self.isShown { Terminal.status("\r\u{1B}[K") } }
}
