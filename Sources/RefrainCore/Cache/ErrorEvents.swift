/// Errors as the `error` events that end a stream, and as the bodies that end a call.
enum ErrorEvents {
    /// A keep-alive, as the API sends it.
    static let ping = ServerSentEvent(name: "ping", data: Array(#"{"type": "ping"}"#.utf8)).raw

    /// The `error` event for an error. An API error's body stands in it as it was received.
    static func event(for error: any Error) -> [UInt8] {
        switch error {
        case let error as UpstreamResponseError:
            if APIErrorBody(json: error.body) != nil { return ServerSentEvent(name: "error", data: error.body).raw }
            return APIErrorBody(
                type: APIErrorBody.Kind(status: error.status), message: "upstream answered with status \(error.status)"
            ).event().raw
        case let error as CacheError: return error.body.event().raw
        default:
            // The error is the caller's own function's; its text may hold anything.
            return APIErrorBody(type: .api, message: "the upstream call failed").event().raw
        }
    }
}

extension CacheError {
    /// The error as the API would word it.
    public var body: APIErrorBody {
        APIErrorBody(type: APIErrorBody.Kind(rawValue: self.code.apiErrorType), message: self.message)
    }
}

extension APIErrorBody.Kind {
    /// The status that the API sends with errors of this kind; 500 for an unknown one.
    var status: Int {
        switch self {
        case .invalidRequest: 400
        case .authentication: 401
        case .billing: 402
        case .permission: 403
        case .notFound: 404
        case .conflict: 409
        case .requestTooLarge: 413
        case .rateLimit: 429
        case .timeout: 504
        case .overloaded: 529
        default: 500
        }
    }

    /// The kind of error that the API sends with this status.
    init(status: Int) {
        switch status {
        case 401: self = .authentication
        case 402: self = .billing
        case 403: self = .permission
        case 404: self = .notFound
        case 409: self = .conflict
        case 413: self = .requestTooLarge
        case 429: self = .rateLimit
        case 504: self = .timeout
        case 503, 529: self = .overloaded
        case 400..<500: self = .invalidRequest
        default: self = .api
        }
    }
}

extension UpstreamResponseError {
    /// Reads the body of a response that is no 200. A body that is cut short, or too long, is kept as far as it came:
    /// the status is known, and it is what counts.
    init(reading response: HTTPResponse) async {
        var body: [UInt8] = []
        do {
            for try await chunk in response.body {
                body.append(contentsOf: chunk.prefix(Self.maximumBodyBytes - body.count))
                if body.count == Self.maximumBodyBytes { break }
            }
        } catch {
            // See above.
        }
        self.init(status: response.status, headers: response.headers, body: body)
    }
}
