import RefrainCore
import RefrainKeys

/// One line of a file of requests: a request body, or `{"custom_id": …, "params": body}` as in a Messages batch.
struct RequestLine: Sendable {
    /// The line's number, from 1.
    let number: Int
    /// The batch's own name for the request, or `line-N`.
    let customID: String
    /// The request body, byte for byte as it stands in the line.
    let body: [UInt8]
    /// Whether the body asks for a stream.
    let isStreaming: Bool

    /// Why a line is not a request.
    struct Malformed: Error, Equatable {
        let number: Int
        let reason: String
    }

    /// Reads one line; nil for a blank one.
    static func parse(_ bytes: [UInt8], number: Int) throws(Malformed) -> RequestLine? {
        guard bytes.contains(where: { !" \t\r".utf8.contains($0) }) else { return nil }
        // A UTF-8 byte order mark is what some editors leave at the start of a file.
        let text = number == 1 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        let document: JSONDocument
        do {
            document = try JSONDocument(text)
        } catch {
            throw Malformed(number: number, reason: "not JSON: \(error)")
        }
        let root = document.root
        guard root.kind == .object else {
            throw Malformed(
                number: number, reason: "a line must be a JSON object, a request body or custom_id and params")
        }
        guard let params = root["params"] else {
            return RequestLine(
                number: number, customID: "line-\(number)", body: Array(root.raw),
                isStreaming: root["stream"]?.bool ?? false)
        }
        guard params.kind == .object else { throw Malformed(number: number, reason: "params must be a JSON object") }
        guard let customID = root["custom_id"]?.string else {
            throw Malformed(number: number, reason: "params without a custom_id string beside it")
        }
        return RequestLine(
            number: number, customID: customID, body: Array(params.raw), isStreaming: params["stream"]?.bool ?? false)
    }
}
