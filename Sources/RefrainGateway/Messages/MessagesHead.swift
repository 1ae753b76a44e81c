import HTTPTypes
import Refrain
import RefrainCore
import RefrainKeys

/// The head of a request of `/v1/messages`, read in one pass: who asks, and what of the cache.
struct MessagesHead: Sendable {
    var identity: CallerIdentity
    var controls = RequestControls()
    /// The body's coding; nil where it is plain.
    var contentEncoding: String?
    /// What the body announces to be; nil where it comes in chunks.
    var contentLength: Int?
    private let fields: HTTPFields

    /// - Throws: ``Refusal`` where a control cannot be obeyed.
    init(_ fields: HTTPFields, policy: CachePolicy) throws(Refusal) {
        self.fields = fields
        self.identity = CallerIdentity(version: "", betas: [], userVersion: policy.version, sample: policy.sample)
        for field in fields {
            let name = field.name.canonicalName
            let value = field.value
            guard try !self.controls.read(name, value) else { continue }
            switch name {
            case "x-api-key": self.identity.apiKey = Self.joined(self.identity.apiKey, try Self.plain(name, value))
            case "authorization":
                self.identity.authorization = Self.joined(self.identity.authorization, try Self.plain(name, value))
            case "anthropic-workspace-id":
                self.identity.workspace = Self.joined(self.identity.workspace, try Self.plain(name, value))
            case "anthropic-user-profile-id":
                self.identity.userProfile = Self.joined(self.identity.userProfile, try Self.plain(name, value))
            case "anthropic-version":
                let first = self.identity.version.isEmpty ? nil : self.identity.version
                self.identity.version = Self.joined(first, try Self.plain(name, value))
            case "anthropic-beta": self.identity.betas.append(try Self.plain(name, value))
            // What browsers must say; it changes nothing.
            case "anthropic-dangerous-direct-browser-access": break
            case "content-encoding": self.contentEncoding = Self.coding(self.contentEncoding, value)
            case "content-length": self.contentLength = Int(value)
            default:
                // What is not known may change the answer.
                guard name.hasPrefix("anthropic-") else { break }
                self.identity.fields.append("\(name): \(try Self.plain(name, value))")
            }
        }
        let (version, sample) = self.controls.keyed
        if let version { self.identity.userVersion = version }
        if let sample { self.identity.sample = sample }
    }

    /// The fields that are sent on.
    var forwarded: [HTTPHeader] {
        var headers = ForwardedHeaders.ofRequest(self.fields)
        // What is stored and replayed is not compressed.
        headers.removeAll { $0.name == "accept-encoding" || $0.name == "cache-control" }
        headers.append(HTTPHeader("accept-encoding", "identity"))
        return headers
    }

    /// A value that is told from every other by its characters: of text beyond ASCII, several spellings compare as equal, and
    /// bytes that are no UTF-8 have become one and the same character.
    private static func plain(_ name: String, _ value: String) throws(Refusal) -> String {
        guard value.utf8.allSatisfy({ $0 < 0x80 }) else { throw .invalid("\(name) must be ASCII") }
        return value
    }

    /// A field that came twice is one of its own: it must not share with either.
    private static func joined(_ first: String?, _ second: String) -> String {
        first.map { $0 + ", " + second } ?? second
    }

    private static func coding(_ first: String?, _ second: String) -> String? {
        let coding = second.lowercased()
        guard coding != "identity" else { return first }
        return Self.joined(first, coding)
    }
}
