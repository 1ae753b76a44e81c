extension CachePolicy {
    /// Throws where the policy cannot be obeyed as it stands.
    ///
    /// The cache validates the policy of every call that is not answered from memory; a program that sets a policy once
    /// validates it once, where it is written.
    public func validate() throws(CachePolicyError) {
        guard self.ttl >= .zero else {
            throw CachePolicyError(.negativeDuration, "ttl is \(self.ttl): it cannot be negative (zero stores nothing)")
        }
        if let maximumAge, maximumAge < .zero {
            throw CachePolicyError(.negativeDuration, "maximumAge is \(maximumAge): it cannot be negative")
        }
        guard self.staleWhileRevalidate >= .zero else {
            throw CachePolicyError(
                .negativeDuration, "staleWhileRevalidate is \(self.staleWhileRevalidate): it cannot be negative")
        }
        guard self.staleIfError >= .zero else {
            throw CachePolicyError(.negativeDuration, "staleIfError is \(self.staleIfError): it cannot be negative")
        }
        guard self.sample >= 0 else {
            throw CachePolicyError(.negativeSample, "sample is \(self.sample): samples count from 0")
        }
        guard self.tags.count <= Self.maximumTags else {
            throw CachePolicyError(
                .tooManyTags, "\(self.tags.count) tags: an entry carries at most \(Self.maximumTags)")
        }
        for (index, tag) in self.tags.enumerated() {
            try Self.validate(.tag(tag), named: "tag \(index)", isEmpty: tag.isEmpty)
        }
        if !self.version.isEmpty {
            try Self.validate(.version(self.version), named: "version", isEmpty: false)
        }
    }

    private static func validate(_ label: Label, named name: String, isEmpty: Bool) throws(CachePolicyError) {
        guard !isEmpty else { throw CachePolicyError(.invalidLabel, "\(name) is empty") }
        let bytes = label.description.utf8
        guard bytes.count <= Label.maximumBytes else {
            throw CachePolicyError(
                .labelTooLong,
                "\(name) has \(bytes.count) bytes with its prefix: at most \(Label.maximumBytes) are allowed")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw CachePolicyError(.invalidLabel, "\(name) contains a control character")
        }
    }
}

/// Why a policy cannot be obeyed.
public struct CachePolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. Open: later versions may add cases.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// A duration is below zero.
        public static let negativeDuration = Code("negative-duration")
        /// The sample index is below zero.
        public static let negativeSample = Code("negative-sample")
        /// More tags than an entry may carry.
        public static let tooManyTags = Code("too-many-tags")
        /// A tag or the version is longer than a label may be.
        public static let labelTooLong = Code("label-too-long")
        /// A tag is empty, or a label contains a control character.
        public static let invalidLabel = Code("invalid-label")
    }

    /// What is wrong.
    public let code: Code
    /// What is wrong, in words, with the limit that was passed.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
