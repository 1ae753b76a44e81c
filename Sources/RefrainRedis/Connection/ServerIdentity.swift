import NIOSSL

/// Whether a certificate that NIOSSL has found to be the server's is so by its name.
///
/// Where a name is expected NIOSSL is content with the peer's address as well, and whoever answers the look-up of the name
/// chooses that.
enum ServerIdentity {
    /// Whether a certificate, found valid for a name or for the peer's address, is valid for the name.
    static func proves(_ name: String, _ certificate: NIOSSLCertificate) -> Bool {
        let alternatives = certificate._subjectAlternativeNames()
        // Without addresses in it, it was the name.
        guard alternatives.contains(where: { $0.nameType == .ipAddress }) else { return true }
        return alternatives.contains {
            $0.nameType == .dnsName && Self.matches(String(decoding: $0.contents, as: UTF8.self), name)
        }
    }

    /// Whether a name of a certificate stands for a host: itself, or a wildcard for the first of its labels.
    static func matches(_ pattern: String, _ host: String) -> Bool {
        let (pattern, host) = (Self.normalized(pattern), Self.normalized(host))
        guard pattern.hasPrefix("*.") else { return pattern == host && !host.isEmpty }
        guard let dot = host.firstIndex(of: "."), dot > host.startIndex else { return false }
        return pattern.dropFirst() == host[dot...]
    }

    private static func normalized(_ name: String) -> Substring {
        let name = name.lowercased()
        return name.hasSuffix(".") ? name.dropLast() : name[...]
    }
}
