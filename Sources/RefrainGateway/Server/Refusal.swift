import HTTPTypes
import RefrainCore

/// An answer that is the gateway's own: an error in the shape that the API gives its errors.
struct Refusal: Error {
    /// The HTTP status.
    let status: Int
    /// The API's kind of error that it is.
    let kind: APIErrorBody.Kind
    /// What was wrong, where, and what would be right.
    let message: String
    /// Whether the connection is closed after it.
    let closes: Bool
    /// Header fields besides those of every error.
    let fields: [HTTPHeader]
    /// The request's id, as the API gives each of its own: what a client is shown, and what an operator finds in the log.
    let id: String
    /// Which of the errors of its kind it is, where a program has to know.
    let code: String?

    init(
        status: Int, kind: APIErrorBody.Kind, _ message: String, closes: Bool = false, fields: [HTTPHeader] = [],
        code: String? = nil
    ) {
        self.status = status
        self.kind = kind
        self.message = message
        self.closes = closes
        self.fields = fields
        self.code = code
        self.id = Self.newID()
    }

    /// An id that is none of the API's.
    private static func newID() -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next(), radix: 16)
        return "req_refrain_" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// A request that is wrong: 400.
    static func invalid(_ message: String) -> Refusal { Refusal(status: 400, kind: .invalidRequest, message) }

    /// The body.
    var body: [UInt8] {
        APIErrorBody(
            type: self.kind, message: "Refrain: " + self.message, errorCode: self.code, requestID: self.id
        ).encoded()
    }

    /// The head.
    func head(contentLength: Int) -> ResponseHead {
        var fields = HTTPFields()
        fields[.contentType] = "application/json"
        fields[.contentLength] = String(contentLength)
        fields[.requestID] = self.id
        if self.closes { fields[.connection] = "close" }
        fields.append(self.fields)
        return ResponseHead(status: .init(code: self.status), headerFields: fields)
    }
}
