import RefrainCore
import RefrainKeys

/// What a program or the dashboard asks to purge: `{"tags":[…],"models":[…],"versions":[…],"keys":[…],
/// "older_than":"7d","all":true}`, each member optional and at least one present.
struct PurgeOrder {
    let purges: [Purge]

    init(_ object: JSONObject, now: Timestamp) throws(Refusal) {
        var purges: [Purge] = []
        for member in object.members {
            switch member.name {
            case "tags": purges += try Self.labels(member, Label.tag)
            case "models": purges += try Self.labels(member, Label.model)
            case "versions": purges += try Self.labels(member, Label.version)
            case "keys":
                for text in try Self.texts(member) {
                    guard let key = RequestKey(hex: text) else { throw .invalid("keys: a key has 64 hex digits") }
                    purges.append(.key(key))
                }
            case "older_than":
                guard case .string(let text) = member.value, let age = Duration(text: text) else {
                    throw .invalid("older_than must be a duration, as in \"7d\"")
                }
                purges.append(.before(now.advanced(by: .zero - age)))
            case "all":
                guard case .bool(let all) = member.value else { throw .invalid("all must be true or false") }
                if all { purges.append(.all) }
            default:
                throw .invalid(
                    "\(member.name.prefix(40)) is nothing to purge by: there are tags, models, versions, keys, older_than "
                        + "and all")
            }
        }
        guard !purges.isEmpty else { throw .invalid("what? Name tags, models, versions, keys, older_than or all") }
        self.purges = purges
    }

    private static func labels(
        _ member: JSONObject.Member, _ kind: (String) -> Label
    ) throws(Refusal) -> [Purge] {
        try Self.texts(member).map { text throws(Refusal) in
            let label = kind(text)
            guard !text.isEmpty, label.description.utf8.count <= Label.maximumBytes else {
                throw .invalid("\(member.name): a name has from 1 to \(Label.maximumBytes) bytes, its kind included")
            }
            return .label(label)
        }
    }

    private static func texts(_ member: JSONObject.Member) throws(Refusal) -> [String] {
        guard case .array(let values) = member.value else {
            throw .invalid("\(member.name) must be an array of strings")
        }
        return try values.map { value throws(Refusal) in
            guard case .string(let text) = value else { throw .invalid("\(member.name) must be an array of strings") }
            return text
        }
    }
}
