/// The values of `anthropic-beta` that the API knows.
///
/// They are told by their names without dates, so that a new date of a known feature does not need a new release.
enum BetaHeader {
    private static let names: Set<String> = [
        "advanced-tool-use", "admin-user-sign-out", "advisor-tool", "agent-memory", "analytics-usage-cost",
        "cache-diagnosis",
        "ccr-byoc", "ce-claude-code-managed-settings", "ce-plugins", "ce-user-management", "claude-code",
        "code-execution",
        "compact", "computer-use", "context-1m", "context-management", "dev-full-thinking", "dreaming", "effort",
        "experimental-claude-tag", "extended-cache-ttl", "fallback-credit", "fast-mode", "files-api",
        "fine-grained-tool-streaming", "inline-tools", "interleaved-thinking", "managed-agents",
        "max-tokens-3-5-sonnet", "mcp-client", "mcp-tunnels", "message-batches", "message-threads",
        "mid-conversation-output-config", "mid-conversation-system", "mid-conversation-system-clear-at",
        "mid-conversation-tool-changes", "model-context-window-exceeded", "oauth", "output-128k", "output-300k", "pdfs",
        "prompt-caching", "prompt-caching-scope", "redact-thinking", "server-side-fallback", "skills",
        "spend-limit-reads",
        "structured-outputs", "task-budgets", "telemetry-destinations", "thinking-binding-controls",
        "thinking-display-updates", "thinking-token-count", "token-counting", "token-efficient-tools", "tools",
        "tool-search-tool", "user-profiles", "user-profiles-billing", "web-fetch", "web-search", "webhooks",
    ]

    /// Refuses values that the API does not know.
    static func check(_ header: String?) throws(APIFailure) {
        let values = (header ?? "").split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
        let unknown = values.filter { !Self.names.contains(Self.name(of: $0)) }
        guard !unknown.isEmpty else { return }
        throw .invalid(
            "Unexpected value(s) \(unknown.map { "`\($0)`" }.joined(separator: ", ")) for the `anthropic-beta` header. "
                + "Please consult our documentation at https://docs.claude.com/en/api/beta-headers or try again "
                + "without the header."
        )
    }

    /// `files-api-2025-04-14` without its date.
    private static func name(of value: String) -> String {
        var parts = value.split(separator: "-", omittingEmptySubsequences: false)
        let isDate = { (part: Substring) in !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        if parts.count > 3, parts.suffix(3).allSatisfy(isDate) {
            parts.removeLast(3)
        } else if let last = parts.last, last.utf8.count == 8, isDate(last) {
            parts.removeLast()
        }
        return parts.joined(separator: "-")
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(self.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
