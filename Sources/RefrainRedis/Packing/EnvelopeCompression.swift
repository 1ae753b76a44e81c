/// Whether what goes to a shared tier is made smaller first.
///
/// Reading knows every form that was ever written, whatever is chosen here: members of one tier need not agree.
public struct EnvelopeCompression: Hashable, Sendable, CustomStringConvertible {
    private enum Choice: String, Hashable, Sendable { case automatic, off }

    private let choice: Choice

    /// Bodies of 256 bytes or more are deflated where that saves more than a tenth. Answers of up to 1 KB become a third
    /// of their size or less, for 10 us when writing and 3 us when reading; longer ones somewhat less than a half.
    public static let automatic = EnvelopeCompression(choice: .automatic)

    /// Bodies stay as they are. Together with sealing it also hides what compression would tell of a body by the length
    /// of its result.
    public static let off = EnvelopeCompression(choice: .off)

    /// `automatic` or `off`.
    public var description: String { self.choice.rawValue }

    /// The bytes that a deflated body of `count` bytes must stay under; nil where it is to stay as it is.
    func limit(forBody count: Int) -> Int? {
        guard self == .automatic, count >= 256 else { return nil }
        return count - count / 10
    }
}
