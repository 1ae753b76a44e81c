import RefrainCore

/// A model as the simulation knows it: what it is called, how large it is, and which rules gate its requests.
package struct SimulatedModel: Sendable {
    /// The id without its date.
    package let id: String
    /// The id that a response reports.
    package let resolvedID: String
    /// The name that `GET /v1/models` shows.
    package let displayName: String
    /// When it was released, as an RFC 3339 date: the date of its id, and the same made-up day for ids without one.
    package let created: String
    /// The tokens of the longest prompt.
    package let maximumInput: Int
    /// The most output tokens.
    package let maximumOutput: Int
    /// Which rules gate its requests.
    package let rules: Rules

    /// The fewest tokens of a prefix that the prompt cache keeps; more than any prompt has where it keeps none.
    package var minimumCacheableTokens: Int { ModelTable.standard.minimumCacheableTokens(of: self.id) ?? .max }

    /// Rules that hold for some models only.
    package struct Rules: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        /// Refuses sampling parameters that are not the default, under every API version.
        static let rejectsSampling = Rules(rawValue: 1)
        /// Refuses a conversation that ends with the assistant.
        static let rejectsPrefill = Rules(rawValue: 2)
        /// Refuses `thinking: disabled`.
        static let alwaysThinks = Rules(rawValue: 4)
        /// Refuses a `tool_choice` of `any` or `tool`.
        static let rejectsForcedTools = Rules(rawValue: 8)
        /// Knows `output_config.effort`.
        static let hasEffort = Rules(rawValue: 16)
        /// Knows the effort level `xhigh`.
        static let hasExtraHighEffort = Rules(rawValue: 32)
        /// Counts about 30 % more tokens than models before 4.7.
        static let newTokenizer = Rules(rawValue: 64)
        /// Returns thinking without its text unless `display` asks for a summary.
        static let omitsThinking = Rules(rawValue: 128)
        /// Keeps earlier thinking blocks in the prompt when a new user turn begins.
        static let keepsThinking = Rules(rawValue: 256)
        /// Refuses a message with the role `system`.
        static let rejectsSystemMessages = Rules(rawValue: 512)
        /// Reports `output_tokens_details` and the inference region.
        static let reportsDetails = Rules(rawValue: 1_024)
    }

    /// The model that a request's `model` names: an id, an id with its date, or an alias; nil for anything else.
    package static func named(_ name: String) -> SimulatedModel? {
        let name = Self.aliases[name] ?? name
        if let model = Self.byID[name] { return model }
        // A dated id of a model whose alias carries none: the last nine characters are a hyphen and a date.
        let date = name.utf8.suffix(8)
        guard name.utf8.count > 9, date.allSatisfy({ (0x30...0x39).contains($0) }), name.dropLast(8).hasSuffix("-"),
            let model = Self.byID[String(name.dropLast(9))], model.resolvedID == name
        else { return nil }
        return model
    }

    /// Every model that is not retired, newest first, as `GET /v1/models` lists them.
    package static var listed: [SimulatedModel] { Self.all.filter { !Self.retired.contains($0.id) } }

    private static let byID = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.id, $0) })

    private static let aliases = [
        "claude-opus-4-0": "claude-opus-4", "claude-sonnet-4-0": "claude-sonnet-4",
        "claude-3-7-sonnet-latest": "claude-3-7-sonnet", "claude-3-5-sonnet-latest": "claude-3-5-sonnet",
        "claude-3-5-sonnet-20240620": "claude-3-5-sonnet", "claude-3-5-haiku-latest": "claude-3-5-haiku",
        "claude-3-opus-latest": "claude-3-opus",
    ]

    private static let retired: Set<String> = [
        "claude-opus-4", "claude-sonnet-4", "claude-opus-4-1", "claude-3-7-sonnet", "claude-3-5-sonnet",
        "claude-3-5-haiku",
        "claude-3-opus", "claude-3-haiku", "claude-2.1",
    ]

    private static let current: Rules = [
        .rejectsSampling, .rejectsPrefill, .hasEffort, .hasExtraHighEffort, .newTokenizer, .omitsThinking,
        .keepsThinking, .reportsDetails,
    ]
    private static let forced: Rules = [.alwaysThinks, .rejectsForcedTools]

    private static let all: [SimulatedModel] = [
        Self.new("claude-fable-5-2", "Claude Fable 5.2", Self.current.union(Self.forced)),
        Self.new("claude-mythos-5-2", "Claude Mythos 5.2", Self.current.union(Self.forced)),
        Self.new("claude-haiku-5-5", "Claude Haiku 5.5", Self.current),
        Self.new("claude-sonnet-5-5", "Claude Sonnet 5.5", Self.current.union(.rejectsForcedTools)),
        Self.new("claude-opus-5-5", "Claude Opus 5.5", Self.current.union(Self.forced)),
        Self.new("claude-fable-5-1", "Claude Fable 5.1", Self.current.union(Self.forced)),
        Self.new("claude-mythos-5-1", "Claude Mythos 5.1", Self.current.union(Self.forced)),
        Self.new("claude-sonnet-5", "Claude Sonnet 5", Self.current.union(.rejectsSystemMessages)),
        Self.new("claude-fable-5", "Claude Fable 5", Self.current.union(.alwaysThinks)),
        Self.new("claude-mythos-5", "Claude Mythos 5", Self.current.union(.alwaysThinks)),
        Self.new("claude-opus-5", "Claude Opus 5", Self.current),
        Self.new("claude-opus-4-8", "Claude Opus 4.8", Self.current),
        Self.new("claude-opus-4-7", "Claude Opus 4.7", Self.current),
        Self.new("claude-mythos-preview", "Claude Mythos Preview", Self.current),
        Self.new(
            "claude-opus-4-6", "Claude Opus 4.6", [.rejectsPrefill, .hasEffort, .keepsThinking]),
        Self.new(
            "claude-sonnet-4-6", "Claude Sonnet 4.6",
            [.rejectsPrefill, .hasEffort, .keepsThinking]),
        Self.old("claude-opus-4-5", "20251101", "Claude Opus 4.5", 64_000, [.hasEffort, .keepsThinking]),
        Self.old("claude-haiku-4-5", "20251001", "Claude Haiku 4.5", 64_000, []),
        Self.old("claude-sonnet-4-5", "20250929", "Claude Sonnet 4.5", 64_000, []),
        Self.old("claude-opus-4-1", "20250805", "Claude Opus 4.1", 32_000, []),
        Self.old("claude-opus-4", "20250514", "Claude Opus 4", 32_000, []),
        Self.old("claude-sonnet-4", "20250514", "Claude Sonnet 4", 64_000, []),
        Self.old("claude-3-7-sonnet", "20250219", "Claude Sonnet 3.7", 64_000, []),
        Self.old("claude-3-5-sonnet", "20241022", "Claude Sonnet 3.5", 8_192, []),
        Self.old("claude-3-5-haiku", "20241022", "Claude Haiku 3.5", 8_192, []),
        Self.old("claude-3-opus", "20240229", "Claude Opus 3", 4_096, []),
        Self.old("claude-3-haiku", "20240307", "Claude Haiku 3", 4_096, []),
        SimulatedModel(
            id: "claude-2.1", resolvedID: "claude-2.1", displayName: "Claude 2.1", created: "2023-11-21",
            maximumInput: 200_000, maximumOutput: 4_096, rules: []),
    ]

    /// A model since 4.6: a dateless id and a context of a million tokens.
    private static func new(
        _ id: String, _ name: String, _ rules: Rules
    ) -> SimulatedModel {
        SimulatedModel(
            id: id, resolvedID: id, displayName: name, created: "2026-01-01", maximumInput: 1_000_000,
            maximumOutput: 128_000, rules: rules)
    }

    /// A model before 4.6: the id ends with its date.
    private static func old(
        _ id: String, _ date: String, _ name: String, _ maximumOutput: Int, _ rules: Rules
    ) -> SimulatedModel {
        SimulatedModel(
            id: id, resolvedID: "\(id)-\(date)", displayName: name,
            created: "\(date.prefix(4))-\(date.dropFirst(4).prefix(2))-\(date.suffix(2))", maximumInput: 200_000,
            maximumOutput: maximumOutput, rules: rules)
    }
}
