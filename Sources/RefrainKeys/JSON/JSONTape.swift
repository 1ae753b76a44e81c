/// What a tape entry stands for.
package enum JSONKind: UInt8, Sendable, BitwiseCopyable {
    case object, array, string, number, `true`, `false`, null
}

/// One value, or one member name, of a scanned JSON text, in document order.
///
/// An object is followed by its members, each a name (a string entry) and a value; an array by its elements.
package struct JSONTapeEntry: Sendable, BitwiseCopyable {
    /// The first byte of the value. For a string: its opening quote.
    package var start: UInt32
    /// One past its last byte. For a string: one past its closing quote.
    package var end: UInt32
    /// The index of the tape entry after this value and everything inside it.
    package var next: UInt32
    /// What the value is.
    package var kind: JSONKind
    /// Whether a string holds a backslash, so that its bytes are not its content.
    package var isEscaped: Bool
    /// Whether the bytes are spelt as the canonical form spells a free-form value: no white space between tokens, and
    /// no escape that has another spelling.
    package var isCanonical: Bool
}
