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

    init(
        status: Int, kind: APIErrorBody.Kind, _ message: String, closes: Bool = false, fields: [HTTPHeader] = []
    ) {
        self.status = status
        self.kind = kind
        self.message = message
        self.closes = closes
        self.fields = fields
    }

    /// A request that is wrong: 400.
    static func invalid(_ message: String) -> Refusal { Refusal(status: 400, kind: .invalidRequest, message) }

    /// The body.
    var body: [UInt8] { APIErrorBody(type: self.kind, message: "Refrain: " + self.message).encoded() }

    /// The head.
    func head(contentLength: Int) -> ResponseHead {
        var fields = HTTPFields()
        fields[.contentType] = "application/json"
        fields[.contentLength] = String(contentLength)
        if self.closes { fields[.connection] = "close" }
        fields.append(self.fields)
        return ResponseHead(status: .init(code: self.status), headerFields: fields)
    }
}
