@testable import RefrainKeys

/// A JSON value that tests take apart, change and spell anew.
///
/// It says by itself what a key must see: which objects are free-form, which numbers count by value, which members
/// do not count. So it is a second opinion on the canonical form, written without looking at the first.
indirect enum JSONTree: Sendable {
    case null
    case bool(Bool)
    case string(String)
    /// A number that counts by its spelling.
    case literal(String)
    /// A number that counts by its value: the first times ten to the power of the second.
    case decimal(Int, Int)
    /// The content of a message that is one text, which has two spellings.
    case text(String)
    case array([JSONTree])
    case object([Member], isFreeForm: Bool)

    struct Member: Sendable {
        var name: String
        var value: JSONTree
        /// Whether the key does not see it.
        var isIgnored = false
    }

    /// An object of the API's own.
    static func object(_ members: [Member]) -> JSONTree { .object(members, isFreeForm: false) }
}

extension JSONTree {
    /// Reads a valid JSON text; every object becomes one of the API's own, every number one by its spelling.
    init(_ text: String) throws {
        self.init(try JSONDocument(Array(text.utf8)).root)
    }

    init(_ cursor: JSONCursor) {
        switch cursor.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .number: self = .literal(String(decoding: cursor.raw, as: UTF8.self))
        case .string: self = .string(cursor.string ?? "")
        case .array: self = .array(cursor.elements.map { JSONTree($0) })
        case .object:
            self = .object(
                cursor.members.map { Member(name: $0.name.string ?? "", value: JSONTree($0.value)) }, isFreeForm: false)
        }
    }

    /// The value's text without white space, its members as they stand.
    var encoded: [UInt8] {
        var output: [UInt8] = []
        self.encode(to: &output)
        return output
    }

    private func encode(to output: inout [UInt8]) {
        switch self {
        case .null: output += Array("null".utf8)
        case .bool(let value): output += Array("\(value)".utf8)
        case .string(let text), .text(let text): JSONString.append(text.utf8, quotedTo: &output)
        case .literal(let literal): output += Array(literal.utf8)
        case .decimal(let digits, let exponent): output += Array("\(digits)e\(exponent)".utf8)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.encode(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members, _):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONString.append(member.name.utf8, quotedTo: &output)
                output.append(UInt8(ascii: ":"))
                member.value.encode(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// What the request asks, in one spelling of this type's own: two requests must have one key exactly where this is
    /// the same.
    var meaning: [UInt8] {
        var output: [UInt8] = []
        self.mean(to: &output)
        return output
    }

    private func mean(to output: inout [UInt8]) {
        func field(_ kind: String, _ bytes: some Collection<UInt8>) {
            output += Array("\(kind)\(bytes.count):".utf8)
            output += bytes
        }
        switch self {
        case .null: field("n", [])
        case .bool(let value): field("b", Array("\(value)".utf8))
        case .string(let text): field("s", text.utf8)
        case .literal(let literal): field("l", literal.utf8)
        case .text(let text):
            JSONTree.array([
                .object([Member(name: "type", value: .string("text")), Member(name: "text", value: .string(text))])
            ]).mean(to: &output)
        case .decimal(var digits, var exponent):
            while digits != 0, digits % 10 == 0 { (digits, exponent) = (digits / 10, exponent + 1) }
            field("d", "\(digits)e\(digits == 0 ? 0 : exponent)".utf8)
        case .array(let elements):
            field("a", Array("\(elements.count)".utf8))
            for element in elements { element.mean(to: &output) }
        case .object(let members, let isFreeForm):
            var counted = members.filter { !$0.isIgnored }
            if !isFreeForm { counted.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) } }
            field(isFreeForm ? "f" : "o", Array("\(counted.count)".utf8))
            for member in counted {
                field("m", member.name.utf8)
                member.value.mean(to: &output)
            }
        }
    }
}

/// Where a value stands in a ``JSONTree``.
struct JSONTreePath: Sendable, CustomStringConvertible {
    /// An element's index, or a member's name.
    enum Step: Sendable {
        case element(Int)
        case member(String)
    }

    var steps: [Step] = []

    /// The path with its indices.
    var description: String { self.text(withIndices: true) }
    /// The path without its indices, such as `messages[].content[].text`.
    var pattern: String { self.text(withIndices: false) }

    private func text(withIndices: Bool) -> String {
        self.steps.reduce(into: "") { path, step in
            switch step {
            case .element(let index): path += withIndices ? "[\(index)]" : "[]"
            case .member(let name): path += (path.isEmpty ? "" : ".") + name
            }
        }
    }

    func appending(_ step: Step) -> JSONTreePath { JSONTreePath(steps: self.steps + [step]) }

    /// Reads a path such as `messages[0].content`.
    init(_ text: String) {
        for part in text.split(separator: ".") {
            let pieces = part.split(separator: "[")
            if !part.hasPrefix("["), let name = pieces.first { self.steps.append(.member(String(name))) }
            for index in pieces.dropFirst(part.hasPrefix("[") ? 0 : 1) {
                if let index = Int(index.dropLast()) { self.steps.append(.element(index)) }
            }
        }
    }

    init(steps: [Step] = []) { self.steps = steps }
}

extension JSONTree {
    /// Calls `visit` with every value, outermost first, and those around it.
    func walk(
        _ path: JSONTreePath = JSONTreePath(), inside: [JSONTree] = [],
        _ visit: (JSONTreePath, JSONTree, [JSONTree]) throws -> Void
    ) rethrows {
        try visit(path, self, inside)
        switch self {
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                try element.walk(path.appending(.element(index)), inside: inside + [self], visit)
            }
        case .object(let members, _):
            for member in members {
                try member.value.walk(path.appending(.member(member.name)), inside: inside + [self], visit)
            }
        default: break
        }
    }

    /// The member called `name`.
    subscript(_ name: String) -> JSONTree? {
        guard case .object(let members, _) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The tree with what stands at `path` replaced; removed where the replacement is nil, added where nothing stands
    /// there.
    func replacing(_ path: JSONTreePath, by change: (JSONTree?) -> JSONTree?) -> JSONTree {
        self.replacing(path.steps[...], by: change) ?? .null
    }

    private func replacing(_ steps: ArraySlice<JSONTreePath.Step>, by change: (JSONTree?) -> JSONTree?) -> JSONTree? {
        guard let step = steps.first else { return change(self) }
        switch (step, self) {
        case (.element(let index), .array(var elements)) where index < elements.count:
            if let element = elements[index].replacing(steps.dropFirst(), by: change) {
                elements[index] = element
            } else {
                elements.remove(at: index)
            }
            return .array(elements)
        case (.member(let name), .object(var members, let isFreeForm)):
            if let index = members.firstIndex(where: { $0.name == name }) {
                if let value = members[index].value.replacing(steps.dropFirst(), by: change) {
                    members[index].value = value
                } else {
                    members.remove(at: index)
                }
            } else if steps.count == 1, let value = change(nil) {
                members.append(Member(name: name, value: value))
            }
            return .object(members, isFreeForm: isFreeForm)
        default: return self
        }
    }
}
