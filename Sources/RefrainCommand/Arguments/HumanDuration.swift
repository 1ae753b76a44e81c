import ArgumentParser
import RefrainCore

/// A duration as people write it: `250ms`, `30s`, `5m`, `1h`, `7d`, or several of these, as in `1h30m`.
struct HumanDuration: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    /// Nil unless the whole text is digits and units; a bare number has no unit and is refused, `0` alone excepted.
    init?(argument: String) {
        guard let duration = Duration(text: argument) else { return nil }
        self.init(duration)
    }

    /// The shortest text that reads back as the same duration, to the millisecond.
    var description: String { self.duration.text }

    var defaultValueDescription: String { self.description }
}
