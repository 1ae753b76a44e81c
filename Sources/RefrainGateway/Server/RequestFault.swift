import NIOHTTP1

/// A request that is parsed and must not be served all the same: what is wrong with its head.
struct RequestFault: Error, Hashable {
    let status: Int
    let message: String

    /// Finds what is wrong with a head, if anything is. Costs one look at the name of each field.
    ///
    /// - A request of HTTP/1.1 has exactly one `Host` (RFC 9112 §3.2).
    /// - A body has no coding but `chunked`: any other would have to be undone before what it holds is known (§6.1).
    /// - A length is one that can be counted (RFC 9110 §8.6).
    init?(_ head: HTTPRequestHead) {
        var hosts = 0
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.lowercased() == "host": hosts += 1
            case 14 where name.lowercased() == "content-length" && Int(value) == nil:
                self.init(status: 400, message: "the content-length is larger than any body")
                return
            case 17 where name.lowercased() == "transfer-encoding" && value.lowercased() != "chunked":
                self.init(status: 501, message: "the gateway knows no transfer-encoding but chunked")
                return
            default: break
            }
        }
        guard head.version == .http1_1, hosts != 1 else { return nil }
        self.init(status: 400, message: "the request has \(hosts == 0 ? "no" : "more than one") host field")
    }

    private init(status: Int, message: String) {
        self.status = status
        self.message = message
    }
}
