public import RefrainKeys

/// Why bytes from the wire are not what they should be.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong. Open: later versions may add codes.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name, fit for a metric label.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The bytes are not JSON; ``WireError/json`` tells why and where.
        public static let invalidJSON = Code("invalid-json")
        /// The JSON is not the object that was expected.
        public static let unexpectedShape = Code("unexpected-shape")
        /// A server-sent event is larger than the limit.
        public static let eventTooLarge = Code("event-too-large")
    }

    /// What was wrong.
    public let code: Code
    /// What was wrong, in words, without any of the content.
    public let message: String
    /// Where the JSON is wrong, for ``Code/invalidJSON``.
    public let json: JSONError?

    /// Creates an error.
    public init(_ code: Code, _ message: String, json: JSONError? = nil) {
        self.code = code
        self.message = message
        self.json = json
    }

    /// Creates an ``Code/invalidJSON`` error.
    public init(_ json: JSONError) {
        self.init(.invalidJSON, "not JSON: \(json)", json: json)
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
