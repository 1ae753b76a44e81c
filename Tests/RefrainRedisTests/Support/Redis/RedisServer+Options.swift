import Foundation
import TestSupport

extension RedisServer {
    /// What kind of server a test needs.
    struct Options: Sendable {
        /// Which addresses it has; in each case it also listens on a Unix socket, for administration.
        enum Listening: Sendable {
            /// A port of the loopback.
            case port
            /// Nothing but the Unix socket.
            case unixSocket
            /// A port of the loopback, over TLS.
            case tls(RedisCertificates, clientAuthentication: ClientAuthentication = .no)
        }

        /// Whether clients have to show a certificate.
        enum ClientAuthentication: String, Sendable { case yes, no, optional }

        /// A user other than the default one.
        struct User: Sendable {
            var name: String
            var password: String
            /// What it may do, such as `~refrain:*`, `+get`. Nothing is allowed but this.
            var rights: [String]
        }

        /// The server: a path, or a name to look for. By default what `REFRAIN_REDIS_SERVER` names, else `redis-server`,
        /// else `valkey-server`.
        var binary: String?
        var listening = Listening.port
        /// The password of the default user (`requirepass`).
        var password: String?
        /// A user with these rights; the default user is off then.
        var user: User?
        /// Lines of its configuration, such as `maxmemory 2mb`. They come last.
        var configuration: [String] = []
        /// Whether `DEBUG` works, for example `DEBUG SLEEP` (version 7 and later).
        var allowsDebug = false
    }

    /// The program that tests run by default; nil where none is installed.
    static let defaultBinary: String? = {
        if let named = ProcessInfo.processInfo.environment["REFRAIN_REDIS_SERVER"], !named.isEmpty {
            return Executables.path(of: named)
        }
        return Executables.path(of: "redis-server") ?? Executables.path(of: "valkey-server")
    }()

    /// Whether a server is installed. Tests that need one are skipped where not:
    /// `.enabled(if: RedisServer.isAvailable, "needs redis-server")`.
    static var isAvailable: Bool { self.defaultBinary != nil }

    /// Its version, of which it says `v=7.0.15`: the first number; nil where there is none, or it says nothing of the kind.
    static let majorVersion: Int? = {
        guard let binary = RedisServer.defaultBinary else { return nil }
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["--version"]
        process.standardOutput = output
        do {
            try process.run()
            let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            process.waitUntilExit()
            guard let start = text.range(of: "v=")?.upperBound else { return nil }
            return Int(text[start...].prefix { $0.isNumber })
        } catch {
            // One that cannot be run is told by the tests that start it.
            return nil
        }
    }()

    /// Whether it can be made to answer `LOADING` for long: it looks at its clients between any two keys.
    static var loadsSlowly: Bool { (self.majorVersion ?? 0) >= 7 }

    /// Whether a server and what makes its certificates are installed.
    static var isTLSAvailable: Bool { self.isAvailable && RedisCertificates.isAvailable }

    /// The configuration file.
    var configuration: String {
        var lines = [
            "bind 127.0.0.1", "protected-mode no", "daemonize no", "loglevel notice", "save \"\"", "appendonly no",
            "unixsocket \(self.socketPath)", "unixsocketperm 700", "dir \(self.dataDirectory.path)",
            "dbfilename dump.rdb",
            // The test's own way in, which no setting of the test can close.
            "user \(Self.administrator) on >\(Self.administratorPassword) ~* &* +@all",
        ]
        switch self.options.listening {
        case .port: lines.append("port \(self.port)")
        case .unixSocket: lines.append("port 0")
        case .tls(let certificates, let clientAuthentication):
            lines += [
                "port 0", "tls-port \(self.port)", "tls-cert-file \(certificates.serverCertificate)",
                "tls-key-file \(certificates.serverKey)", "tls-ca-cert-file \(certificates.authority)",
                "tls-auth-clients \(clientAuthentication.rawValue)",
            ]
        }
        if let password = self.options.password { lines.append("requirepass \(password)") }
        if let user = self.options.user {
            let rights = user.rights.joined(separator: " ")
            lines += ["user default off", "user \(user.name) on >\(user.password) \(rights)"]
        }
        // Before, it always was.
        if self.options.allowsDebug, (RedisServer.majorVersion ?? 0) >= 7 { lines.append("enable-debug-command yes") }
        return (lines + self.options.configuration).joined(separator: "\n") + "\n"
    }

    /// Where clients find it, with the credentials that they need.
    var url: String {
        let credentials =
            if let user = self.options.user {
                "\(user.name):\(user.password)@"
            } else if let password = self.options.password {
                ":\(password)@"
            } else {
                ""
            }
        return switch self.options.listening {
        case .port: "redis://\(credentials)127.0.0.1:\(self.port)"
        case .tls: "rediss://\(credentials)127.0.0.1:\(self.port)"
        case .unixSocket: "unix://\(credentials)\(self.socketPath)"
        }
    }

    /// The user as which a test administrates its server.
    static let administrator = "test"
    static let administratorPassword = "a-test"
}
