/// A JSON number as it is spelled: `1`, `1.0` and `1e0` are three.
public struct JSONNumber: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    CustomStringConvertible
{
    /// The number's spelling, by RFC 8259 §6.
    public let literal: String

    /// Creates the number with this spelling; nil where it is none.
    public init?(literal: String) {
        guard let raw = try? RawJSON(Array(literal.utf8)), raw.bytes.elementsEqual(literal.utf8),
            let first = raw.bytes.first, first == UInt8(ascii: "-") || 0x30...0x39 ~= first
        else { return nil }
        self.literal = literal
    }

    /// Takes a spelling that is known to be right.
    init(unchecked literal: String) { self.literal = literal }

    /// Creates an integer.
    public init(_ value: some BinaryInteger) { self.literal = String(value) }

    /// Creates a number with the shortest spelling that reads back as `value`; nil for infinities and NaN, which JSON
    /// does not have.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self.literal = "\(value)"
    }

    /// Creates an integer.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Creates a number; a literal too large for a `Double` becomes the largest.
    public init(floatLiteral value: Double) {
        let finite = value.isFinite ? value : (value < 0 ? -1 : 1) * Double.greatestFiniteMagnitude
        self.literal = "\(finite)"
    }

    /// The number where it is spelled as an integer and fits; nil otherwise.
    public var int: Int? { Int(self.literal) }
    /// The nearest double; infinite where the number is too large.
    public var double: Double { Double(self.literal) ?? .nan }
    /// The spelling.
    public var description: String { self.literal }
}
