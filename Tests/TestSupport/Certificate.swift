package import Foundation

/// The `openssl` command: certificates for tests, and a server that shows them.
package enum OpenSSL {
    /// Where it is; nil where it is not installed, and then the tests that need it are skipped.
    package static let path = Executables.path(of: "openssl")

    /// It is not installed, or did not do what it was told.
    package struct Failure: Error {
        /// Creates a failure.
        package init() {}
    }

    /// The command with arguments, not yet running, and silent but for its standard output.
    package static func process(_ arguments: [String]) throws -> Process {
        guard let path = Self.path else { throw Failure() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}

/// A self-signed certificate and its key, in a directory that goes with it.
package final class Certificate: Sendable {
    package let directory: URL
    package var file: String { self.directory.appendingPathComponent("certificate.pem").path }
    package var key: String { self.directory.appendingPathComponent("key.pem").path }

    /// Makes one for a name or an address.
    package init(for host: String) throws {
        self.directory = FileManager.default.temporaryDirectory.appendingPathComponent("refrain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        let name = host.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\(host)" : "DNS:\(host)"
        let process = try OpenSSL.process([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=test", "-addext", "subjectAltName=\(name)", "-keyout", self.key, "-out", self.file,
        ])
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw OpenSSL.Failure() }
    }

    // A folder that stays behind is the system's to remove: it is a temporary one.
    deinit { try? FileManager.default.removeItem(at: self.directory) }

    /// The certificate in PEM.
    package func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: self.file))) }
}
