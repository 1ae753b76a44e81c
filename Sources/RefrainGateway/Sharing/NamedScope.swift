public import RefrainKeys

/// A group whose members declare that they are one organisation, and share answers.
public struct NamedScope: Sendable {
    /// The group's name. Gateways on one Redis that give a group the same name share its answers.
    public var name: String
    /// The credentials of its members, each by its ``MemberID``.
    public var members: Set<MemberID>
    /// The API key that the gateway calls upstream with in place of a member's own credential; nil to send that on.
    ///
    /// With it, members need no API key: what they present are tokens that the operator gave them.
    public var upstreamKey: UpstreamKey?

    /// Creates a group.
    public init(name: String, members: Set<MemberID>, upstreamKey: UpstreamKey? = nil) {
        self.name = name
        self.members = members
        self.upstreamKey = upstreamKey
    }

    /// An API key that the gateway holds. It is shown nowhere.
    public struct UpstreamKey: Sendable, CustomStringConvertible, CustomReflectable {
        let exposed: String

        /// Takes a key; nil where it is empty or has a character that no header field may hold.
        public init?(_ key: String) {
            guard !key.isEmpty, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
            self.exposed = key
        }

        /// Nothing of the key.
        public var description: String { "(upstream key)" }
        /// Nothing of the key.
        public var customMirror: Mirror { Mirror(self, children: []) }
    }
}
