import HTTPTypes
import RefrainCore

/// Decides who may use the admin surface.
///
/// With a token, whoever has it. Without one, on a loopback address, whoever is on the machine and is no foreign page in
/// a browser there: the `Host` must be a loopback name, so that a name that was rebound to 127.0.0.1 gets nothing; a
/// foreign `Origin` or `Sec-Fetch-Site` is refused; and writes must be `application/json`, which a page elsewhere cannot
/// send without asking first. Without one on any other address, nobody.
struct AdminGuard: Sendable {
    private let token: AdminToken?
    private let isLoopback: Bool

    init(_ configuration: GatewayConfiguration) {
        self.token = configuration.adminToken
        self.isLoopback = Self.isLoopback(configuration.host)
    }

    /// Whether an address or name is one of this machine alone.
    static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        if ["localhost", "::1", "[::1]"].contains(name) { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Admits whoever may see the page, which tells nothing by itself.
    func admitPage(_ head: RequestHead) throws(Refusal) { try self.refuseForeigners(head) }

    /// Admits whoever may read and change what the page shows.
    func admit(_ head: RequestHead) throws(Refusal) {
        try self.refuseForeigners(head)
        if head.method != .get, head.method != .head {
            let type = head.headerFields[.contentType]?.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
            guard type == "application/json" else {
                throw Refusal(
                    status: 415, kind: .invalidRequest, "a change must be sent as content-type: application/json")
            }
        }
        guard let token else {
            guard self.isLoopback else {
                throw Refusal(
                    status: 403, kind: .permission,
                    "the admin surface is shut: start the gateway with an admin token, since others can reach it")
            }
            return
        }
        let given = head.headerFields[.authorization] ?? ""
        guard given.lowercased().hasPrefix("bearer "), token.admits(String(given.dropFirst(7))) else {
            throw Refusal(
                status: 401, kind: .authentication, "the admin surface takes a token: authorization: Bearer …",
                fields: [HTTPHeader("www-authenticate", "Bearer")])
        }
    }

    private func refuseForeigners(_ head: RequestHead) throws(Refusal) {
        let host = head.authority ?? ""
        // With a token, the gateway may have any name. Without one, names that are not this machine's are a trick.
        if self.token == nil, self.isLoopback, !Self.isLoopback(Self.name(of: host)) {
            throw Refusal(
                status: 403, kind: .permission, "the admin surface is reached as localhost, 127.0.0.1 or [::1] only")
        }
        if let site = head.headerFields[.secFetchSite], !["same-origin", "none"].contains(site) {
            throw Refusal(status: 403, kind: .permission, "the admin surface is not for pages of other sites")
        }
        if let origin = head.headerFields[.origin] {
            guard let start = origin.firstRange(of: "://")?.upperBound, origin[start...] == host else {
                throw Refusal(status: 403, kind: .permission, "the admin surface is not for pages of other sites")
            }
        }
    }

    /// A host without its port; the whole where it is none, which is then nobody's name.
    private static func name(of host: String) -> String {
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        let port = host.dropFirst(name.count)
        let isPort = port.first == ":" && port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
        return port.isEmpty || isPort ? name : host
    }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = Self("sec-fetch-site")!
}
