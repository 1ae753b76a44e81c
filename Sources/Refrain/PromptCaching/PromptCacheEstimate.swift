import RefrainKeys

/// How many tokens bytes may be, at most.
///
/// The estimate errs high on purpose. A mark on a prefix that turns out shorter than the model's minimum is ignored by
/// the API at no cost, while a mark left out loses the whole prefix. English prose and code take three to four bytes a
/// token; two are assumed, which covers JSON, most other scripts and base64.
enum PromptCacheEstimate {
    /// What the API adds to the prompt when there are tools, rounded up.
    static let toolPreamble = 500
    /// The most tokens that one image takes on any model.
    static let image = 4_800
    /// Stands for content whose size the request does not tell: a document behind a URL or a file id.
    static let unknown = 100_000

    static func tokens(bytes: Int) -> Int { (bytes + 1) / 2 }

    static func tokens(_ block: JSONCursor, type: String?) -> Int {
        switch type {
        case "image"?: max(Self.image, Self.tokens(bytes: block.range.count))
        case "document"?:
            switch block["source"]?["type"]?.string {
            case "url"?, "file"?: Self.unknown
            default: Self.tokens(bytes: block.range.count)
            }
        case "container_upload"?: Self.unknown
        case "tool_result"?:
            block["content"].map { content in
                content.elements.reduce(Self.tokens(bytes: block.range.count)) { sum, inner in
                    switch inner["type"]?.string {
                    case "image"?: sum + Self.image
                    case "document"?: sum + Self.unknown
                    default: sum
                    }
                }
            } ?? Self.tokens(bytes: block.range.count)
        default: Self.tokens(bytes: block.range.count)
        }
    }
}

extension JSONCursor {
    /// Whether a string has no scalar but white space and control characters; true for what is no string.
    ///
    /// The API refuses a mark on an empty text block, and a text block without anything but white space altogether.
    var isBlank: Bool {
        guard let content = self.escapedContent else { return true }
        // Nearly every text begins with a visible ASCII character, and nothing need be decoded to see it.
        if let first = content.first, first > 0x20, first < 0x7F, first != UInt8(ascii: "\\") { return false }
        return self.string?.unicodeScalars.allSatisfy { $0.properties.isWhitespace || $0.value < 0x20 } ?? true
    }
}
