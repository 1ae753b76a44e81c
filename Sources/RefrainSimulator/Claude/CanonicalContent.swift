import RefrainKeys

/// The form of a request's content that no spelling changes: white space, escapes and the order of the API's own
/// members do not show in it, and `cache_control` is left out where the API defines it.
///
/// Free-form subtrees (a tool's schema, a call's input) keep their members' order, because the model reads them in it.
/// It is injective: each value starts with its kind, and everything of variable length is counted.
enum CanonicalContent {
    /// How members of an object are to be read.
    enum Position {
        /// An object of the API's own.
        case envelope
        /// JSON of the caller's own.
        case freeForm
    }

    static func bytes(of value: JSONCursor, leavingOut names: Set<String> = []) -> [UInt8] {
        var output: [UInt8] = []
        Self.append(value, .envelope, leavingOut: names, to: &output)
        return output
    }

    private static let freeFormNames: Set<String> = ["input_schema", "input", "input_examples", "schema"]

    private static func append(
        _ value: JSONCursor, _ position: Position, leavingOut names: Set<String> = [], to output: inout [UInt8]
    ) {
        output.append(value.kind.rawValue)
        switch value.kind {
        case .string: Self.append(counted: Self.content(of: value), to: &output)
        case .number: Self.append(counted: Array(value.raw), to: &output)
        case .true, .false, .null: break
        case .array:
            let elements = Array(value.elements)
            Self.append(count: elements.count, to: &output)
            for element in elements { Self.append(element, position, to: &output) }
        case .object:
            var members = value.members.map { (name: Self.content(of: $0.name), value: $0.value) }
            if position == .envelope {
                members.removeAll { member in
                    let name = String(decoding: member.name, as: UTF8.self)
                    return name == "cache_control" || names.contains(name)
                }
                members.sort { $0.name.lexicographicallyPrecedes($1.name) }
            }
            Self.append(count: members.count, to: &output)
            for member in members {
                Self.append(counted: member.name, to: &output)
                let isFreeForm =
                    position == .freeForm || Self.freeFormNames.contains(String(decoding: member.name, as: UTF8.self))
                Self.append(member.value, isFreeForm ? .freeForm : .envelope, to: &output)
            }
        }
    }

    /// A string's content in UTF-8, escapes resolved.
    static func content(of string: JSONCursor) -> [UInt8] {
        guard let content = string.escapedContent else { return [] }
        return content.contains(UInt8(ascii: "\\")) ? JSONString.unescaped(content) : Array(content)
    }

    private static func append(counted bytes: [UInt8], to output: inout [UInt8]) {
        Self.append(count: bytes.count, to: &output)
        output.append(contentsOf: bytes)
    }

    private static func append(count: Int, to output: inout [UInt8]) {
        withUnsafeBytes(of: UInt64(count).littleEndian) { output.append(contentsOf: $0) }
    }
}
