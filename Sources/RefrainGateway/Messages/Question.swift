import HTTPTypes
import Refrain
import RefrainCore
import RefrainKeys

/// A request of `/v1/messages` that was read.
struct Question: Sendable {
    private static let longestModelName = 200

    /// What its head says.
    struct Head: Sendable {
        var fields: MessagesHead
        var policy: CachePolicy

        /// - Throws: ``Refusal`` where a control cannot be obeyed.
        init(_ fields: HTTPFields, _ state: GatewayState) throws(Refusal) {
            let configuration = state.configuration
            try state.callers.checkTokens(fields)
            self.fields = try MessagesHead(fields, policy: configuration.policy)
            self.policy =
                self.fields.controls.isEmpty
                ? state.plainPolicy
                : try self.fields.controls.policy(
                    over: configuration.policy, maximumTTL: configuration.maximumTTL, observes: configuration.observes)
        }
    }

    enum Key: Sendable {
        case keyed(KeyedRequest, Caller)
        case none(BypassReason, NamedScope.UpstreamKey?)
    }

    let key: Key
    let head: Head
    /// The query of the target, with its mark; empty where there is none. It is no part of the key, and of what is asked.
    let query: String
    /// The body as it came.
    let body: [UInt8]
    /// The tool calls in the body's messages, where it had to be decoded to be read; nil where they are found when they
    /// are needed.
    private let knownToolUseIDs: [String]?

    var policy: CachePolicy { self.head.policy }
    var isEncoded: Bool { self.head.fields.contentEncoding != nil }

    /// The ids of the tool calls in the body's messages.
    var toolUseIDs: [String] {
        if let knownToolUseIDs { return knownToolUseIDs }
        guard case .keyed(let keyed, _) = self.key, keyed.hasToolUse else { return [] }
        return Array(RefrainKeys.toolUseIDs(in: self.body))
    }

    /// Finds out who asks, and for what; `record` is told.
    ///
    /// - Complexity: Linear in the body's size, decoded: what is large is not for an event loop or the cooperative pool.
    /// - Throws: ``Refusal`` where the body is too large when it is decoded.
    init(
        _ head: Head, query: String = "", _ body: [UInt8], _ state: GatewayState, _ record: inout RequestRecord
    ) throws(Refusal) {
        self.head = head
        self.query = query
        self.body = body
        var decoded: [UInt8]? = body
        if let coding = head.fields.contentEncoding {
            decoded = try ContentCoding.decoded(body, coding: coding, limit: state.configuration.limits.bodyBytes)
        }
        let caller = state.callers.caller(head.fields.identity)
        record.requestBytes = body.count
        record.tags = head.policy.tags
        record.scope = caller?.scope.fingerprint
        guard let plain = decoded else {
            self.knownToolUseIDs = []
            self.key = .none(BypassReason(.contentEncoding), caller?.upstreamKey)
            return
        }
        guard let caller else {
            self.knownToolUseIDs = []
            self.key = .none(BypassReason(.noCredential), nil)
            return
        }
        switch caller.deriver.derive(plain) {
        case .key(let keyed):
            self.key = .keyed(keyed, caller)
            // The decoded body may be a thousand times as large as what came: nothing keeps it.
            self.knownToolUseIDs =
                head.fields.contentEncoding != nil
                ? keyed.hasToolUse ? Array(RefrainKeys.toolUseIDs(in: plain)) : [] : nil
            record.key = keyed.key
            record.isStreaming = keyed.isStreaming
            if let model = keyed.model {
                // No model has a name that long, and it is kept in tables.
                record.model = String(
                    decoding: JSONString.unescaped(plain[model.prefix(Self.longestModelName)]), as: UTF8.self)
            }
        case .bypass(let reason):
            self.knownToolUseIDs = []
            self.key = .none(reason, caller.upstreamKey)
        }
    }
}
