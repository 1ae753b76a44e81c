/// Where an image or a document is.
public struct ContentSource: Hashable, Sendable {
    /// The source as JSON.
    public let json: RawJSON

    /// Takes a source as JSON.
    public init(_ json: RawJSON) { self.json = json }

    /// Bytes in base64, of a media type such as `image/png` or `application/pdf`.
    public static func base64(_ data: String, mediaType: String) -> ContentSource {
        Self.write("base64") { writer in
            writer.member("media_type", mediaType)
            writer.member("data", data)
        }
    }

    /// A URL that the API fetches. Such a request is not cached unless asked for: what is there may change.
    public static func url(_ url: String) -> ContentSource { Self.write("url") { $0.member("url", url) } }

    /// A file that was uploaded. Such a request is not cached unless asked for: the file may be deleted.
    public static func file(id: String) -> ContentSource { Self.write("file") { $0.member("file_id", id) } }

    /// Plain text, for a document.
    public static func text(_ text: String) -> ContentSource {
        Self.write("text") { writer in
            writer.member("media_type", "text/plain")
            writer.member("data", text)
        }
    }

    /// Blocks, for a document that can be cited block by block.
    public static func content(_ blocks: [ContentBlock]) -> ContentSource {
        Self.write("content") { $0.member("content", blocks.map(\.json)) }
    }

    private static func write(_ type: String, _ members: (inout JSONObjectWriter) -> Void) -> ContentSource {
        var writer = JSONObjectWriter()
        writer.member("type", type)
        members(&writer)
        return ContentSource(writer.finished())
    }
}
