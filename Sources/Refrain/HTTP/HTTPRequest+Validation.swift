import RefrainCore

extension HTTPRequest {
    /// The fields that belong to the connection rather than to the message, and that the transport makes itself.
    private static let connectionFields: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Whether a field called `name` (in lower case) is the transport's own, and goes no further than its connection (RFC
    /// 9110 §7.6.1).
    package static func isConnectionField(_ name: String) -> Bool {
        Self.connectionFields.contains(name) || name.hasPrefix("proxy-")
    }

    /// Throws what is wrong with the request, before any of it is sent: above all what would let a value become a
    /// second field, a second request or another host.
    func validate() throws(TransportError) {
        guard !self.method.isEmpty, self.method.utf8.allSatisfy(\.isHTTPTokenCharacter) else {
            throw Self.invalid("the method is not an HTTP token")
        }
        guard self.method != "CONNECT" else { throw Self.invalid("CONNECT is no request to a server") }
        try self.validateURL()
        for header in self.headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(\.isHTTPTokenCharacter) else {
                throw Self.invalid("a header name is not an HTTP token")
            }
            guard !header.value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
                throw Self.invalid("the value of the header \(header.name) holds a control character")
            }
        }
        switch self.body {
        case .none: break
        case .stream(_, let length?) where length < 0, .replayable(let length?, _) where length < 0:
            throw Self.invalid("the body's length is negative")
        default:
            guard self.method != "HEAD" else { throw Self.invalid("a HEAD request has no body") }
        }
        for limit in [self.timeouts.connect, self.timeouts.firstByte, self.timeouts.idle, self.timeouts.total] {
            if let limit, limit <= .zero { throw Self.invalid("a time limit is not positive") }
        }
    }

    private func validateURL() throws(TransportError) {
        guard self.url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.invalid("the URL holds a character that must be percent-encoded")
        }
        guard let rest = Self.withoutScheme(self.url) else {
            throw Self.invalid("the URL does not begin with http:// or https://")
        }
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard !authority.isEmpty, authority.first != UInt8(ascii: ":") else {
            throw Self.invalid("the URL has no host")
        }
        // They would be sent as an Authorization field, and show up wherever a URL is shown.
        guard !authority.contains(UInt8(ascii: "@")) else { throw Self.invalid("the URL holds credentials") }
        // What one parser takes for a path, another takes for the host's end.
        guard !authority.contains(UInt8(ascii: "\\")) else { throw Self.invalid("the URL's host holds a backslash") }
    }

    private static func withoutScheme(_ url: String) -> Substring.UTF8View.SubSequence? {
        for scheme in ["http://", "https://"] where url.utf8.count > scheme.utf8.count {
            let head = url.utf8.prefix(scheme.utf8.count)
            if String(Substring(head)).lowercased() == scheme { return url[...].utf8.dropFirst(scheme.utf8.count) }
        }
        return nil
    }

    private static func invalid(_ message: String) -> TransportError {
        TransportError(.invalidRequest, during: .request, message)
    }
}
