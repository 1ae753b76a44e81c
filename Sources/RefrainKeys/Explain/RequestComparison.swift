/// How two requests differ, as far as their keys are concerned, and how much of a prompt cache's prefix they share.
///
/// ```swift
/// let comparison = RequestComparison(first, second, in: context)
/// for difference in comparison.differences { print(difference) }
/// ```
///
/// It compares canonical forms, so it names nothing that the key ignores, and finds nothing exactly where the keys are
/// equal. Making one costs a few walks over both bodies; it is for people, not for the path of a request.
public struct RequestComparison: Hashable, Sendable {
    /// What deriving the first request's key came to.
    public let first: KeyOutcome
    /// What deriving the second request's key came to.
    public let second: KeyOutcome
    /// Where the requests differ: the context's fields first, then the bodies in canonical order; not more than the
    /// limit. Empty also where a body cannot be read.
    public let differences: [Difference]
    /// Whether there are more differences than the limit allowed.
    public let isTruncated: Bool
    /// What the two share of a prompt cache's prefix; nil where a body cannot be read as a request.
    public let promptPrefix: PromptPrefix?

    /// Whether both requests have a key, and it is the same.
    public var sharesKey: Bool { self.first.key != nil && self.first.key == self.second.key }

    /// Compares two request bodies.
    ///
    /// - Parameters:
    ///   - first: A request body.
    ///   - second: Another.
    ///   - context: What else their keys depend on.
    ///   - secondContext: The second request's context, where it is another.
    ///   - limit: The most differences to name.
    public init(
        _ first: [UInt8], _ second: [UInt8], in context: KeyContext, secondContext: KeyContext? = nil, limit: Int = 20
    ) {
        self.first = KeyDeriver(context).derive(first)
        self.second = KeyDeriver(secondContext ?? context).derive(second)
        var finder = DifferenceFinder(limit: limit)
        if let secondContext { finder.compare(context, secondContext) }
        if let one = ComparableRequest(first, context.options),
            let other = ComparableRequest(second, (secondContext ?? context).options)
        {
            finder.compare(one.document.root, other.document.root, at: "")
            self.promptPrefix = PromptPrefix(
                one, other, sharesScope: context.scope == (secondContext ?? context).scope)
        } else {
            self.promptPrefix = nil
        }
        self.differences = finder.differences
        self.isTruncated = finder.isTruncated
    }

    /// One place at which two requests differ.
    public struct Difference: Hashable, Sendable, CustomStringConvertible {
        /// The JSON path, such as `messages[2].content[0].text`; or `anthropic-version` and the like for what is not
        /// in the body.
        public let path: String
        /// The first request's value as JSON, shortened; nil where it has none.
        public let first: String?
        /// The second request's value as JSON, shortened; nil where it has none.
        public let second: String?
        /// Whether both have the same members in a different order, in a place where order counts.
        public let isOrderOnly: Bool

        /// One line for people.
        public var description: String {
            if self.isOrderOnly { return "\(self.path): the members' order differs" }
            return "\(self.path): \(self.first ?? "absent") | \(self.second ?? "absent")"
        }
    }
}

/// A request in its canonical form, read.
struct ComparableRequest {
    /// The canonical body.
    let document: JSONDocument
    /// The value of `speed`, which the canonical form may leave out.
    let speed: String?

    /// Reads a body; nil where it cannot be read, or is no object.
    init?(_ body: [UInt8], _ options: KeyOptions) {
        // The canonical form may be longer and deeper than the body by what a short message content stands for.
        let limits = JSONLimits(bytes: Int(UInt32.max) - 1, depth: options.limits.depth + 2, values: .max)
        guard let canonical = try? CanonicalBody(body, options: options, bypassPolicy: .note),
            canonical.bypass?.code != .notAnObject,
            let document = try? JSONDocument(canonical.text, limits: limits),
            let original = try? JSONDocument(body, limits: options.limits)
        else { return nil }
        self.document = document
        self.speed = original.root["speed"]?.string
    }
}
