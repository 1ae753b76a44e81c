import NIOCore
import NIOPosix
import NIOSSL
import RefrainKeys

/// What TLS needs to know, read from its files once, off the event loop.
final class RedisTLS: Sendable {
    private let configuration: RedisConfiguration.TLS
    private let context = Locked<NIOSSLContext?>(nil)

    init(_ configuration: RedisConfiguration.TLS) { self.configuration = configuration }

    /// The context for new connections.
    func context(on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext> {
        if let context = self.context.withLock({ $0 }) { return eventLoop.makeSucceededFuture(context) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            let context = try NIOSSLContext(configuration: self.settings())
            self.context.withLock { $0 = context }
            return context
        }
    }

    /// Reads the files anew for the next connection: they may have been replaced since.
    func forget() {
        let old = self.context.withLock { $0.take() }
        // Freed here, after unlocking.
        _ = consume old
    }

    private func settings() throws -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.certificateVerification = .fullVerification
        settings.minimumTLSVersion = .tlsv12
        if let file = self.configuration.certificateAuthorityFile {
            let authorities = try NIOSSLCertificate.fromPEMFile(file)
            // Nobody in particular to trust must not come to mean anybody.
            guard !authorities.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
            settings.trustRoots = .certificates(authorities)
        }
        if let file = self.configuration.certificateFile {
            settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
        }
        if let file = self.configuration.privateKeyFile {
            settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
        }
        return settings
    }

    /// The name that the server must prove; nil where it is its IP address that it must prove.
    func serverName(host: String?) -> String? {
        if let name = self.configuration.serverName { return name }
        guard let host, (try? SocketAddress(ipAddress: host, port: 0)) == nil else { return nil }
        return host
    }
}
