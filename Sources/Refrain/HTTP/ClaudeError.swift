public import RefrainCore

/// An answer of the API that is an error.
public struct ClaudeError: Error, Sendable, CustomStringConvertible {
    /// The HTTP status, or nil for an `error` event in a stream that had begun with 200.
    public let status: Int?
    /// The API's error type, such as `rate_limit_error`; nil where the body is not the API's own, as when a proxy
    /// answered.
    public let type: APIErrorBody.Kind?
    /// The API's words, or ours where there are none. They may repeat parts of the request: fit for the caller, not for a
    /// log.
    public let message: String
    /// Which of the errors of its type, where the API says (`details.error_code`).
    public let errorCode: String?
    /// The request's id, for support.
    public let requestID: String?
    /// How long the API asks to wait before another attempt.
    public let retryAfter: Duration?
    /// The response's header fields.
    public let headers: [HTTPHeader]
    /// The body as it came.
    public let body: [UInt8]

    /// Reads an error response. Linear in the body's length; any body is accepted.
    ///
    /// - Parameter now: the time, for a `retry-after` that is a date.
    public init(_ response: CollectedResponse, now: Timestamp) {
        self.init(status: response.status, headers: response.headers, body: response.body, now: now)
    }

    /// Reads an error from its parts: those of a response, or the data of an `error` event (`status` nil).
    public init(status: Int?, headers: [HTTPHeader], body: [UInt8], now: Timestamp) {
        // A body of another shape is one that a proxy made: it stays in `body`, for whoever wants it.
        let error = APIErrorBody(json: body)
        self.status = status
        self.type = error.flatMap { $0.type.rawValue.isEmpty ? nil : $0.type }
        self.message =
            error.flatMap { $0.message.isEmpty ? nil : $0.message }
            ?? "the API answered \(status.map(String.init) ?? "with an error event")"
        self.errorCode = error?.errorCode
        self.requestID = headers.first { $0.name == "request-id" }?.value ?? error?.requestID
        self.retryAfter = RetryAfter.delay(in: headers, now: now)
        self.headers = headers
        self.body = body
    }

    /// The status, the type, the message and the request's id. For a log, take ``shortDescription``.
    public var description: String {
        var text = [self.status.map(String.init), self.type?.rawValue].compactMap { $0 }.joined(separator: " ")
        text += text.isEmpty ? self.message : ": \(self.message)"
        if let requestID { text += " (\(requestID))" }
        return text
    }

    /// The status and the type without anything that varies, fit for a metric label.
    public var shortDescription: String {
        [self.status.map(String.init), self.type?.rawValue].compactMap { $0 }.joined(separator: " ")
    }
}
