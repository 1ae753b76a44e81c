import Foundation
import TestSupport

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
