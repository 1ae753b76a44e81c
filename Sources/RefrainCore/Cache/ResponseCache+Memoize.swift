import Crypto
public import RefrainKeys

extension ResponseCache {
    /// The bytes under `key`, produced by `produce` where there are none: the cache for anything that is not a message.
    ///
    /// Stores, flights, generations, budget and policies are those of responses; whatever `produce` returns is stored.
    /// A key names either bytes or a message, never both: see ``RequestKey/init(memoizing:in:)``. The policy's version and
    /// sample make it another key.
    ///
    /// - Throws: What `produce` throws, ``CacheError``, ``CachePolicyError``, and `CancellationError` when the calling
    ///   task is cancelled. Of several callers whose production fails, each gets an error, and two productions at most
    ///   are tried on their common behalf.
    public func memoize(
        _ key: RequestKey, policy: CachePolicy = CachePolicy(), produce: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let (answer, status) = try await self.answer(
            CacheRequest(key: key.memoized(under: policy), policy: policy), .bytes
        ) {
            _ in
            HTTPResponse(status: 200, headers: [], body: ByteStream(try await produce()))
        }
        self.counters.answered(status)
        return answer.body
    }

    /// The bytes under `key`, produced by `produce` where there are none that are younger than `ttl`: see
    /// ``memoize(_:policy:produce:)``.
    public func memoize(
        _ key: RequestKey, ttl: Duration, tags: [String] = [], produce: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await self.memoize(key, policy: CachePolicy(ttl: ttl, tags: tags), produce: produce)
    }
}

extension RequestKey {
    /// A key for memoized bytes: the SHA-256 of both strings, each with its length. It is not secret, and is bound to
    /// no credential: whoever knows the strings knows the key.
    public init(memoizing name: String, in namespace: String) {
        self.init(sha256Of: [Array(namespace.utf8), Array(name.utf8)])
    }

    /// The key of bytes memoized under `policy`: the same where it names neither a version nor a sample.
    func memoized(under policy: CachePolicy) -> RequestKey {
        guard !policy.version.isEmpty || policy.sample != 0 else { return self }
        return RequestKey(
            sha256Of: [
                self.withUnsafeBytes { Array($0) }, Array(policy.version.utf8), Array("\(policy.sample)".utf8),
            ])
    }

    private init(sha256Of parts: [[UInt8]]) {
        var hash = SHA256()
        for part in [Array("refrain/memoize/1".utf8)] + parts {
            var length = UInt64(part.count).littleEndian
            Swift.withUnsafeBytes(of: &length) { hash.update(bufferPointer: $0) }
            hash.update(data: part)
        }
        guard let key = RequestKey(bytes: Array(hash.finalize())) else {
            preconditionFailure("a SHA-256 has \(RequestKey.byteCount) bytes, whatever it is of")
        }
        self = key
    }
}
