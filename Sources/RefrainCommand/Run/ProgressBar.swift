/// A progress bar as text: a value, so that what it shows can be tested. The terminal is its owner's business.
struct ProgressBar {
    /// How many are done.
    var done = 0
    /// How many there are; nil while that is not known.
    var total: Int?
    /// How many of those done cost nothing: hits and joined.
    var saved = 0
    /// Whether any could cost nothing, so that it is said how many did.
    var countsSaved = true
    /// How many failed.
    var failed = 0
    /// What is being done, as far as there is room for it.
    var label = ""

    /// The bar in at most `width` columns, without a line ending.
    func rendered(width: Int) -> String {
        var counts = self.total.map { "\(self.done)/\($0)" } ?? "\(self.done)"
        if self.countsSaved { counts += "  \(self.saved) saved" }
        if self.failed > 0 { counts += "  \(self.failed) failed" }
        var text = counts
        if let total = self.total, total > 0 {
            let room = min(40, (self.label.isEmpty ? width : width / 2) - counts.count - 3)
            if room > 4 {
                let filled = min(room, room * self.done / total)
                let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: room - filled)
                text = "[\(bar)] \(counts)"
            }
        }
        if !self.label.isEmpty { text += "  " + self.label }
        return String(text.prefix(max(0, width)))
    }
}
