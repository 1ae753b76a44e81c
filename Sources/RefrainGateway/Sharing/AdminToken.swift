import Crypto

/// What opens the admin surface. It is kept as a digest, and shown nowhere.
public struct AdminToken: Sendable, CustomStringConvertible, CustomReflectable {
    private let digest: SHA256.Digest

    /// Takes a token of at least 16 characters; nil for a shorter one, which could be guessed.
    public init?(_ token: String) {
        guard token.utf8.count >= 16 else { return nil }
        self.digest = SHA256.hash(data: Array(token.utf8))
    }

    /// Whether `token` is the token. Digests are compared, so that the time tells nothing of it.
    func admits(_ token: String) -> Bool { SHA256.hash(data: Array(token.utf8)) == self.digest }

    /// Nothing of the token.
    public var description: String { "(admin token)" }
    /// Nothing of the token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
