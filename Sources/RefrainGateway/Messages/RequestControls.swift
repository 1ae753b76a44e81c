import RefrainCore

/// What a request's own header fields ask of the cache. They are removed before the request is sent on.
///
/// `cache-control` is read as RFC 9111 §5.2.1 has it, as far as it applies to answers that are made once: `no-cache` and
/// `max-age=0` ask for a new answer, `no-store` lets nothing be stored on the request's account, `max-age=S` takes
/// nothing older, `only-if-cached` calls nobody. Directives that this does not know are ignored, as the RFC wants it.
struct RequestControls {
    /// The names of the fields that are ours.
    static let prefix = "x-refrain-"

    private var refreshes = false
    private var storesNothing = false
    private var onlyIfCached = false
    private var maximumAge: Duration?
    private var ttl: Duration?
    private var staleIfError: Duration?
    private var tags: [String] = []
    private var version: String?
    private var sample: Int?

    /// Whether the request says nothing.
    private(set) var isEmpty = true

    /// Reads one field. Returns whether it is a control.
    ///
    /// - Throws: ``Refusal`` where the field is a control that cannot be obeyed.
    mutating func read(_ name: String, _ value: String) throws(Refusal) -> Bool {
        if name == "cache-control" {
            self.isEmpty = false
            try self.readCacheControl(value)
            return true
        }
        guard name.hasPrefix(Self.prefix) else { return false }
        self.isEmpty = false
        switch name {
        case "x-refrain-ttl":
            guard self.ttl == nil else { throw Self.twice(name) }
            self.ttl = try Self.duration(name, value)
        case "x-refrain-stale-if-error":
            guard self.staleIfError == nil else { throw Self.twice(name) }
            self.staleIfError = try Self.duration(name, value)
        case "x-refrain-tags":
            guard !value.unicodeScalars.contains("\u{FFFD}") else { throw .invalid("\(name) must be UTF-8") }
            self.tags += value.split(separator: ",").map { Self.trimmed($0) }.filter { !$0.isEmpty }
        case "x-refrain-version":
            guard self.version == nil else { throw Self.twice(name) }
            // Of text beyond ASCII, several spellings compare as equal.
            guard value.utf8.allSatisfy({ $0 < 0x80 }) else { throw .invalid("\(name) must be ASCII") }
            self.version = value
        case "x-refrain-sample":
            guard self.sample == nil else { throw Self.twice(name) }
            guard let sample = Int(value), sample >= 0 else {
                throw .invalid("\(name) must be a number from 0, as in 3")
            }
            self.sample = sample
        default:
            throw .invalid(
                "\(name) is no control: there are x-refrain-ttl, x-refrain-tags, x-refrain-version, x-refrain-sample and "
                    + "x-refrain-stale-if-error")
        }
        return true
    }

    /// The version and the sample, which are in the key.
    var keyed: (version: String?, sample: Int?) { (self.version, self.sample) }

    /// The policy of the request, within what the operator allows.
    ///
    /// - Throws: ``Refusal`` where the controls together make no policy.
    func policy(over base: CachePolicy, maximumTTL: Duration?, observes: Bool) throws(Refusal) -> CachePolicy {
        var policy = base
        if let ttl { policy.ttl = ttl }
        if let staleIfError { policy.staleIfError = staleIfError }
        if let maximumTTL {
            policy.ttl = min(policy.ttl, maximumTTL)
            policy.staleIfError = min(policy.staleIfError, maximumTTL)
            policy.staleWhileRevalidate = min(policy.staleWhileRevalidate, maximumTTL)
        }
        policy.tags += self.tags.filter { !base.tags.contains($0) }
        if let version { policy.version = version }
        if let sample { policy.sample = sample }
        policy.maximumAge = self.maximumAge
        policy.mode = observes ? .observe : self.mode(base.mode)
        do throws(CachePolicyError) {
            try policy.validate()
        } catch {
            throw .invalid("the controls of the request cannot be obeyed: \(error.message)")
        }
        return policy
    }

    private func mode(_ base: CacheMode) -> CacheMode {
        if self.onlyIfCached { return .onlyIfCached }
        switch (self.refreshes, self.storesNothing) {
        case (true, true): return .bypass
        case (true, false): return .refresh
        case (false, true): return .readOnly
        case (false, false): return base
        }
    }

    private mutating func readCacheControl(_ value: String) throws(Refusal) {
        for directive in value.split(separator: ",") {
            let parts = directive.split(separator: "=", maxSplits: 1)
            guard let first = parts.first else { continue }
            switch Self.trimmed(first).lowercased() {
            case "no-cache": self.refreshes = true
            case "no-store": self.storesNothing = true
            case "only-if-cached": self.onlyIfCached = true
            case "max-age":
                let argument = parts.count == 2 ? Self.trimmed(parts[1]).filter { $0 != "\"" } : ""
                guard !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                    throw .invalid("cache-control: max-age must be a number of seconds, as in max-age=60")
                }
                // What is too large for us is very long (RFC 9111 §1.2.2).
                let seconds = UInt32(argument) ?? .max
                if seconds == 0 { self.refreshes = true } else { self.maximumAge = .seconds(Int64(seconds)) }
            default: break
            }
        }
    }

    private static func twice(_ name: String) -> Refusal { .invalid("\(name) is given twice") }

    private static func duration(_ name: String, _ value: String) throws(Refusal) -> Duration {
        guard let duration = Duration(text: value) else {
            throw .invalid("\(name) must be a duration, as in 90s, 5m, 1h or 7d")
        }
        return duration
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
