import HTTPTypes
import Refrain
import RefrainCore
import RefrainKeys

/// The head of a request of `/v1/messages`, read in one pass: who asks, what of the cache, and what is sent on.
struct MessagesHead {
    var identity: CallerIdentity
    var controls = RequestControls()
    /// The fields that are sent on.
    var forwarded: [HTTPHeader] = []
    /// The body's coding; nil where it is plain.
    var contentEncoding: String?
    /// What the body announces to be; nil where it comes in chunks.
    var contentLength: Int?

    /// - Throws: ``Refusal`` where a control cannot be obeyed.
    init(_ fields: HTTPFields, policy: CachePolicy) throws(Refusal) {
        self.identity = CallerIdentity(version: "", betas: [], userVersion: policy.version, sample: policy.sample)
        self.forwarded.reserveCapacity(fields.count)
        for field in fields {
            let name = field.name.canonicalName
            let value = field.value
            guard try !self.controls.read(name, value) else { continue }
            switch name {
            case "x-api-key": self.identity.apiKey = Self.joined(self.identity.apiKey, value)
            case "authorization": self.identity.authorization = Self.joined(self.identity.authorization, value)
            case "anthropic-workspace-id": self.identity.workspace = Self.joined(self.identity.workspace, value)
            case "anthropic-user-profile-id": self.identity.userProfile = Self.joined(self.identity.userProfile, value)
            case "anthropic-version":
                let first = self.identity.version.isEmpty ? nil : self.identity.version
                self.identity.version = Self.joined(first, value)
            case "anthropic-beta": self.identity.betas.append(value)
            case "content-encoding": self.contentEncoding = Self.coding(self.contentEncoding, value)
            case "content-length": self.contentLength = Int(value)
            // What is stored and replayed is not compressed.
            case "accept-encoding": continue
            default: break
            }
            guard !UpstreamRequest.isConnectionField(name) else { continue }
            self.forwarded.append(HTTPHeader(name, value))
        }
        ForwardedHeaders.removeNominated(by: fields[values: .connection], from: &self.forwarded)
        self.forwarded.append(HTTPHeader("accept-encoding", "identity"))
        let (version, sample) = self.controls.keyed
        if let version { self.identity.userVersion = version }
        if let sample { self.identity.sample = sample }
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
