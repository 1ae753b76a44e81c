extension ContentBlock {
    /// Text.
    public static func text(_ text: String, cacheControl: CacheControl? = nil) -> ContentBlock {
        Self.write("text", cacheControl) { $0.member("text", text) }
    }

    /// An image.
    public static func image(_ source: ContentSource, cacheControl: CacheControl? = nil) -> ContentBlock {
        Self.write("image", cacheControl) { $0.member("source", source.json) }
    }

    /// A document.
    ///
    /// - Parameters:
    ///   - source: Where it is.
    ///   - title: Its title.
    ///   - context: What the model should know of it besides its content; it cannot be cited.
    ///   - citations: Whether the model may cite it; nil leaves it to the API.
    ///   - cacheControl: Whether the API's prompt cache keeps the prompt up to here.
    public static func document(
        _ source: ContentSource, title: String? = nil, context: String? = nil, citations: Bool? = nil,
        cacheControl: CacheControl? = nil
    ) -> ContentBlock {
        Self.write("document", cacheControl) { writer in
            writer.member("source", source.json)
            writer.member("title", title)
            writer.member("context", context)
            writer.member("citations", citations.map(Self.citations))
        }
    }

    /// A search result, its content as paragraphs of text.
    ///
    /// - Parameters:
    ///   - source: Where it comes from, such as a URL.
    ///   - title: Its title.
    ///   - content: Its text, a block for each.
    ///   - citations: Whether the model may cite it; nil leaves it to the API.
    ///   - cacheControl: Whether the API's prompt cache keeps the prompt up to here.
    public static func searchResult(
        source: String, title: String, content: [String], citations: Bool? = nil, cacheControl: CacheControl? = nil
    ) -> ContentBlock {
        Self.write("search_result", cacheControl) { writer in
            writer.member("source", source)
            writer.member("title", title)
            writer.member("content", content.map { ContentBlock.text($0).json })
            writer.member("citations", citations.map(Self.citations))
        }
    }

    /// A call of a client tool, as the model made it.
    public static func toolUse(
        id: String, name: String, input: RawJSON, cacheControl: CacheControl? = nil
    ) -> ContentBlock {
        Self.write("tool_use", cacheControl) { writer in
            writer.member("id", id)
            writer.member("name", name)
            writer.member("input", input)
        }
    }

    /// The result of a client tool, as text.
    public static func toolResult(
        toolUseID: String, _ text: String, isError: Bool? = nil, cacheControl: CacheControl? = nil
    ) -> ContentBlock {
        Self.write("tool_result", cacheControl) { writer in
            writer.member("tool_use_id", toolUseID)
            writer.member("content", text)
            writer.member("is_error", isError)
        }
    }

    /// The result of a client tool, as blocks.
    public static func toolResult(
        toolUseID: String, _ content: [ContentBlock], isError: Bool? = nil, cacheControl: CacheControl? = nil
    ) -> ContentBlock {
        Self.write("tool_result", cacheControl) { writer in
            writer.member("tool_use_id", toolUseID)
            writer.member("content", content.map(\.json))
            writer.member("is_error", isError)
        }
    }

    /// Thinking of the model, to be given back unchanged with its signature.
    public static func thinking(_ thinking: String, signature: String) -> ContentBlock {
        Self.write("thinking", nil) { writer in
            writer.member("thinking", thinking)
            writer.member("signature", signature)
        }
    }

    /// Redacted thinking of the model, to be given back unchanged.
    public static func redactedThinking(data: String) -> ContentBlock {
        Self.write("redacted_thinking", nil) { $0.member("data", data) }
    }

    private static func citations(_ isEnabled: Bool) -> RawJSON {
        RawJSON(.object(["enabled": .bool(isEnabled)]))
    }

    private static func write(
        _ type: String, _ cacheControl: CacheControl?, _ members: (inout JSONObjectWriter) -> Void
    ) -> ContentBlock {
        var writer = JSONObjectWriter()
        writer.member("type", type)
        members(&writer)
        writer.member("cache_control", cacheControl?.json)
        let json = writer.finished()
        // What was just written reads back; were it not so, the block would still be sent as it is.
        return (try? ContentBlock(json: json)) ?? ContentBlock(json, .other(type: type))
    }
}
