import Crypto

/// The name of a credential in lists of who belongs to a group: 64 hex digits, from which the credential cannot be had.
///
/// It is longer than a ``Scope/fingerprint``, since it admits: nobody can make up another credential of the same name.
public struct MemberID: Hashable, Sendable, CustomStringConvertible {
    /// The digits, in lower case.
    public let description: String

    /// The name of whoever presents this credential; nil where there is none.
    ///
    /// The same key has the same name whether it comes as `x-api-key` or as `Authorization: Bearer`.
    ///
    /// - Parameters:
    ///   - apiKey: The value of `x-api-key`.
    ///   - authorization: The value of `Authorization`, with its scheme.
    public init?(apiKey: String?, authorization: String?) {
        guard let scope = Scope.credential(apiKey: apiKey, authorization: authorization) else { return nil }
        let key = scope.secret.withUnsafeBytes { SymmetricKey(data: $0) }
        self.description =
            HMAC<SHA256>.authenticationCode(for: Array("refrain/member/1".utf8), using: key)
            .withUnsafeBytes { RequestKey($0) }.hex
    }

    /// Reads a name; nil unless it is 64 hex digits.
    public init?(_ text: String) {
        guard let digits = RequestKey(hex: text) else { return nil }
        self.description = digits.hex
    }
}
