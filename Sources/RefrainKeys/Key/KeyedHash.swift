import Crypto

/// HMAC-SHA-256 (RFC 2104) with its key already absorbed.
///
/// It is spelt out over two `SHA256` values because swift-crypto's `HMAC` takes bytes only through `DataProtocol`,
/// which costs more than a short body's hash. The tests compare it with `HMAC<SHA256>`.
struct KeyedHash: Sendable {
    private var inner: SHA256
    private let outer: SHA256

    /// Absorbs a key of at most 64 bytes.
    init(key: [UInt8]) {
        var block = key + [UInt8](repeating: 0, count: max(0, SHA256.blockByteCount - key.count))
        for index in block.indices { block[index] ^= 0x36 }
        self.inner = SHA256()
        self.inner.update(data: block)
        for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
        var outer = SHA256()
        outer.update(data: block)
        self.outer = outer
    }

    /// Absorbs bytes.
    @inline(__always)
    mutating func update(_ bytes: UnsafeRawBufferPointer) { self.inner.update(bufferPointer: bytes) }

    /// The code of all that was absorbed.
    func finalize() -> RequestKey {
        let digest = self.inner.finalize()
        var outer = self.outer
        digest.withUnsafeBytes { outer.update(bufferPointer: $0) }
        return outer.finalize().withUnsafeBytes { RequestKey($0) }
    }
}

/// The keyed states of the scopes in use, so that a scope is absorbed once and not per request.
enum KeyedStates {
    /// How many are kept. Past that all are dropped: building one costs less than choosing a victim.
    static let limit = 1024

    private static let states = Locked<[Scope: KeyedHash]>([:])

    /// The state keyed by `scope`.
    static func state(for scope: Scope) -> KeyedHash {
        if let state = Self.states.withLock({ $0[scope] }) { return state }
        let state = KeyedHash(key: scope.secret.withUnsafeBytes { Array($0) })
        // Dropped after unlocking.
        let dropped: [Scope: KeyedHash] = Self.states.withLock { states in
            var dropped: [Scope: KeyedHash] = [:]
            if states.count >= Self.limit { swap(&dropped, &states) }
            states[scope] = state
            return dropped
        }
        _ = consume dropped
        return state
    }
}
