import RefrainCore

/// Where requests go and what they carry besides their bodies. It holds the credential, so it is shown nowhere.
struct Endpoint: Sendable, CustomReflectable {
    let base: BaseURL
    let version: String
    let betas: [String]
    private let headers: [HTTPHeader]
    private let timeouts: HTTPRequest.Timeouts

    /// The paths of the API that a client calls.
    enum Path {
        static let messages = "/v1/messages"
        static let countTokens = "/v1/messages/count_tokens"
    }

    init(_ configuration: CachedClaude.Configuration, base: BaseURL, credential: ClaudeCredential.Presentable?)
        throws(ClientConfigurationError)
    {
        self.base = base
        self.version = configuration.version
        self.betas = configuration.betas
        self.timeouts = configuration.timeouts
        var headers = [
            HTTPHeader("accept", "application/json"),
            // What is stored and replayed is not compressed, and a compressed stream arrives late.
            HTTPHeader("accept-encoding", "identity"),
            HTTPHeader("anthropic-version", configuration.version),
            HTTPHeader("content-type", "application/json"),
            HTTPHeader("user-agent", "refrain/1"),
        ]
        if let credential {
            // Versions are dates and compare as text.
            let isHeader = credential.kind == .key && configuration.version < "2026-10-21"
            headers.append(
                isHeader
                    ? HTTPHeader("x-api-key", credential.secret.exposed)
                    : HTTPHeader("authorization", "Bearer " + credential.secret.exposed)
            )
        }
        if !configuration.betas.isEmpty {
            headers.append(HTTPHeader("anthropic-beta", configuration.betas.joined(separator: ",")))
        }
        if let workspace = configuration.workspace { headers.append(HTTPHeader("anthropic-workspace-id", workspace)) }
        if let profile = configuration.userProfile { headers.append(HTTPHeader("anthropic-user-profile-id", profile)) }
        for header in headers where !header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            throw ClientConfigurationError(
                .invalidHeaderValue, "the value for \(header.name) has a character that no header field may hold")
        }
        self.headers = headers
    }

    /// A request with a JSON body.
    func request(_ path: String, _ body: [UInt8], isStreaming: Bool = false) -> HTTPRequest {
        var timeouts = self.timeouts
        if isStreaming { timeouts.total = nil }
        return HTTPRequest(
            method: "POST", url: self.base.url(path), headers: self.headers, body: .bytes(body), timeouts: timeouts
        )
    }

    var customMirror: Mirror { Mirror(self, children: ["base": self.base.text]) }
}
