/// Why bytes are not an envelope that may be read, or an envelope cannot be written.
public struct EnvelopeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The bytes do not begin as an envelope does.
        public static let notAnEnvelope = Code("not-an-envelope")
        /// The envelope has a version that is not read here.
        public static let unsupportedVersion = Code("unsupported-version")
        /// The body is encoded in a way that is not read here.
        public static let unsupportedCodec = Code("unsupported-codec")
        /// There are fewer bytes than the envelope announces.
        public static let truncated = Code("truncated")
        /// There are more bytes than the envelope announces.
        public static let trailingBytes = Code("trailing-bytes")
        /// The checksum does not fit the bytes.
        public static let checksum = Code("checksum")
        /// The envelope was stored under another key.
        public static let wrongKey = Code("wrong-key")
        /// A field has a value that it cannot have.
        public static let malformed = Code("malformed")
        /// The envelope is larger than allowed.
        public static let tooLarge = Code("too-large")
        /// The envelope is not sealed, where only sealed ones may be read.
        public static let unsealed = Code("unsealed")
        /// The envelope is sealed with a key that is not configured here.
        public static let unknownSealingKey = Code("unknown-sealing-key")
        /// The seal does not fit: the bytes were changed, or stored under another key, or sealed by somebody else.
        public static let brokenSeal = Code("broken-seal")
    }

    /// What was wrong.
    public let code: Code
    /// Which field or bound, without any of the content.
    public let message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
