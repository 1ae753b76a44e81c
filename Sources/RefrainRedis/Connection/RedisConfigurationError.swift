/// Why a Redis cannot be reached as it was asked for.
public struct RedisConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The URL has none of the schemes that lead to a Redis.
        public static let invalidScheme = Code("invalid-scheme")
        /// The URL cannot be read: a stray character, a broken percent-encoding, a fragment.
        public static let invalidURL = Code("invalid-url")
        /// The URL names no host, or no path of a socket.
        public static let invalidAddress = Code("invalid-address")
        /// The port is no number from 1 to 65535.
        public static let invalidPort = Code("invalid-port")
        /// The database is no number from 0 on.
        public static let invalidDatabase = Code("invalid-database")
        /// A parameter of the URL is unknown, repeated, empty, or does not go with the rest.
        public static let invalidParameter = Code("invalid-parameter")
    }

    /// What is wrong.
    public let code: Code
    /// What is wrong, in words, without a credential.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
