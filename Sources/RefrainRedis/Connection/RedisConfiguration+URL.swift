extension RedisConfiguration {
    /// Reads a URL.
    ///
    /// - `redis://[user][:password]@host[:port][/database]`, where the port is 6379 and the database 0 by default;
    /// - `rediss://…`, the same over TLS, with the parameters `ca`, `cert`, `key` (paths of PEM files) and `server-name`;
    /// - `unix://[user][:password]@/path/to.sock` or `redis+unix://…`.
    ///
    /// Parameters for all of them: `db` and `client-name`. Parts are percent-encoded where they hold reserved characters;
    /// an IPv6 address stands in brackets.
    ///
    /// The error says which part is wrong, and repeats nothing that a password may be a part of.
    public init(url: String) throws(RedisConfigurationError) {
        let parts = try RedisURL(url)
        switch parts.scheme {
        case .unix: self.init(address: .unix(path: try parts.socketPath()))
        case .redis, .rediss: self.init(address: try parts.hostAndPort())
        }
        self.username = parts.username
        self.password = parts.password
        if parts.scheme == .rediss { self.tls = TLS() }
        let database = try parts.databaseInPath()
        if let database { self.database = database }
        for (name, value) in parts.parameters {
            switch name {
            case .db:
                guard database == nil else {
                    throw RedisConfigurationError(.invalidDatabase, "the database is both in the path and a parameter")
                }
                self.database = try RedisURL.database(value[...])
            case .clientName:
                guard value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                    throw RedisConfigurationError(
                        .invalidParameter, "client-name has a character that Redis does not take")
                }
                self.clientName = value
            case .ca: self.tls?.certificateAuthorityFile = value
            case .cert: self.tls?.certificateFile = value
            case .key: self.tls?.privateKeyFile = value
            case .serverName: self.tls?.serverName = value
            }
        }
        guard (self.tls?.certificateFile == nil) == (self.tls?.privateKeyFile == nil) else {
            throw RedisConfigurationError(.invalidParameter, "cert and key go together")
        }
    }
}

/// The parts of a URL that leads to a Redis.
///
/// An unencoded `/`, `?` or `@` in a password moves the rest of it into another part, so no error repeats a value.
private struct RedisURL {
    enum Scheme { case redis, rediss, unix }

    enum Parameter: String {
        case db, ca, cert, key
        case clientName = "client-name"
        case serverName = "server-name"

        var isForTLS: Bool { ![.db, .clientName].contains(self) }
    }

    let scheme: Scheme
    let username: String?
    let password: String?
    /// The host and port, still encoded.
    private let authority: Substring
    /// The path, still encoded.
    private let path: Substring
    let parameters: [(name: Parameter, value: String)]

