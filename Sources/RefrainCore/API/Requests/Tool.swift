/// A tool that the model may call: the JSON that declares it.
public struct Tool: Hashable, Sendable {
    /// The declaration as JSON. The order of its members is what the model reads, and part of the cache key where it
    /// is free-form.
    public let json: RawJSON

    /// Takes a declaration as JSON: for the API's own tools.
    public init(_ json: RawJSON) { self.json = json }

    /// A tool of the application's own.
    ///
    /// - Parameters:
    ///   - name: What the model calls it by.
    ///   - description: When and how to use it.
    ///   - inputSchema: The JSON Schema of its input; the order of its members is kept.
    ///   - strict: Whether the input is bound to match the schema.
    ///   - deferLoading: Whether the model finds the tool by tool search only.
    ///   - eagerInputStreaming: Whether its input is streamed before it is known to be JSON.
    ///   - inputExamples: Examples of inputs.
    ///   - cacheControl: Whether the API's prompt cache keeps the prompt up to here.
    ///   - extra: Members that Refrain has no parameter for, written after the others.
    public static func custom(
        name: String, description: String? = nil, inputSchema: JSONValue, strict: Bool? = nil,
        deferLoading: Bool? = nil, eagerInputStreaming: Bool? = nil, inputExamples: [JSONValue]? = nil,
        cacheControl: CacheControl? = nil, extra: JSONObject = [:]
    ) -> Tool {
        var writer = JSONObjectWriter()
        writer.member("name", name)
        writer.member("description", description)
        writer.member("input_schema", inputSchema)
        writer.member("strict", strict)
        writer.member("defer_loading", deferLoading)
        writer.member("eager_input_streaming", eagerInputStreaming)
        writer.member("input_examples", inputExamples.map(JSONValue.array))
        writer.member("cache_control", cacheControl?.json)
        writer.members(extra)
        return Tool(writer.finished())
    }

    /// A shell that the application runs (`bash_20250124`).
    public static func bash(cacheControl: CacheControl? = nil) -> Tool {
        Self.known("bash_20250124", name: "bash", cacheControl)
    }

    /// A text editor that the application runs (`text_editor_20250728`), which shows at most `maximumCharacters` of a
    /// file where that is given.
    public static func textEditor(maximumCharacters: Int? = nil, cacheControl: CacheControl? = nil) -> Tool {
        Self.known("text_editor_20250728", name: "str_replace_based_edit_tool", cacheControl) {
            $0.member("max_characters", maximumCharacters)
        }
    }

    /// A memory that the application keeps (`memory_20250818`).
    public static func memory(cacheControl: CacheControl? = nil) -> Tool {
        Self.known("memory_20250818", name: "memory", cacheControl)
    }

    private static func known(
        _ type: String, name: String, _ cacheControl: CacheControl?,
        _ members: (inout JSONObjectWriter) -> Void = { _ in }
    ) -> Tool {
        var writer = JSONObjectWriter()
        writer.member("type", type)
        writer.member("name", name)
        members(&writer)
        writer.member("cache_control", cacheControl?.json)
        return Tool(writer.finished())
    }
}

/// Whether and which tools the model must call.
public struct ToolChoice: Hashable, Sendable {
    /// The choice as JSON.
    public let json: RawJSON

    /// Takes a choice as JSON.
    public init(_ json: RawJSON) { self.json = json }

    /// The model decides.
    public static let auto = ToolChoice.auto(disableParallelToolUse: nil)
    /// Some tool must be called. Models that always think refuse this.
    public static let any = ToolChoice.any(disableParallelToolUse: nil)
    /// No tool may be called. (`none` would read as an absent choice.)
    public static let noTool = ToolChoice.write("none")

    /// The model decides; `disableParallelToolUse` allows it at most one call.
    public static func auto(disableParallelToolUse: Bool?) -> ToolChoice {
        Self.write("auto", disableParallelToolUse: disableParallelToolUse)
    }

    /// Some tool must be called; `disableParallelToolUse` allows exactly one call.
    public static func any(disableParallelToolUse: Bool?) -> ToolChoice {
        Self.write("any", disableParallelToolUse: disableParallelToolUse)
    }

    /// This tool must be called; `disableParallelToolUse` allows exactly one call.
    public static func tool(_ name: String, disableParallelToolUse: Bool? = nil) -> ToolChoice {
        Self.write("tool", name: name, disableParallelToolUse: disableParallelToolUse)
    }

    private static func write(
        _ type: String, name: String? = nil, disableParallelToolUse: Bool? = nil
    ) -> ToolChoice {
        var writer = JSONObjectWriter()
        writer.member("type", type)
        writer.member("name", name)
        writer.member("disable_parallel_tool_use", disableParallelToolUse)
        return ToolChoice(writer.finished())
    }
}
