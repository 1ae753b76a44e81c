import RefrainKeys
import RefrainTesting

/// A JSON value with its members in order: what a test compares and builds requests from.
indirect enum RequestTree: Equatable, Sendable {
    case object([Member])
    case array([RequestTree])
    case string(String)
    /// A number, a Boolean or null, as written.
    case literal(String)

    struct Member: Equatable, Sendable {
        var name: String
        var value: RequestTree
    }

    init(_ cursor: JSONCursor) {
        switch cursor.kind {
        case .object:
            self = .object(cursor.members.map { Member(name: $0.name.string ?? "", value: RequestTree($0.value)) })
        case .array: self = .array(cursor.elements.map(RequestTree.init))
        case .string: self = .string(cursor.string ?? "")
        default: self = .literal(String(decoding: cursor.raw, as: UTF8.self))
        }
    }

    init(_ body: [UInt8]) throws { self.init(try JSONDocument(body).root) }

    static func members(_ members: KeyValuePairs<String, RequestTree>) -> RequestTree {
        .object(members.map { Member(name: $0.key, value: $0.value) })
    }

    static func text(_ text: String) -> RequestTree { .members(["type": "text", "text": .string(text)]) }

    subscript(_ name: String) -> RequestTree? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    var elements: [RequestTree] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    /// The bytes, with members in random order and random white space where there is a generator.
    func rendered(_ generator: inout SeededGenerator) -> [UInt8] {
        func space(_ generator: inout SeededGenerator) -> [UInt8] {
            generator.oneIn(6) ? Array([" ", "\n", "\t ", "\r\n"].randomElement(using: &generator)!.utf8) : []
        }
        switch self {
        case .object(let members):
            let parts = members.shuffled(using: &generator).map { member in
                RequestTree.string(member.name).rendered(&generator) + space(&generator) + [UInt8(ascii: ":")]
                    + space(&generator) + member.value.rendered(&generator) + space(&generator)
            }
            return [UInt8(ascii: "{")] + space(&generator) + parts.joined(separator: [UInt8(ascii: ",")])
                + [UInt8(ascii: "}")]
        case .array(let elements):
            let parts = elements.map { $0.rendered(&generator) + space(&generator) }
            return [UInt8(ascii: "[")] + space(&generator) + parts.joined(separator: [UInt8(ascii: ",")])
                + [UInt8(ascii: "]")]
        case .string(let text):
            var output: [UInt8] = []
            if generator.oneIn(8), let first = text.unicodeScalars.first, first.isASCII {
                // The first character escaped: the same string in other bytes.
                let digits = String(first.value, radix: 16)
                output = Array(("\"\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
                JSONString.append(String(text.unicodeScalars.dropFirst()).utf8, escapedTo: &output)
                return output + [UInt8(ascii: "\"")]
            }
            JSONString.append(text.utf8, quotedTo: &output)
            return output
        case .literal(let text): return Array(text.utf8)
        }
    }

    /// The bytes, compact and in order.
    var bytes: [UInt8] {
        switch self {
        case .object(let members):
            return [UInt8(ascii: "{")]
                + members.map { RequestTree.string($0.name).bytes + [UInt8(ascii: ":")] + $0.value.bytes }
                .joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")]
        case .array(let elements):
            return [UInt8(ascii: "[")] + elements.map(\.bytes).joined(separator: [UInt8(ascii: ",")])
                + [UInt8(ascii: "]")]
        case .string(let text):
            var output: [UInt8] = []
            JSONString.append(text.utf8, quotedTo: &output)
            return output
        case .literal(let text): return Array(text.utf8)
        }
    }
}

extension RequestTree: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    ExpressibleByBooleanLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .literal(String(value)) }
    init(booleanLiteral value: Bool) { self = .literal(String(value)) }
    init(arrayLiteral elements: RequestTree...) { self = .array(elements) }
}

extension RequestTree {
    /// The marks that the tree holds in the places where the API defines them, in the order of the prefix, and the
    /// tree without them. A string that carries a mark as a block of its own stays an array.
    func withoutMarks() -> (tree: RequestTree, marks: [(path: String, mark: RequestTree)]) {
        guard case .object(var root) = self else { return (self, []) }
        var found: [String: [(path: String, mark: RequestTree)]] = [:]
        for section in ["tools", "system"] {
            guard let at = root.firstIndex(where: { $0.name == section }), case .array(let items) = root[at].value
            else { continue }
            root[at].value = .array(
                items.enumerated().map { $1.taking(path: "\(section)[\($0)]", into: &found[section, default: []]) }
            )
        }
        if let at = root.firstIndex(where: { $0.name == "messages" }), case .array(let messages) = root[at].value {
            root[at].value = .array(
                messages.enumerated().map { index, message in
                    guard case .object(var members) = message,
                        let at = members.firstIndex(where: { $0.name == "content" }),
                        case .array(let blocks) = members[at].value
                    else { return message }
                    members[at].value = .array(
                        blocks.enumerated().map {
                            $1.taking(path: "messages[\(index)].content[\($0)]", into: &found["messages", default: []])
                        }
                    )
                    return .object(members)
                }
            )
        }
        return (.object(root), ["tools", "system", "messages"].flatMap { found[$0] ?? [] })
    }

    private func taking(path: String, into marks: inout [(path: String, mark: RequestTree)]) -> RequestTree {
        guard case .object(let members) = self else { return self }
        for member in members where member.name == "cache_control" && member.value != .literal("null") {
            marks.append((path, member.value))
        }
        return .object(members.filter { $0.name != "cache_control" })
    }
}

extension SeededGenerator {
    /// True once in `n` times.
    mutating func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }
}
