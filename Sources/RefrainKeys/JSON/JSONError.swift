/// Why bytes are not a JSON text that Refrain reads, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The text ended inside a value.
        public static let unexpectedEnd = Code("unexpected-end")
        /// A byte that no value, separator or literal can have here.
        public static let unexpectedByte = Code("unexpected-byte")
        /// A number that RFC 8259 §6 does not allow.
        public static let invalidNumber = Code("invalid-number")
        /// A backslash sequence that RFC 8259 §7 does not allow.
        public static let invalidEscape = Code("invalid-escape")
        /// A raw control character inside a string.
        public static let controlCharacter = Code("control-character")
        /// Bytes that are not UTF-8 (RFC 3629).
        public static let invalidUTF8 = Code("invalid-utf8")
        /// Something other than white space after the value.
        public static let trailingBytes = Code("trailing-bytes")
        /// More nested arrays and objects than the limit.
        public static let tooDeep = Code("too-deep")
        /// More bytes than the limit.
        public static let tooLarge = Code("too-large")
        /// More values and member names than the limit.
        public static let tooManyValues = Code("too-many-values")
        /// Two members of one object have the same name.
        public static let duplicateMember = Code("duplicate-member")
    }

    /// What was wrong.
    public let code: Code
    /// The zero-based byte at which it was noticed.
    public let offset: Int

    /// Creates an error of `code` noticed at byte `offset`.
    public init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// The code and the position, without any of the content.
    public var description: String { "\(self.code) at byte \(self.offset)" }
}

/// How large and how deep a JSON text may be.
public struct JSONLimits: Hashable, Sendable {
    /// The most bytes a text may have.
    public var bytes: Int
    /// The most arrays and objects that may be open at once.
    public var depth: Int

    /// The most values and member names that a text may hold; a scan takes 16 bytes of memory for each.
    public var values: Int

    /// The limits for a request body: the Messages API itself refuses more than 32 MB.
    public static let request = JSONLimits(bytes: 33_554_432, depth: 512)

    /// Creates limits. They are not checked: a limit of 0 refuses every text.
    public init(bytes: Int, depth: Int, values: Int = 4_194_304) {
        self.bytes = bytes
        self.depth = depth
        self.values = values
    }
}
