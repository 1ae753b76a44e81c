/// Where the API is: an origin and, with a gateway, a path in front of the API's own.
package struct BaseURL: Hashable, Sendable {
    /// The URL without a slash at its end.
    package let text: String

    /// The API itself.
    static let standard = "https://api.anthropic.com"

    /// Checks a base URL as far as a transport would not.
    package init(_ text: String) throws(ClientConfigurationError) {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw ClientConfigurationError(.invalidBaseURL, "the base URL begins with neither https:// nor http://")
        }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        guard rest.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ClientConfigurationError(.invalidBaseURL, "the base URL has a character that must be percent-encoded")
        }
        guard let first = rest.first, first != UInt8(ascii: "/"), first != UInt8(ascii: ":") else {
            throw ClientConfigurationError(.invalidBaseURL, "the base URL has no host")
        }
        guard !rest.contains(UInt8(ascii: "?")), !rest.contains(UInt8(ascii: "#")) else {
            throw ClientConfigurationError(.invalidBaseURL, "the base URL has a query or a fragment")
        }
        // It would be logged with the URL, and it is not where the API looks.
        guard !rest.prefix(while: { $0 != UInt8(ascii: "/") }).contains(UInt8(ascii: "@")) else {
            throw ClientConfigurationError(.invalidBaseURL, "the base URL holds a user name or password")
        }
        var end = text.endIndex
        while end > text.startIndex, text[text.index(before: end)] == "/" { end = text.index(before: end) }
        self.text = String(text[..<end])
    }

    /// The URL of an endpoint.
    package func url(_ path: String) -> String { self.text + path }
}
