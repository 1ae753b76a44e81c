/// Whether and how the model thinks before it answers.
public struct ThinkingConfiguration: Hashable, Sendable {
    /// How thinking is shown in the answer.
    public struct Display: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
        /// The name on the wire.
        public let rawValue: String

        /// Creates the display with this name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// Creates the display with this name.
        public init(stringLiteral value: String) { self.rawValue = value }

        /// As a summary.
        public static let summarized: Display = "summarized"
        /// Not at all: blocks with a signature only.
        public static let omitted: Display = "omitted"
    }

    /// The configuration as JSON.
    public let json: RawJSON

    /// Takes a configuration as JSON.
    public init(_ json: RawJSON) { self.json = json }

    /// As much as the model sees fit.
    public static func adaptive(display: Display? = nil) -> ThinkingConfiguration {
        Self.write("adaptive", nil, display)
    }

    /// Up to `budgetTokens`, at least 1,024 and fewer than the request's `max_tokens`.
    public static func enabled(budgetTokens: Int, display: Display? = nil) -> ThinkingConfiguration {
        Self.write("enabled", budgetTokens, display)
    }

    /// As much as the model sees fit.
    public static let adaptive = ThinkingConfiguration.adaptive()
    /// Not at all. Some models refuse this.
    public static let disabled = ThinkingConfiguration.write("disabled", nil, nil)
    /// Between calls of tools only.
    public static let betweenTools = ThinkingConfiguration.write("between_tools", nil, nil)

    private static func write(_ type: String, _ budgetTokens: Int?, _ display: Display?) -> ThinkingConfiguration {
        var writer = JSONObjectWriter()
        writer.member("type", type)
        writer.member("budget_tokens", budgetTokens)
        writer.member("display", display?.rawValue)
        return ThinkingConfiguration(writer.finished())
    }
}

/// How much the model spends on an answer, and in what form it gives it.
public struct OutputConfiguration: Hashable, Sendable {
    /// How much effort the model makes. An open set; which ones a model supports differs.
    public struct Effort: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
        /// The name on the wire.
        public let rawValue: String

        /// Creates the effort with this name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// Creates the effort with this name.
        public init(stringLiteral value: String) { self.rawValue = value }

        /// Little.
        public static let low: Effort = "low"
        /// Some.
        public static let medium: Effort = "medium"
        /// Much.
        public static let high: Effort = "high"
        /// Very much.
        public static let xhigh: Effort = "xhigh"
        /// All there is.
        public static let max: Effort = "max"
    }

    /// The configuration as JSON.
    public let json: RawJSON

    /// Takes a configuration as JSON.
    public init(_ json: RawJSON) { self.json = json }

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - effort: How much effort the model makes; nil for the model's default.
    ///   - schema: The JSON Schema that the answer's text is bound to; the order of its members decides theirs.
    ///   - extra: Members that Refrain has no parameter for, written after the others.
    public init(effort: Effort? = nil, schema: JSONValue? = nil, extra: JSONObject = [:]) {
        var writer = JSONObjectWriter()
        writer.member("effort", effort?.rawValue)
        writer.member("format", schema.map { .object(["type": "json_schema", "schema": $0]) } as JSONValue?)
        writer.members(extra)
        self.json = writer.finished()
    }
}
