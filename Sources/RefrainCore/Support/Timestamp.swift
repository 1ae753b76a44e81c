/// A moment of wall-clock time, in milliseconds since 1970-01-01T00:00:00Z, as envelopes carry it between machines.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since the Unix epoch.
    public var milliseconds: Int64

    /// The moment `milliseconds` after the Unix epoch.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Later than every other moment.
    public static let distantFuture = Timestamp(milliseconds: .max)

    /// Whether `lhs` is earlier than `rhs`.
    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool { lhs.milliseconds < rhs.milliseconds }

    /// The moment `duration` later, and no later than ``distantFuture``: it never overflows.
    public func advanced(by duration: Duration) -> Timestamp {
        let (sum, overflow) = self.milliseconds.addingReportingOverflow(duration.wholeMilliseconds)
        return Timestamp(milliseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// How long after `other` this moment is; negative where it is earlier.
    public func since(_ other: Timestamp) -> Duration {
        let (difference, overflow) = self.milliseconds.subtractingReportingOverflow(other.milliseconds)
        return .milliseconds(overflow ? (self > other ? .max : .min) : difference)
    }
}

extension Duration {
    /// The duration in milliseconds, rounded towards zero and clamped to what an `Int64` holds.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
