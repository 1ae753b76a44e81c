import CCurl

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What every transfer of a transport has in common: its configuration with the environment read into it.
struct CurlSettings: Sendable {
    /// Where trusted certificates come from. With none of them, from libcurl's own defaults.
    struct Trust: Hashable, Sendable {
        var file: String?
        var directory: String?
        var pem: [UInt8]?
    }

    let trust: Trust
    /// Nil leaves it to libcurl to read the environment.
    let proxy: String?
    let bufferBytes: Int
    let maximumHeaderBytes: Int
    let maximumIdleConnections: Int
    /// Whether HTTP/2 may be negotiated. Below 8.0, libcurl can report a truncated HTTP/2 response as complete.
    let allowsHTTP2: Bool

    init(_ configuration: CurlTransport.Configuration, environment: (String) -> String? = Self.environment) {
        switch configuration.certificateAuthorities {
        case .environment:
            self.trust = Trust(
                file: environment("CURL_CA_BUNDLE") ?? environment("SSL_CERT_FILE"),
                directory: environment("SSL_CERT_DIR"))
        case .file(let path): self.trust = Trust(file: path)
        case .pem(let bytes): self.trust = Trust(pem: bytes)
        }
        switch configuration.proxy {
        case .environment: self.proxy = nil
        // libcurl reads an empty name as "none, and do not look at the environment".
        case .none: self.proxy = ""
        case .url(let url): self.proxy = url
        }
        self.bufferBytes = max(configuration.bufferBytes, 1)
        self.maximumHeaderBytes = configuration.maximumHeaderBytes
        self.maximumIdleConnections = max(configuration.maximumIdleConnections, 1)
        self.allowsHTTP2 = refrain_curl_runtime_version() >= 0x080000
    }

    /// Whether a request goes through a proxy, to the best of our knowledge: libcurl decides, and older ones do not tell.
    /// It serves to name the phase in which a connection failed.
    func usesProxy(for url: String) -> Bool {
        if let proxy { return !proxy.isEmpty }
        let parts = url.lowercased().split(separator: "/", maxSplits: 2)
        guard parts.count >= 2 else { return false }
        let variables = parts[0] == "https:" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        guard (variables + ["all_proxy", "ALL_PROXY"]).contains(where: { Self.environment($0) != nil }) else {
            return false
        }
        let host = parts[1].split(separator: ":").first ?? ""
        let exceptions = Self.environment("no_proxy") ?? Self.environment("NO_PROXY") ?? ""
        return !exceptions.lowercased().split(whereSeparator: { $0 == "," || $0 == " " }).contains { exception in
            let domain = exception.drop { $0 == "." }
            return domain == "*" || host == domain || host.hasSuffix(".\(domain)")
        }
    }

    /// A variable of the process's environment; nil where it is absent or empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
