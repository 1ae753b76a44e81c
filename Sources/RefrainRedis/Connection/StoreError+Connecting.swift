import NIOCore
import NIOPosix
import NIOSSL
import RefrainCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension StoreError {
    /// What an error of the network or of TLS means to a user. None of them knows a secret.
    init(connecting error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as NIOConnectionError: self = Self.failure(of: error)
        case let error as IOError: self.init(.unavailable, Self.text(errno: error.errnoCode))
        case SocketAddressError.unixDomainSocketPathTooLong:
            self.init(.unavailable, "the path of the socket is too long")
        case ChannelError.connectTimeout: self.init(.timeout, "the server could not be reached in time")
        case NIOSSLError.uncleanShutdown: self.init(.unavailable, "the server closed the connection")
        case NIOSSLError.handshakeFailed(let reason): self.init(.unavailable, Self.text(handshake: "\(reason)"))
        case NIOSSLError.unableToValidateCertificate:
            self.init(.unavailable, "TLS failure: the server's certificate is not trusted")
        case NIOSSLError.noSuchFilesystemObject:
            self.init(.unavailable, "TLS failure: a certificate or key file does not exist")
        case NIOSSLError.failedToLoadCertificate, NIOSSLError.failedToLoadPrivateKey:
            self.init(.unavailable, "TLS failure: a certificate or key file cannot be read")
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self.init(.unavailable, "TLS failure: the server's certificate is for another name")
        case let error as NIOSSLExtraError
        where [.serverHostnameImpossibleToMatch, .cannotUseIPAddressInSNI, .invalidSNIHostname].contains(error):
            self.init(.unavailable, "TLS failure: the server's name cannot be one for TLS")
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self.init(.unavailable, Self.text(handshake: "\(error)"))
        default: self.init(.unavailable, "the connection failed")
        }
    }

    private static func failure(of error: NIOConnectionError) -> StoreError {
        // One of the look-ups may fail for a host that has addresses of the other kind only.
        if error.connectionErrors.isEmpty {
            let isLookUp = error.dnsAError != nil || error.dnsAAAAError != nil
            return StoreError(.unavailable, isLookUp ? "unknown host" : "the host has no address")
        }
        let failures = error.connectionErrors.map { StoreError(connecting: $0.error) }
        return failures.first { $0.code != .timeout } ?? failures[0]
    }

    private static func text(errno code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "the connection was reset"
        case ENOENT: "no such socket"
        case EACCES, EPERM: "no permission to connect"
        case EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL: "the host cannot be reached"
        case ETIMEDOUT: "the connection timed out"
        case EMFILE, ENFILE: "too many open files"
        default: "the connection failed with error \(code)"
        }
    }

    private static func text(handshake reason: String) -> String {
        if reason.contains("CERTIFICATE_VERIFY_FAILED") {
            return "TLS failure: the server's certificate is not trusted"
        }
        if reason.contains("WRONG_VERSION_NUMBER") { return "TLS failure: the server does not speak TLS" }
        if reason.contains("CERTIFICATE_REQUIRED") { return "TLS failure: the server asks for a client certificate" }
        if reason.contains("EOF during handshake") { return "TLS failure: the server closed the connection" }
        // BoringSSL names its reason before the line of its source.
        guard let name = reason.firstRange(of: "OPENSSL_internal:")?.upperBound else { return "TLS failure" }
        return "TLS failure: \(reason[name...].prefix { $0 == "_" || $0.isLetter || $0.isNumber })"
    }
}
