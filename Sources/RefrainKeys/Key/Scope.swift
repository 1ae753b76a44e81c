import Crypto

/// Who may share cached answers: everyone with an equal scope, and nobody else.
///
/// A key cannot be made without one. Two scopes are equal on every machine that builds them from the same input;
/// nothing has to be configured or exchanged.
///
/// A scope holds a secret (it keys the hash of every request), so it has no textual form but its ``fingerprint``.
public struct Scope: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// The 32 bytes that key the hash of every request of this scope.
    let secret: RequestKey

    /// A short name for the scope, safe to log: it tells scopes apart, and reveals neither the credential nor the key.
    public let fingerprint: String

    private init(message: [UInt8], key: [UInt8]) {
        self.secret = Self.authenticate(message, key: key)
        let name = Self.authenticate(
            Array("refrain/fingerprint/1".utf8), key: self.secret.withUnsafeBytes { Array($0) })
        self.fingerprint = "scope-" + name.hex.prefix(12)
    }

    /// Whether two scopes share.
    public static func == (one: Scope, other: Scope) -> Bool { one.secret == other.secret }

    /// Feeds the secret, of which hash tables see one word.
    public func hash(into hasher: inout Hasher) { self.secret.hash(into: &hasher) }

    /// The scope of whoever holds this credential.
    ///
    /// The same key is the same scope whether it came as `x-api-key` or as `Authorization: Bearer`. Where both are
    /// present and differ, both count.
    ///
    /// - Parameters:
    ///   - apiKey: The value of `x-api-key`.
    ///   - authorization: The value of `Authorization`, with its scheme.
    ///   - workspace: The value of `anthropic-workspace-id`.
    ///   - userProfile: The value of `anthropic-user-profile-id`.
    /// - Returns: Nil where there is no credential: such a request has no scope and cannot be cached.
    public static func credential(
        apiKey: String?, authorization: String?, workspace: String? = nil, userProfile: String? = nil
    ) -> Scope? {
        var credentials: [Credential] = []
        if let apiKey, !Self.trimmed(apiKey).isEmpty { credentials.append(Credential(bearer: Self.trimmed(apiKey))) }
        if let authorization, let credential = Credential(authorization: Self.trimmed(authorization)),
            !credentials.contains(credential)
        {
            credentials.append(credential)
        }
        guard !credentials.isEmpty else { return nil }
        var key: [UInt8] = []
        if credentials.count == 1 {
            key = credentials[0].bytes
        } else {
            for credential in credentials { Preamble.append(credential.bytes, to: &key) }
        }
        var message: [UInt8] = []
        Preamble.append("refrain/scope/1".utf8, to: &message)
        for credential in credentials { Preamble.append(credential.kind.utf8, to: &message) }
        Preamble.append("workspace".utf8, to: &message)
        Preamble.append((workspace ?? "").utf8, to: &message)
        Preamble.append("user-profile".utf8, to: &message)
        Preamble.append((userProfile ?? "").utf8, to: &message)
        return Scope(message: message, key: key)
    }

    /// The scope of all who name it: its members declare that they are one organisation.
    ///
    /// It is needed where keys rotate and where tokens are short-lived. The name is not a secret: whoever uses it on
    /// the same store shares.
    public static func shared(_ name: String) -> Scope {
        var message: [UInt8] = []
        Preamble.append("shared".utf8, to: &message)
        Preamble.append(name.utf8, to: &message)
        return Scope(message: message, key: Array("refrain/scope/1".utf8))
    }

    /// The scope of a key that is only looked at, never stored under: what `refrain key` prints without `--scope`.
    package static let unscoped = Scope(message: Array("unscoped".utf8), key: Array("refrain/scope/1".utf8))

    /// The same as ``fingerprint``.
    public var description: String { self.fingerprint }
    /// Only the ``fingerprint``, so that a dump shows no secret.
    public var customMirror: Mirror { Mirror(self, children: ["fingerprint": self.fingerprint]) }

    private static func authenticate(_ message: [UInt8], key: [UInt8]) -> RequestKey {
        HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)).withUnsafeBytes {
            RequestKey($0)
        }
    }

    /// `text` without the white space that HTTP allows around a field value (RFC 9110 §5.5).
    static func trimmed(_ text: some StringProtocol) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var bytes = Array(text.utf8)[...]
        while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A credential and how it was presented.
private struct Credential: Equatable {
    var kind: String
    var bytes: [UInt8]

    /// A key or token as such.
    init(bearer: String) {
        self.kind = "token"
        self.bytes = Array(bearer.utf8)
    }

    /// The value of an `Authorization` header; nil where it is empty.
    init?(authorization: String) {
        guard !authorization.isEmpty else { return nil }
        let scheme = authorization.prefix { $0 != " " }
        if scheme.lowercased() == "bearer" {
            let token = Scope.trimmed(authorization.dropFirst(scheme.count))
            guard !token.isEmpty else { return nil }
            self = Credential(bearer: token)
        } else {
            self.kind = "authorization"
            self.bytes = Array(authorization.utf8)
        }
    }
}
