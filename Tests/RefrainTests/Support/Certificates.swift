import Foundation
import RefrainKeys

/// The `openssl` command: certificates for tests, and a server that shows them.
enum OpenSSL {
    /// Where it is; nil where it is not installed, and then the tests that need it are skipped.
    static let path = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
        .first(where: FileManager.default.isExecutableFile(atPath:))

    struct Failure: Error {}

    fileprivate static func process(_ arguments: [String]) throws -> Process {
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
final class Certificate: Sendable {
    let directory: URL
    var file: String { self.directory.appendingPathComponent("certificate.pem").path }
    var key: String { self.directory.appendingPathComponent("key.pem").path }

    init(for host: String) throws {
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

    deinit { try? FileManager.default.removeItem(at: self.directory) }

    func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: self.file))) }
}

/// `openssl s_server`, which answers any request over TLS with a page about the connection.
final class TLSServer: Sendable {
    let port: UInt16
    private let process: Process

    var url: String { "https://127.0.0.1:\(self.port)/" }

    init(_ certificate: Certificate, _ options: [String] = []) throws {
        self.process = try OpenSSL.process(
            ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate.file, "-key", certificate.key, "-www"] + options
        )
        let output = Pipe()
        self.process.standardOutput = output
        try self.process.run()
        // It says "ACCEPT 127.0.0.1:PORT" when it is ready.
        var text = ""
        while !text.contains("ACCEPT") || !text.hasSuffix("\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw OpenSSL.Failure() }
            text += String(decoding: data, as: UTF8.self)
        }
        let line = text.split(separator: "\n").last { $0.hasPrefix("ACCEPT") }
        guard let port = line?.split(separator: ":").last.flatMap({ UInt16($0) }) else { throw OpenSSL.Failure() }
        self.port = port
    }

    /// By a signal that cannot be blocked: a child inherits the mask of the thread that starts it, and the threads that run
    /// tasks block those that can.
    deinit { kill(self.process.processIdentifier, SIGKILL) }
}
