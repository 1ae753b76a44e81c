/// The fields that stand before the canonical body in what is hashed.
enum Preamble {
    /// The canonicaliser id. Any change of the canonical form, however small, is a new one.
    static let canonicalizer = "refrain-key/1"

    /// The `anthropic-beta` values that the API accepts and that have no effect any more.
    static let ignoredBetas: Set<String> = [
        "cache-diagnosis-2026-04-07", "extended-cache-ttl-2025-04-11", "message-batches-2024-09-24", "pdfs-2024-09-25",
        "prompt-caching-2024-07-31", "token-counting-2024-11-01", "token-efficient-tools-2025-02-19",
    ]

    /// The bytes of all fields of `context` but its scope, which keys the hash, and its options, which only decide
    /// what is keyed at all.
    static func bytes(_ context: KeyContext) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(256)
        Self.append(Self.canonicalizer.utf8, to: &result)
        Self.append("origin", Self.normalized(origin: context.origin), to: &result)
        Self.append("path", Self.withoutQuery(context.path), to: &result)
        Self.append("version", Scope.trimmed(context.version), to: &result)
        let betas = Self.effective(betas: context.betas)
        Self.append("betas", String(betas.count), to: &result)
        for beta in betas { Self.append(beta.utf8, to: &result) }
        Self.append("user-version", context.userVersion, to: &result)
        Self.append("sample", String(context.sampleIndex), to: &result)
        guard !context.fields.isEmpty else { return result }
        Self.append("fields", String(context.fields.count), to: &result)
        for field in context.fields.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            Self.append(field.utf8, to: &result)
        }
        return result
    }

    /// The path alone.
    static func withoutQuery(_ path: String) -> String { String(path.prefix { $0 != "?" && $0 != "#" }) }

    /// The set of beta values that can change an answer, in byte order.
    static func effective(betas: [String]) -> [String] {
        var set: Set<String> = []
        for header in betas {
            for value in header.utf8.split(separator: UInt8(ascii: ",")) {
                let beta = Scope.trimmed(Substring(value))
                if !beta.isEmpty, !Self.ignoredBetas.contains(beta) { set.insert(beta) }
            }
        }
        return set.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The origin with its scheme and host in lower case and without the scheme's own port or a final slash. What does
    /// not look like an origin stays as it is.
    static func normalized(origin: String) -> String {
        guard let separator = origin.firstRange(of: "://"), !origin.contains("@") else { return origin }
        let scheme = origin[..<separator.lowerBound].lowercased()
        let rest = origin[separator.upperBound...]
        let written = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        var path = rest[written.endIndex...]
        var authority = written.lowercased()
        while path.last == "/" { path = path.dropLast() }
        let port = scheme == "https" ? ":443" : scheme == "http" ? ":80" : ""
        if !port.isEmpty, authority.hasSuffix(port) { authority.removeLast(port.count) }
        return scheme + "://" + authority + path
    }

    private static func append(_ label: String, _ value: String, to output: inout [UInt8]) {
        output.append(contentsOf: label.utf8)
        output.append(UInt8(ascii: " "))
        Self.append(value.utf8, to: &output)
    }

    /// Appends the number of bytes, a colon, the bytes and a line feed, so that no two lists of fields run together.
    static func append(_ field: some Collection<UInt8>, to output: inout [UInt8]) {
        output.append(contentsOf: String(field.count).utf8)
        output.append(UInt8(ascii: ":"))
        output.append(contentsOf: field)
        output.append(UInt8(ascii: "\n"))
    }
}
