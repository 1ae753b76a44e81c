import RefrainKeys

/// What a request asks of the simulation itself, in the header `x-simulator` or in its last user message as
/// `[[simulate …]]`: items separated by spaces, each a name or a name and a value.
struct Directives: Equatable {
    /// What a client may not know yet.
    enum Unknown: String {
        case event, delta, block
    }

    /// About how many words the answer has.
    var words: Int?
    /// How many tools are called.
    var toolCalls: Int?
    /// Which tool is called.
    var toolName: String?
    /// Whether the model thinks although the request does not ask for it.
    var thinks = false
    /// Whether its thinking is redacted.
    var isRedacted = false
    /// Whether it refuses.
    var refuses = false
    /// Why.
    var refusalCategory: String?
    /// The stop reason, whatever the answer is.
    var stopReason: String?
    /// Whether the answer has no content.
    var isEmpty = false
    /// Whether the answer repeats the last user message.
    var echoes = false
    var unknown: Unknown?
    var fault: Fault?

    private static let redactedTrigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
    private static let refusalTrigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL"
    private static let opening = "[[simulate "

    /// Reads the directives of the header `header` and of `text`, the last user message.
    ///
    /// - Throws: a 400 that names the item that is no directive.
    init(header: String?, text: String) throws(APIFailure) {
        if let header { try self.read(header[...]) }
        var rest = text[...]
        while let start = rest.firstRange(of: Self.opening) {
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: "]]") else { break }
            try self.read(rest[..<end.lowerBound])
            rest = rest[end.upperBound...]
        }
        // The documented triggers of the real API, told by their beginning.
        if text.contains(Self.redactedTrigger) { self.isRedacted = true }
        if text.contains(Self.refusalTrigger) { self.refuses = true }
    }

    private mutating func read(_ items: Substring) throws(APIFailure) {
        for item in items.split(whereSeparator: { $0.isWhitespace }) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : nil
            guard try self.read(String(parts[0]), value) else {
                throw .invalid("simulator: \"\(item)\" is no directive")
            }
        }
    }

    private mutating func read(_ name: String, _ value: String?) throws(APIFailure) -> Bool {
        switch (name, value) {
        case ("words", let value?):
            guard let count = Int(value), (0...1_000_000).contains(count) else { return false }
            self.words = count
        case ("tool", _):
            self.toolName = value
            self.toolCalls = max(self.toolCalls ?? 0, 1)
        case ("tools", let value?):
            guard let count = Int(value), (1...64).contains(count) else { return false }
            self.toolCalls = count
        case ("thinking", nil): self.thinks = true
        case ("redacted", nil): self.isRedacted = true
        case ("refusal", _):
            self.refuses = true
            self.refusalCategory = value
        case ("stop", let value?): self.stopReason = value
        case ("empty", nil): self.isEmpty = true
        case ("echo", nil): self.echoes = true
        case ("unknown", let value?):
            guard let unknown = Unknown(rawValue: value) else { return false }
            self.unknown = unknown
        case ("fault", let value?):
            do throws(FaultSyntaxError) {
                self.fault = try Fault(parsing: value)
            } catch {
                return false
            }
        default: return false
        }
        return true
    }

    /// `text` without the directives in it.
    static func removed(from text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: Self.opening),
            let end = rest[start.upperBound...].firstRange(of: "]]")
        {
            result += rest[..<start.lowerBound]
            rest = rest[end.upperBound...]
        }
        return result + rest
    }
}
