/// A progress bar as text: a value, so that what it shows can be tested. The terminal is its owner's business.
struct ProgressBar {
    /// How many are done.
    var done = 0
    /// How many there are; nil while that is not known.
    var total: Int?
    /// How many of those done cost nothing: hits and joined.
    var saved = 0
    /// How many failed.
    var failed = 0

    /// The bar in at most `width` columns, without a line ending.
    func rendered(width: Int) -> String {
        var counts = self.total.map { "\(self.done)/\($0)" } ?? "\(self.done)"
        counts += "  \(self.saved) saved"
        if self.failed > 0 { counts += "  \(self.failed) failed" }
        guard let total = self.total, total > 0 else { return String(counts.prefix(width)) }
        let room = min(40, width - counts.count - 3)
        guard room > 4 else { return String(counts.prefix(width)) }
        let filled = min(room, room * self.done / total)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: room - filled) + "] "
            + counts
    }
}
