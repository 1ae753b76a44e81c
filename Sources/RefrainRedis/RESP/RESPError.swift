/// Why bytes from a server are no replies that may be read. The connection they came by is beyond repair.
struct RESPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong.
    enum Code: String, Hashable, Sendable {
        /// The bytes are not RESP2.
        case protocolViolation = "protocol-violation"
        /// A reply is larger than allowed.
        case tooLarge = "too-large"
        /// A reply has more elements than allowed.
        case tooManyElements = "too-many-elements"
        /// A reply is nested more deeply than allowed.
        case tooDeep = "too-deep"
        /// The machine has no memory left for it.
        case outOfMemory = "out-of-memory"
    }

    /// What was wrong.
    let code: Code

    /// A short, stable name, without any of the content.
    var description: String { self.code.rawValue }
}
