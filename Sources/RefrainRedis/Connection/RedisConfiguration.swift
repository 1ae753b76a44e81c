/// How a Redis is reached, and how patiently.
///
/// ```swift
/// var redis = try RedisConfiguration(url: "rediss://cache:secret@cache.example:6380/2")
/// redis.commandTimeout = .milliseconds(200)
/// ```
///
/// The password is left out of every description and reflection of the value.
public struct RedisConfiguration: Sendable {
    /// Where the server listens.
    public struct Address: Hashable, Sendable, CustomStringConvertible {
        /// The kinds of addresses. Not public, so that more can come.
        enum Kind: Hashable, Sendable {
            case tcp(host: String, port: Int)
            case unix(path: String)
        }
        let kind: Kind

        /// A host name or IP address (without brackets), and a port. The name is looked up anew for each connection.
        public static func tcp(host: String, port: Int = 6379) -> Address {
            Address(kind: .tcp(host: host, port: port))
        }

        /// The path of a socket in the file system.
        public static func unix(path: String) -> Address { Address(kind: .unix(path: path)) }

        /// The address as people write it.
        public var description: String {
            switch self.kind {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    /// How the connection is encrypted. The server's certificate and name are always verified.
    public struct TLS: Hashable, Sendable {
        /// A PEM file of the authorities to trust, in place of the system's.
        public var certificateAuthorityFile: String?
        /// A PEM file of the certificate chain to show to the server.
        public var certificateFile: String?
        /// A PEM file of that certificate's private key.
        public var privateKeyFile: String?
        /// The name that the server's certificate must bear, in place of the address's host.
        public var serverName: String?

        /// Describes an encrypted connection.
        public init(
            certificateAuthorityFile: String? = nil, certificateFile: String? = nil, privateKeyFile: String? = nil,
            serverName: String? = nil
        ) {
            self.certificateAuthorityFile = certificateAuthorityFile
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
            self.serverName = serverName
        }
    }

    /// Where the server listens.
    public var address: Address
    /// How the connection is encrypted; nil for a plain one.
    public var tls: TLS?
    /// The user of the server's access-control list; nil for the default user.
    public var username: String?
    /// The password; nil where none is asked for. Never printed.
    public var password: String?
    /// The number of the database. 0 by default.
    public var database: Int
    /// The name that the server lists the connections under; empty for none. `refrain` by default.
    public var clientName: String
    /// How many connections share the small commands; one more carries the large values. 2 by default, at least 1.
    public var connections: Int
    /// How long it may take to connect, from the name look-up to the last answer of the handshake. 1 s by default.
    public var connectTimeout: Duration
    /// How long a command may take, from the moment it is sent, its wait for a connection included. A connection whose
    /// server is later than that is closed. 1 s by default.
    public var commandTimeout: Duration
    /// How long to wait before connecting again: at least the lower bound, and at most a random part of what doubles with
    /// each failure up to the upper bound. 50 ms to 5 s by default.
    public var reconnectDelay: ClosedRange<Duration>
    /// How many bytes of commands may be unanswered on one connection; more are refused. 64 MiB by default.
    public var maximumOutstandingBytes: Int

    /// Describes a server at an address, with defaults for the rest.
    public init(address: Address) {
        self.address = address
        self.tls = nil
        self.username = nil
        self.password = nil
        self.database = 0
        self.clientName = "refrain"
        self.connections = 2
        self.connectTimeout = .seconds(1)
        self.commandTimeout = .seconds(1)
        self.reconnectDelay = .milliseconds(50) ... .seconds(5)
        self.maximumOutstandingBytes = 64 << 20
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address and whatever is no secret.
    public var description: String {
        var text = self.tls == nil ? "redis at \(self.address)" : "redis over TLS at \(self.address)"
        if let username = self.username { text += ", user \(username)" }
        if self.password != nil { text += ", with a password" }
        if self.database != 0 { text += ", database \(self.database)" }
        return text
    }

    /// The same as the description: a debugger shows no password either.
    public var debugDescription: String { self.description }

    /// The properties but the password, for `dump` and for whatever prints by reflection.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "address": self.address,
                "tls": self.tls as Any,
                "username": self.username as Any,
                "password": self.password == nil ? "none" : "hidden",
                "database": self.database,
                "clientName": self.clientName,
                "connections": self.connections,
                "connectTimeout": self.connectTimeout,
                "commandTimeout": self.commandTimeout,
                "reconnectDelay": self.reconnectDelay,
                "maximumOutstandingBytes": self.maximumOutstandingBytes,
            ], displayStyle: .struct)
    }
}
