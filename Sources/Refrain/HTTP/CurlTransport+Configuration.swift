extension CurlTransport {
    /// How a transport reaches servers. There is no option that turns the verification of certificates off.
    public struct Configuration: Sendable {
        /// Whom to trust.
        public var certificateAuthorities: CertificateAuthorities
        /// The way out.
        public var proxy: Proxy
        /// How many received bytes of one response may wait for their reader before the server is held up. It may be
        /// exceeded by one read from the network, 16 KiB.
        public var bufferBytes: Int
        /// How large the head of a response may be, its interim responses included.
        public var maximumHeaderBytes: Int
        /// How many idle connections are kept for reuse, over all hosts.
        public var maximumIdleConnections: Int

        /// Creates a configuration. See the properties for the meaning of the parameters.
        public init(
            certificateAuthorities: CertificateAuthorities = .environment, proxy: Proxy = .environment,
            bufferBytes: Int = 256 << 10, maximumHeaderBytes: Int = 128 << 10, maximumIdleConnections: Int = 100
        ) {
            self.certificateAuthorities = certificateAuthorities
            self.proxy = proxy
            self.bufferBytes = bufferBytes
            self.maximumHeaderBytes = maximumHeaderBytes
            self.maximumIdleConnections = maximumIdleConnections
        }
    }

    /// Whom to trust.
    public enum CertificateAuthorities: Hashable, Sendable {
        /// The file that `CURL_CA_BUNDLE`, or else `SSL_CERT_FILE`, names, and the directory that `SSL_CERT_DIR` names,
        /// where they are set and not empty; the system's file where none is named. Read when the transport is created.
        /// A file that is named and cannot be read is an error, not a fallback.
        ///
        /// `SSL_CERT_DIR` is better left alone: with a directory, every new connection reads the files again.
        case environment
        /// The PEM file at this path and nothing else.
        case file(String)
        /// These PEM certificates and nothing else.
        case pem([UInt8])
    }

    /// The way out.
    public enum Proxy: Hashable, Sendable {
        /// `https_proxy` or `HTTPS_PROXY`, `http_proxy` (in lower case only, for the sake of CGI programs),
        /// `all_proxy` or `ALL_PROXY`, and the exceptions of `no_proxy` or `NO_PROXY`, as libcurl reads them.
        case environment
        /// None, whatever the environment says.
        case none
        /// This one, for every host. `http://`, `https://` and `socks5h://` are understood, with credentials in
        /// the URL if need be.
        case url(String)
    }
}
