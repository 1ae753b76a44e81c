import RefrainKeys

/// An error as the Messages API words it: the body of an HTTP error, and the data of an `error` event.
///
/// `{"type":"error","error":{"type":…,"message":…},"request_id":…}`
public struct APIErrorBody: Hashable, Sendable {
    /// The kind of error, such as `overloaded_error`. An open set.
    public struct Kind: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
        /// The name on the wire.
        public let rawValue: String
        /// The name on the wire.
        public var description: String { self.rawValue }

        /// Creates the kind with this name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// Creates the kind with this name.
        public init(stringLiteral value: String) { self.rawValue = value }

        /// 400: the request is wrong.
        public static let invalidRequest: Kind = "invalid_request_error"
        /// 401: no valid credential.
        public static let authentication: Kind = "authentication_error"
        /// 402: a matter of payment.
        public static let billing: Kind = "billing_error"
        /// 403: the credential may not do this.
        public static let permission: Kind = "permission_error"
        /// 404: no such model, file or path.
        public static let notFound: Kind = "not_found_error"
        /// 409: a conflict with another request.
        public static let conflict: Kind = "conflict_error"
        /// 413: the body is too large.
        public static let requestTooLarge: Kind = "request_too_large"
        /// 429: over a rate limit.
        public static let rateLimit: Kind = "rate_limit_error"
        /// 500: something went wrong inside the API.
        public static let api: Kind = "api_error"
        /// 504: the request took too long.
        public static let timeout: Kind = "timeout_error"
        /// 529: the API is overloaded.
        public static let overloaded: Kind = "overloaded_error"
    }

    /// What kind of error it is; empty where the body does not say.
    public var type: Kind
    /// The API's words. They may repeat parts of the request: fit for the caller, not for a log.
    public var message: String
    /// `details.error_code`, where given: which of the errors of its kind.
    public var errorCode: String?
    /// The request's id, where given.
    public var requestID: String?

    /// Creates an error.
    public init(type: Kind, message: String, errorCode: String? = nil, requestID: String? = nil) {
        self.type = type
        self.message = message
        self.errorCode = errorCode
        self.requestID = requestID
    }

    /// Reads an error body. Nil where `json` is no JSON object with the `type` "error".
    public init?(json: [UInt8]) {
        guard let document = try? JSONDocument(json), document.root["type"]?.hasContent("error") == true else {
            return nil
        }
        self.init(document.root)
    }

    init(_ body: JSONCursor) {
        let error = body["error"]
        self.init(
            type: Kind(rawValue: error?["type"]?.string ?? ""),
            message: error?["message"]?.string ?? "",
            errorCode: error?["details"]?["error_code"]?.string,
            requestID: body["request_id"]?.string
        )
    }

    /// The error as JSON, always the same for the same error.
    public func encoded() -> [UInt8] {
        var json = Array(#"{"type":"error","error":{"type":"#.utf8)
        JSONString.append(self.type.rawValue.utf8, quotedTo: &json)
        json.append(contentsOf: #","message":"#.utf8)
        JSONString.append(self.message.utf8, quotedTo: &json)
        if let errorCode {
            json.append(contentsOf: #","details":{"error_code":"#.utf8)
            JSONString.append(errorCode.utf8, quotedTo: &json)
            json.append(UInt8(ascii: "}"))
        }
        json.append(UInt8(ascii: "}"))
        if let requestID {
            json.append(contentsOf: #","request_id":"#.utf8)
            JSONString.append(requestID.utf8, quotedTo: &json)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    /// The `error` event that ends a stream with this error.
    public func event() -> ServerSentEvent { ServerSentEvent(name: "error", data: self.encoded()) }
}
