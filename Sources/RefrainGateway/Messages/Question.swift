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
    /// The body as it came.
    let body: [UInt8]
    /// The body without its coding; the body itself where it has none.
    let plain: [UInt8]

    var policy: CachePolicy { self.head.policy }
    var isEncoded: Bool { self.head.fields.contentEncoding != nil }

    /// Finds out who asks, and for what; `record` is told.
    init(_ head: Head, _ body: [UInt8], _ state: GatewayState, _ record: inout RequestRecord) {
        self.head = head
        self.body = body
        let decoded =
            if let coding = head.fields.contentEncoding {
                ContentCoding.decoded(body, coding: coding, limit: state.configuration.limits.bodyBytes)
            } else {
                body
            }
        self.plain = decoded ?? body
        let caller = state.callers.caller(head.fields.identity)
        record.requestBytes = body.count
        record.tags = head.policy.tags
        record.scope = caller?.scope.fingerprint
        guard decoded != nil else {
            self.key = .none(BypassReason(.contentEncoding), caller?.upstreamKey)
            return
        }
        guard let caller else {
            self.key = .none(BypassReason(.noCredential), nil)
            return
        }
        switch caller.deriver.derive(self.plain) {
        case .key(let keyed):
            self.key = .keyed(keyed, caller)
            record.key = keyed.key
            record.isStreaming = keyed.isStreaming
            if let model = keyed.model {
                // No model has a name that long, and it is kept in tables.
                record.model = String(
                    decoding: JSONString.unescaped(self.plain[model.prefix(Self.longestModelName)]), as: UTF8.self)
            }
        case .bypass(let reason): self.key = .none(reason, caller.upstreamKey)
        }
    }
}
