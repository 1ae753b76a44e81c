import RefrainKeys

/// What the cache's policy needs to know of a response body, read in one pass.
public struct MessageSummary: Hashable, Sendable {
    /// Whether the body is a message: an object with the `type` "message".
    public var isMessage = false
    /// The error, where the body is one (the `type` is "error", whatever the HTTP status).
    public var error: APIErrorBody?
    /// The message's id; empty where it has none.
    public var id = ""
    /// The model that answered; empty where the body does not say.
    public var model = ""
    /// Why the model stopped; nil for null, a missing or another value.
    public var stopReason: StopReason?
    /// The tokens reported.
    public var usage = Usage()
    /// What else decides the price of the tokens.
    public var billing = BillingTerms()
    /// The ids of the `tool_use` blocks, in order.
    public var toolUseIDs: [String] = []
    /// Whether nothing is in the message but, at most, empty text.
    public var isEmpty = true
    /// Whether a tool ran on the server, tool search aside: `server_tool_use` blocks and their results, and calls of
    /// client tools by code that runs there.
    public var hasServerTools = false
    /// Whether tool search ran.
    public var hasToolSearch = false
    /// Whether the message belongs to a container, or uploads to one.
    public var hasContainer = false
    /// Whether another model stepped in.
    public var hasFallback = false
    /// Whether the message has blocks of the MCP connector.
    public var hasMCP = false
    /// Whether the message has a compaction block.
    public var hasCompaction = false
    /// Whether the message has blocks of types that this version does not know.
    public var hasUnknownBlocks = false
    /// Whether a tool's input in the stream is no JSON, so that another try is worth more than this answer.
    public var hasBrokenInput = false
    /// The `type`s of `usage.iterations`, each once, in order of appearance.
    public var iterationKinds: [String] = []

    /// Reads a response body. Linear.
    ///
    /// - Throws: ``WireError`` where the body is not JSON. JSON that is neither message nor error has neither
    ///   ``isMessage`` nor ``error``.
    public init(json: [UInt8]) throws(WireError) {
        do throws(JSONError) {
            self.init(try JSONDocument(json, limits: .response).root)
        } catch {
            throw WireError(error)
        }
    }

    init(_ body: JSONCursor) {
        switch body["type"]?.string {
        case "error": self.error = APIErrorBody(body)
        case "message": self.isMessage = true
        default: break
        }
        self.id = body["id"]?.string ?? ""
        self.model = body["model"]?.string ?? ""
        self.stopReason = body["stop_reason"]?.string.map(StopReason.init(rawValue:))
        self.hasContainer = body["container"].map { !$0.isNull } ?? false
        if let usage = body["usage"] {
            self.usage = Usage(usage)
            self.billing = BillingTerms(usage)
            for iteration in usage["iterations"]?.elements.lazy.compactMap({ $0["type"]?.string }) ?? [] as [String]
            where !self.iterationKinds.contains(iteration) && self.iterationKinds.count < 16 {
                self.iterationKinds.append(iteration)
            }
            if self.iterationKinds.contains("fallback_message") { self.hasFallback = true }
            if self.iterationKinds.contains("compaction") { self.hasCompaction = true }
        }
        guard let content = body["content"] else { return }
        for block in content.elements { self.note(block) }
    }

    private mutating func note(_ block: JSONCursor) {
        let type = block["type"]?.string ?? ""
        if type != "text" { self.isEmpty = false }
        switch type {
        case "text":
            if let text = block["text"]?.escapedContent, !text.isEmpty { self.isEmpty = false }
        case "thinking", "redacted_thinking": break
        case "tool_use":
            if let id = block["id"]?.string { self.toolUseIDs.append(id) }
            if let caller = block["caller"]?["type"], !caller.hasContent("direct") { self.hasServerTools = true }
        case "server_tool_use":
            if block["name"]?.string?.hasPrefix("tool_search_tool") == true {
                self.hasToolSearch = true
            } else {
                self.hasServerTools = true
            }
        case "tool_search_tool_result": self.hasToolSearch = true
        case "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
            "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "advisor_tool_result":
            self.hasServerTools = true
        case "container_upload": self.hasContainer = true
        case "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing": self.hasMCP = true
        case "fallback": self.hasFallback = true
        case "compaction": self.hasCompaction = true
        default: self.hasUnknownBlocks = true
        }
    }
}

extension JSONLimits {
    /// The limits for a response body or an event.
    static let response = JSONLimits(bytes: 67_108_864, depth: JSONLimits.request.depth)
}
