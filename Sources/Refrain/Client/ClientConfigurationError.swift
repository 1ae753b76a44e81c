/// Why a client cannot be made as it was asked for.
public struct ClientConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// No credential was found where one is needed.
        public static let missingCredential = Code("missing-credential")
        /// A credential, version or beta that no header field may hold.
        public static let invalidHeaderValue = Code("invalid-header-value")
        /// The base URL is no `http` or `https` URL, or holds a credential, a query or a fragment.
        public static let invalidBaseURL = Code("invalid-base-url")
        /// The policy cannot be obeyed as it stands.
        public static let invalidPolicy = Code("invalid-policy")
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
