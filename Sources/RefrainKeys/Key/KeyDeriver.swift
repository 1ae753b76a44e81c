/// Turns request bodies into keys, for one context.
///
/// Creating one costs about a microsecond; it may be kept and shared.
public struct KeyDeriver: Sendable {
    private let state: KeyedHash
    private let preamble: [UInt8]
    private let options: KeyOptions

    /// Creates a deriver for all requests of one context.
    public init(_ context: KeyContext) {
        self.preamble = Preamble.bytes(context)
        var state = KeyedStates.state(for: context.scope)
        self.preamble.withUnsafeBytes { state.update($0) }
        self.state = state
        self.options = context.options
    }

    /// Derives the key of a request body, in one scan of its bytes, or tells why it has none.
    ///
    /// It takes time linear in the size of the body, whatever it holds, and allocates what copying the state of the
    /// keyed hash needs.
    public func derive(_ body: [UInt8]) -> KeyOutcome {
        body.withUnsafeBufferPointer { self.derive($0) }
    }

    /// Derives the key of a request body that lies in memory until this returns.
    public func derive(_ body: UnsafeBufferPointer<UInt8>) -> KeyOutcome {
        let workspace = JSONWorkspace.Pool.take()
        defer { JSONWorkspace.Pool.give(workspace) }
        do throws(JSONError) {
            try JSONScanner.scan(
                body, limits: self.options.limits, refusesDuplicates: true, workspace: workspace)
        } catch {
            return .bypass(BypassReason(error))
        }
        var canonicalizer = Canonicalizer(
            body, workspace: workspace, options: self.options, bypassPolicy: .stop,
            writer: CanonicalWriter(hash: self.state, workspace: workspace))
        do throws(BypassReason) {
            try canonicalizer.run()
        } catch {
            return .bypass(error)
        }
        guard let key = canonicalizer.writer.key() else { return .bypass(BypassReason(.notAnObject)) }
        return .key(
            KeyedRequest(
                key: key, isStreaming: canonicalizer.isStreaming, model: canonicalizer.model,
                hasToolUse: canonicalizer.hasToolUse))
    }

    /// All that is hashed for a body, as text: the fields of the context, then the canonical body. The scope is not in
    /// it; it keys the hash.
    ///
    /// - Throws: ``BypassReason`` where the body has no key.
    public func canonical(_ body: [UInt8]) throws(BypassReason) -> [UInt8] {
        try CanonicalBody(body, options: self.options, bypassPolicy: .stop, after: self.preamble).text
    }

    /// The canonical form of a body alone: a JSON text that is itself a request with the same key.
    ///
    /// - Throws: ``BypassReason`` where the body has no key.
    public func canonicalBody(_ body: [UInt8]) throws(BypassReason) -> [UInt8] {
        try CanonicalBody(body, options: self.options, bypassPolicy: .stop).text
    }
}

/// A request's canonical form as text.
struct CanonicalBody {
    /// The text.
    let text: [UInt8]
    /// Why the request is not to be cached; nil where it is.
    let bypass: BypassReason?

    /// Writes the canonical form of `body` behind `preamble`.
    ///
    /// - Throws: ``BypassReason`` where the body cannot be read, and where the policy is to stop.
    init(
        _ body: [UInt8], options: KeyOptions, bypassPolicy: Canonicalizer.BypassPolicy, after preamble: [UInt8] = []
    ) throws(BypassReason) {
        let result = body.withUnsafeBufferPointer {
            buffer -> Result<(text: [UInt8], bypass: BypassReason?), BypassReason> in
            let workspace = JSONWorkspace.Pool.take()
            defer { JSONWorkspace.Pool.give(workspace) }
            do throws(JSONError) {
                try JSONScanner.scan(buffer, limits: options.limits, refusesDuplicates: true, workspace: workspace)
            } catch {
                return .failure(BypassReason(error))
            }
            var canonicalizer = Canonicalizer(
                buffer, workspace: workspace, options: options, bypassPolicy: bypassPolicy,
                writer: CanonicalWriter(collectingAfter: preamble, workspace: workspace))
            do throws(BypassReason) {
                try canonicalizer.run()
            } catch {
                return .failure(error)
            }
            return .success((canonicalizer.writer.text(), canonicalizer.bypass))
        }
        (self.text, self.bypass) = try result.get()
    }
}
