import RefrainCore

/// An error as the API reports it: the status, the type, the text, and the headers that come with it.
struct APIFailure: Error {
    var status: Int
    var type: String
    var message: String
    /// `error.details.error_code`, where the API gives one.
    var errorCode: String?
    var headers: [HTTPHeader] = []

    /// The error that is usual for `status`.
    init(status: Int, _ message: String? = nil, errorCode: String? = nil) {
        self.status = status
        self.errorCode = errorCode
        let usual: (type: String, message: String) =
            switch status {
            case 401: ("authentication_error", "invalid x-api-key")
            case 402: ("billing_error", "Your organization's credit balance is too low.")
            case 403: ("permission_error", "Your API key does not have permission to use the specified resource.")
            case 404: ("not_found_error", "Not found")
            case 409: ("conflict_error", "The request conflicts with another one.")
            case 413: ("request_too_large", "Request exceeds the maximum size")
            case 429: ("rate_limit_error", "This request would exceed your organization's rate limit.")
            case 504: ("timeout_error", "Request timed out")
            case 529: ("overloaded_error", "Overloaded")
            case 400..<500: ("invalid_request_error", "Invalid request")
            default: ("api_error", "Internal server error")
            }
        self.type = usual.type
        self.message = message ?? usual.message
        if status == 408 || status == 409 || status == 429 || status >= 500 {
            self.headers = [HTTPHeader("x-should-retry", "true")]
        } else {
            self.headers = [HTTPHeader("x-should-retry", "false")]
        }
    }

    /// 400: the request is not what the API accepts.
    static func invalid(_ message: String) -> APIFailure { APIFailure(status: 400, message) }
    /// 400: the value at `path` is not what the API accepts.
    static func invalid(_ path: String, _ message: String) -> APIFailure { .invalid("\(path): \(message)") }

    /// The error's body, in the order of members that the API uses.
    func body(requestID: String) -> [UInt8] {
        var error: [(String, JSONFragment)] = [
            ("type", JSONFragment(string: self.type)), ("message", JSONFragment(string: self.message)),
        ]
        if let errorCode { error.append(("details", ["error_code": JSONFragment(string: errorCode)])) }
        return JSONFragment(members: [
            ("type", "error"), ("error", JSONFragment(members: error)), ("request_id", JSONFragment(string: requestID)),
        ]).bytes
    }

    /// The error that `fault` stands for; nil where the fault is not one of status.
    init?(_ fault: Fault) {
        switch fault.kind {
        case .rateLimit(let seconds):
            self.init(status: 429)
            if let seconds { self.headers.append(HTTPHeader("retry-after", String(seconds))) }
        case .spendLimit:
            self.init(
                status: 429, "You have reached your specified API usage limits.",
                errorCode: "enforced_spend_limit_reached")
            self.headers = [HTTPHeader("x-should-retry", "false")]
        case .error(let status): self.init(status: status)
        default: return nil
        }
    }
}
