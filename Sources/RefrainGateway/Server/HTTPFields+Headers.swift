import HTTPTypes
import RefrainCore

extension HTTPFields {
    /// Adds fields as they are. One whose name or value no HTTP message may have is left out.
    mutating func append(_ headers: [HTTPHeader]) {
        for header in headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            self.append(HTTPField(name: name, value: header.value))
        }
    }
}

extension HTTPField.Name {
    static let xAPIKey = Self("x-api-key")!
    static let refrainCache = Self("x-refrain-cache")!
    static let refrainKey = Self("x-refrain-key")!
    static let requestID = Self("request-id")!
    static let refrainReason = Self("x-refrain-reason")!
}
