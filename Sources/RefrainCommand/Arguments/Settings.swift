import ArgumentParser
import Configuration
import RefrainCore
import RefrainKeys
import SystemPackage

/// Where the value of an option comes from: the flag, else the environment's `REFRAIN_…`, else the configuration file.
struct Settings {
    /// An option that the environment and a file can set, by its name there: `ttl` is `--ttl` and `REFRAIN_TTL`.
    enum Name: String, CaseIterable {
        case concurrency, upstream, memory, ttl, scope, timeout, redis, namespace, host, port, mode, scopes, drain
        case promptCaching = "prompt-caching"
        case anthropicVersion = "anthropic-version"
        case maxRetries = "max-retries"
        case staleIfError = "stale-if-error"
        case cacheVersion = "cache-version"
        case maxTTL = "max-ttl"
        case tlsCertificate = "tls-certificate"
        case tlsKey = "tls-key"
        case maxBody = "max-body"
        case maxHeader = "max-header"
        case maxConnections = "max-connections"
        case idleTimeout = "idle-timeout"
        case stallTimeout = "stall-timeout"
        case requestLog = "request-log"
        case logFormat = "log-format"
        case logLevel = "log-level"

        /// The environment variable that sets it.
        var variable: String { "REFRAIN_" + self.rawValue.uppercased().replacing("-", with: "_") }
    }

    private let reader: ConfigReader

    /// Reads the environment, and the JSON file at `path` where one is given: an object of options by name, as in
    /// `{"ttl": "7d", "memory": "512MB"}`.
    ///
    /// - Throws: `ValidationError` where the file cannot be read, is not such an object, or names an unknown option.
    init(file path: String?, environment: [String: String]) async throws {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "refrain")
        ]
        if let path {
            try Self.checkNames(inFile: path)
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw ValidationError("--config \(path): \(error)")
            }
        }
        self.reader = ConfigReader(providers: providers)
    }

    /// The flag's value, else the setting called `name`, else nil.
    ///
    /// - Throws: `ValidationError` where the setting is there and cannot be read as a `Value`.
    func value<Value: ExpressibleByArgument>(_ flag: Value?, _ name: Name) throws -> Value? {
        if let flag { return flag }
        guard let text = self.text(name) else { return nil }
        guard let value = Value(argument: text) else {
            throw ValidationError(
                "\(name.variable), or \(name.rawValue) in the configuration file, is '\(text)', which --\(name.rawValue) "
                    + "does not accept either")
        }
        return value
    }

    /// The setting as text, whatever scalar it is in the file.
    private func text(_ name: Name) -> String? {
        let key = ConfigKey([name.rawValue])
        if let text = self.reader.string(forKey: key) { return text }
        if let number = self.reader.int(forKey: key) { return "\(number)" }
        return nil
    }

    private static func checkNames(inFile path: String) throws {
        let document: JSONDocument
        do {
            document = try JSONDocument(try FileContents.read(path))
        } catch let error as JSONError {
            throw ValidationError("--config \(path) is not JSON: \(error)")
        } catch {
            throw ValidationError("--config \(path): \(error)")
        }
        guard document.root.kind == .object else {
            throw ValidationError("--config \(path) must be a JSON object of options, as in {\"ttl\": \"7d\"}")
        }
        for member in document.root.members {
            let name = member.name.string ?? ""
            guard Name(rawValue: name) != nil else {
                let options = Name.allCases.map(\.rawValue).sorted().joined(separator: ", ")
                throw ValidationError("--config \(path): '\(name)' is no option. Options: \(options)")
            }
        }
    }
}

/// Whole files, read at once.
enum FileContents {
    /// The bytes of the file at `path`, or of standard input where it is `-`.
    ///
    /// - Throws: `Errno` where it cannot be opened or read.
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor: FileDescriptor = path == "-" ? .standardInput : try .open(FilePath(path), .readOnly)
        func readAll() throws -> [UInt8] {
            var contents: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                guard count > 0 else { return contents }
                contents += chunk[..<count]
            }
        }
        return path == "-" ? try readAll() : try descriptor.closeAfter(readAll)
    }

    /// Writes the file at `path`, in the place of what it holds.
    ///
    /// - Throws: `Errno` where it cannot be opened or written.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        _ = try descriptor.closeAfter { try descriptor.writeAll(bytes) }
    }
}
