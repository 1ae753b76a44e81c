import RefrainKeys

/// What a namespace is called in Redis. All keys of one entry are in one slot of a cluster.
struct RedisNames: Sendable {
    /// The namespace.
    let namespace: String
    /// The key of the generation record.
    let record: String

    /// - Precondition: the namespace is valid: see ``isValid(_:)``.
    init(namespace: String) {
        self.namespace = namespace
        self.record = "refrain:{\(namespace)}:gen"
    }

    /// Whether a namespace has from 1 to 64 letters, digits, dots, dashes and underscores of ASCII.
    static func isValid(_ namespace: String) -> Bool {
        (1...64).contains(namespace.utf8.count)
            && namespace.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// The key of an entry's envelope.
    func value(_ key: RequestKey) -> String { "refrain:\(self.namespace):{\(key.hex)}:v" }
    /// The key of an entry's lease.
    func lease(_ key: RequestKey) -> String { "refrain:\(self.namespace):{\(key.hex)}:l" }
    /// The channel on which the end of an entry's lease is told.
    func channel(_ key: RequestKey) -> String { "refrain:\(self.namespace):{\(key.hex)}:w" }
    /// The pattern of the keys of all envelopes. A namespace has no characters that a pattern gives a meaning to.
    var values: String { "refrain:\(self.namespace):{*}:v" }

    /// The entry that an envelope's key or a lease's channel belongs to.
    func requestKey(of name: some StringProtocol) -> RequestKey? {
        guard let open = name.utf8.firstIndex(of: UInt8(ascii: "{")),
            let close = name.utf8.firstIndex(of: UInt8(ascii: "}")), open < close
        else { return nil }
        return RequestKey(hex: name[name.utf8.index(after: open)..<close])
    }
}
