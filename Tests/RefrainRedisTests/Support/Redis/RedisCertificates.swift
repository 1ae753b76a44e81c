import Foundation
import NIOSSL
import TestSupport

/// An authority of a test's own, a server's certificate and a client's that it signed, in a directory that goes with it.
final class RedisCertificates: Sendable {
    /// Whether `openssl` is installed, which makes them.
    static let isAvailable = Executables.path(of: "openssl") != nil

    /// What `openssl` said when it did not make one.
    struct Failure: Error { var message: String }

    /// Where they are.
    let directory: URL
    /// The authority's certificate, for both sides to trust.
    var authority: String { self.path("authority.pem") }
    var serverCertificate: String { self.path("server.pem") }
    var serverKey: String { self.path("server.key") }
    var clientCertificate: String { self.path("client.pem") }
    var clientKey: String { self.path("client.key") }

    private func path(_ name: String) -> String { self.directory.appendingPathComponent(name).path }

    private init(directory: URL) { self.directory = directory }

    // What cannot be removed is in the temporary directory.
    deinit { try? FileManager.default.removeItem(at: self.directory) }

    /// Makes them.
    /// - Parameter hosts: the names and addresses that the server's certificate is for.
    static func make(for hosts: [String] = ["localhost", "127.0.0.1"]) async throws -> RedisCertificates {
        let made = RedisCertificates(
            directory: FileManager.default.temporaryDirectory
                .appendingPathComponent("refrain-certificates-\(UUID().uuidString)"))
        try FileManager.default.createDirectory(at: made.directory, withIntermediateDirectories: true)
        let names = hosts.map { $0.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\($0)" : "DNS:\($0)" }
        // A configuration of our own: what the machine's says is not known.
        let configuration = """
            [req]
            distinguished_name = name
            [name]
            [authority]
            basicConstraints = critical, CA:TRUE
            keyUsage = critical, keyCertSign, cRLSign
            subjectKeyIdentifier = hash
            [server]
            basicConstraints = CA:FALSE
            extendedKeyUsage = serverAuth
            subjectAltName = \(names.joined(separator: ", "))
            [client]
            basicConstraints = CA:FALSE
            extendedKeyUsage = clientAuth

            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: made.path("openssl.cnf")))
        try await made.openssl(
            "req", "-x509", "-extensions", "authority", "-days", "2", "-subj", "/CN=authority of a test",
            "-out", "authority.pem", "-keyout", "authority.key")
        for name in ["server", "client"] {
            try await made.openssl(
                "req", "-subj", "/CN=\(name) of a test", "-out", "\(name).csr", "-keyout", "\(name).key")
            try await made.openssl(
                "x509", "-req", "-in", "\(name).csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                "-CAcreateserial", "-extfile", "openssl.cnf", "-extensions", name, "-days", "2",
                "-out", "\(name).pem")
        }
        return made
    }

    /// How a client connects that trusts the authority, and shows its own certificate where it has to.
    func client(showingCertificate: Bool = true) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(self.authority)
        guard showingCertificate else { return configuration }
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(self.clientCertificate)
            .map { .certificate($0) }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: self.clientKey, format: .pem))
        return configuration
    }

    /// Runs one command. Names of files are of those in the directory.
    private func openssl(_ command: String, _ arguments: String...) async throws {
        var words = [command] + arguments
        if command == "req" {
            words += ["-config", "openssl.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        }
        let kinds = [".cnf", ".csr", ".key", ".pem"]
        let process = try await ChildProcess.start(
            "openssl", words.map { word in kinds.contains(where: word.hasSuffix) ? self.path(word) : word },
            output: .discarded)
        var messages = ""
        for await line in process.errors { messages += line + "\n" }
        guard await process.waitUntilExit() == 0 else { throw Failure(message: messages) }
    }
}