    init(_ url: String) throws(RedisConfigurationError) {
        let schemes: [(String, Scheme)] = [
            ("redis://", .redis), ("rediss://", .rediss), ("unix://", .unix), ("redis+unix://", .unix),
        ]
        guard let (prefix, scheme) = schemes.first(where: { url.lowercased().hasPrefix($0.0) }) else {
            throw RedisConfigurationError(
                .invalidScheme, "the URL begins with none of redis://, rediss://, unix:// and redis+unix://")
        }
        self.scheme = scheme
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw RedisConfigurationError(.invalidURL, "the URL has a character that must be percent-encoded")
        }
        guard !url.utf8.contains(UInt8(ascii: "#")) else {
            throw RedisConfigurationError(.invalidURL, "the URL has a fragment; a # in a part must be percent-encoded")
        }
        let rest = url.dropFirst(prefix.count)
        let query = rest.firstIndex(of: "?")
        let beforeQuery = rest[..<(query ?? rest.endIndex)]
        let slash = beforeQuery.firstIndex(of: "/") ?? beforeQuery.endIndex
        let authority = beforeQuery[..<slash]
        self.path = beforeQuery[slash...]
        let at = authority.lastIndex(of: "@")
        guard rest.count(where: { $0 == "@" }) == (at == nil ? 0 : 1) else {
            throw RedisConfigurationError(
                .invalidURL, "reserved characters (@, /, ?, #) in the user name or password must be percent-encoded")
        }
        self.authority = at.map { authority[authority.index(after: $0)...] } ?? authority
        (self.username, self.password) = try Self.credentials(at.map { authority[..<$0] })
        self.parameters = try Self.parameters(query.map { rest[rest.index(after: $0)...] } ?? "", scheme: scheme)
    }

    private static func credentials(
        _ text: Substring?
    ) throws(RedisConfigurationError) -> (String?, String?) {
        guard let text else { return (nil, nil) }
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        let username = try Self.decoded(text[..<colon])
        let password = try Self.decoded(text[colon...].dropFirst())
        return (username.isEmpty ? nil : username, password.isEmpty ? nil : password)
    }

    private static func parameters(
        _ text: Substring, scheme: Scheme
    ) throws(RedisConfigurationError) -> [(Parameter, String)] {
        var parameters: [(Parameter, String)] = []
        for pair in text.split(separator: "&") {
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            let name = pair[..<equals]
            guard let parameter = Parameter(rawValue: String(name)) else {
                // A name is repeated only where it looks like one: it might be the rest of a password.
                let isName = name.count <= 20 && name.allSatisfy { ($0 >= "a" && $0 <= "z") || "-_".contains($0) }
                throw RedisConfigurationError(
                    .invalidParameter, "unknown parameter" + (isName && !name.isEmpty ? " \(name)" : ""))
            }
            guard !parameters.contains(where: { $0.0 == parameter }) else {
                throw RedisConfigurationError(.invalidParameter, "\(name) stands twice")
            }
            guard scheme == .rediss || !parameter.isForTLS else {
                throw RedisConfigurationError(.invalidParameter, "\(name) is for rediss:// only")
            }
            let value = try Self.decoded(pair[equals...].dropFirst())
            guard !value.isEmpty || parameter == .clientName, !value.utf8.contains(0) else {
                throw RedisConfigurationError(.invalidParameter, "\(name) has no value, or one with a zero byte")
            }
            parameters.append((parameter, value))
        }
        return parameters
    }

    // MARK: The address

    func socketPath() throws(RedisConfigurationError) -> String {
        guard self.authority.isEmpty else {
            throw RedisConfigurationError(.invalidAddress, "the path of a socket begins with a slash: unix:///path")
        }
        let path = try Self.decoded(self.path)
        guard path.utf8.count > 1, !path.utf8.contains(0) else {
            throw RedisConfigurationError(.invalidAddress, "the URL names no path of a socket")
        }
        return path
    }

    func hostAndPort() throws(RedisConfigurationError) -> RedisConfiguration.Address {
        let host: String
        var rest: Substring
        if self.authority.first == "[" {
            guard let end = self.authority.firstIndex(of: "]") else {
                throw RedisConfigurationError(.invalidAddress, "an IPv6 address must end with a bracket")
            }
            host = try Self.decoded(self.authority[..<end].dropFirst())
            guard host.contains(":"), host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw RedisConfigurationError(.invalidAddress, "what stands in brackets is no IPv6 address")
            }
            rest = self.authority[self.authority.index(after: end)...]
        } else {
            let colon = self.authority.firstIndex(of: ":") ?? self.authority.endIndex
            host = try Self.decoded(self.authority[..<colon])
            rest = self.authority[colon...]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw RedisConfigurationError(.invalidAddress, "the URL names no host")
        }
        guard !rest.isEmpty else { return .tcp(host: host) }
        guard rest.removeFirst() == ":", let port = Self.number(rest), (1...65_535).contains(port) else {
            throw RedisConfigurationError(.invalidPort, "the port is no number from 1 to 65535")
        }
        return .tcp(host: host, port: port)
    }

    /// The database that the path names, where it names one.
    func databaseInPath() throws(RedisConfigurationError) -> Int? {
        guard self.scheme != .unix, self.path.count > 1 else { return nil }
        return try Self.database(self.path.dropFirst())
    }

    static func database(_ text: Substring) throws(RedisConfigurationError) -> Int {
        guard let number = Self.number(text), number <= Int32.max else {
            throw RedisConfigurationError(.invalidDatabase, "the database is no number from 0 on")
        }
        return number
    }

    // MARK: Characters

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    private static func decoded(_ text: Substring) throws(RedisConfigurationError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.nibble), let low = rest.popFirst().flatMap(Self.nibble) else {
                throw RedisConfigurationError(.invalidURL, "a percent sign is not followed by two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw RedisConfigurationError(.invalidURL, "a percent-encoded part is not UTF-8")
        }
        return string
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
