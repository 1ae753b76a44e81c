import HTTPTypes
import RefrainCore
import RefrainKeys

/// Who sends a request, by the header fields that decide whose answers it may have and what they are.
struct CallerIdentity: Hashable {
    var apiKey: String?
    var authorization: String?
    var workspace: String?
    var userProfile: String?
    var version: String
    var betas: [String]
    /// Other fields of the API's that may change the answer, as `name: value`.
    var fields: [String] = []
    var userVersion: String
    var sample: Int

    /// The bytes of its texts.
    var byteCount: Int {
        let optional = [self.apiKey, self.authorization, self.workspace, self.userProfile].compactMap(\.self)
        return (optional + self.betas + self.fields + [self.version, self.userVersion]).reduce(0) { $0 + $1.utf8.count }
    }
}

/// What the gateway knows of a caller: its scope, what derives its keys, and what upstream is told in its name.
struct Caller: Sendable {
    /// Who shares answers with it.
    let scope: Scope
    /// Derives the keys of its requests.
    let deriver: KeyDeriver
    /// Tells the credential that upstream sees from others.
    let credential: String
    /// The key that takes the place of the caller's credential upstream; nil to send that on.
    let upstreamKey: NamedScope.UpstreamKey?
}

/// Finds out who callers are, and remembers the last ones.
final class Callers: Sendable {
    /// How many are remembered. Whoever was forgotten costs some microseconds more.
    private static let capacity = 4_096
    private static let longestIdentity = 4_096

    private let origin: String
    private let options: KeyOptions
    private let groups: [MemberID: NamedScope]
    private let known = Locked<[CallerIdentity: Caller]>([:])

    init(origin: String, options: KeyOptions, scopes: [NamedScope]) {
        self.origin = origin
        self.options = options
        var groups: [MemberID: NamedScope] = [:]
        for scope in scopes {
            for member in scope.members { groups[member] = scope }
        }
        self.groups = groups
    }

    /// The caller; nil where it presents no credential.
    func caller(_ identity: CallerIdentity) -> Caller? {
        if let caller = self.known.withLock({ $0[identity] }) { return caller }
        guard let caller = self.make(identity) else { return nil }
        // Whoever sends longer fields than any client does is not remembered: many of them would fill the memory.
        guard identity.byteCount <= Self.longestIdentity else { return caller }
        let forgotten = self.known.withLock { known in
            let full = known.count >= Self.capacity ? known : [:]
            if !full.isEmpty { known = [:] }
            known[identity] = caller
            return full
        }
        return withExtendedLifetime(forgotten) { caller }
    }

    /// Refuses a request in which a member's token stands beside another credential: the token is for the gateway alone, and
    /// nothing would take it out.
    func checkTokens(_ fields: HTTPFields) throws(Refusal) {
        guard !self.groups.isEmpty else { return }
        let (apiKeys, authorizations) = (fields[values: .xAPIKey], fields[values: .authorization])
        guard apiKeys.count + authorizations.count > 1 else { return }
        let isToken =
            apiKeys.contains { self.upstreamKey(apiKey: $0, authorization: nil) != nil }
            || authorizations.contains { self.upstreamKey(apiKey: nil, authorization: $0) != nil }
        // One token in both fields is one credential.
        let isOne =
            apiKeys.count == 1 && authorizations.count == 1
            && self.upstreamKey(apiKey: apiKeys[0], authorization: authorizations[0]) != nil
        guard isToken, !isOne else { return }
        throw .invalid("a token of this gateway stands beside another credential: send one of them")
    }

    /// The key that the gateway sends upstream for whoever presents this credential; nil to send that on.
    func upstreamKey(apiKey: String?, authorization: String?) -> NamedScope.UpstreamKey? {
        guard !self.groups.isEmpty, let member = MemberID(apiKey: apiKey, authorization: authorization) else {
            return nil
        }
        return self.groups[member]?.upstreamKey
    }

    private func make(_ identity: CallerIdentity) -> Caller? {
        guard
            let own = Scope.credential(
                apiKey: identity.apiKey, authorization: identity.authorization, workspace: identity.workspace,
                userProfile: identity.userProfile)
        else { return nil }
        let group = MemberID(apiKey: identity.apiKey, authorization: identity.authorization)
            .flatMap { self.groups[$0] }
        let scope = group.map { Self.scope(of: $0, identity) } ?? own
        let credential = group?.upstreamKey == nil ? own.fingerprint : scope.fingerprint
        let context = KeyContext(
            scope: scope, origin: self.origin, version: identity.version, betas: identity.betas,
            fields: identity.fields, userVersion: identity.userVersion, sampleIndex: identity.sample,
            options: self.options)
        return Caller(
            scope: scope, deriver: KeyDeriver(context), credential: credential, upstreamKey: group?.upstreamKey)
    }

    /// A group's answers are apart by workspace and user profile too: files and thinking blocks belong to one.
    private static func scope(of group: NamedScope, _ identity: CallerIdentity) -> Scope {
        let places = [identity.workspace, identity.userProfile].map { $0 ?? "" }
        guard places.contains(where: { !$0.isEmpty }) else { return .shared(group.name) }
        return .shared(([group.name] + places.map { "\($0.utf8.count):\($0)" }).joined(separator: "/"))
    }
}
