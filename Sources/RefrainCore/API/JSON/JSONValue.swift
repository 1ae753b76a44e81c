import RefrainKeys

/// A JSON value that keeps the order of members and the spelling of numbers.
///
/// Spaces and the spelling of strings are not kept: where those matter, see ``RawJSON``. Two values are equal when
/// their encodings are: order and number spellings count, and strings compare by their scalars, not by canonical
/// equivalence as `String` does.
public enum JSONValue: Sendable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A number.
    case number(JSONNumber)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object(JSONObject)

    /// Reads a JSON text. Linear.
    ///
    /// - Throws: ``WireError/Code/invalidJSON`` where the bytes are not JSON, or hold a string with an unpaired
    ///   surrogate, which no `String` can hold.
    public init(_ bytes: [UInt8]) throws(WireError) {
        self = try JSONValue(JSONDocument.read(bytes).root)
    }

    /// Reads a JSON text. Linear. See ``init(_:)-([UInt8])``.
    public init(parsing text: String) throws(WireError) { try self.init(Array(text.utf8)) }

    init(_ value: JSONCursor) throws(WireError) {
        switch value.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .number: self = .number(JSONNumber(unchecked: String(decoding: value.raw, as: UTF8.self)))
        case .string: self = .string(try Self.string(value))
        case .array:
            var elements: [JSONValue] = []
            for element in value.elements { elements.append(try JSONValue(element)) }
            self = .array(elements)
        case .object:
            var object = JSONObject()
            for (name, member) in value.members { object.append(try Self.string(name), try JSONValue(member)) }
            self = .object(object)
        }
    }

    private static func string(_ value: JSONCursor) throws(WireError) -> String {
        let content = value.escapedContent ?? []
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        guard let string = String(validating: JSONString.unescaped(content), as: UTF8.self) else {
            throw WireError(JSONError(.invalidEscape, at: value.range.lowerBound))
        }
        return string
    }

    /// The JSON text of this value, without spaces: always the same for the same value. Linear.
    public func encoded() -> [UInt8] { RawJSON(self).bytes }

    /// Appends the JSON text of this value.
    func append(to output: inout [UInt8]) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let number): output.append(contentsOf: number.literal.utf8)
        case .string(let text): JSONString.append(text.utf8, quotedTo: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.append(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object): object.append(to: &output)
        }
    }
}

extension JSONValue {
    /// The string, where this is one.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The Boolean, where this is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The number, where this is one.
    public var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }
    /// The integer, where this is a number spelled as one.
    public var int: Int? { self.number?.int }
    /// The number as a double, where this is one.
    public var double: Double? { self.number?.double }
    /// The elements, where this is an array.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The members, where this is an object.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether this is `null`.
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// The value of the last member called `name`; nil where there is none, or this is no object. Linear.
    public subscript(name: String) -> JSONValue? { self.object?[name] }
    /// The element at `index`; nil where there is none, or this is no array.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }
}

extension JSONValue: Hashable {
    /// Whether both have the same encoding.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Hashes the encoding.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.encoded()) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral,
    CustomStringConvertible
{
    /// Creates a string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Creates a number.
    public init(integerLiteral value: Int) { self = .number(JSONNumber(integerLiteral: value)) }
    /// Creates a number.
    public init(floatLiteral value: Double) { self = .number(JSONNumber(floatLiteral: value)) }
    /// Creates a Boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Creates an array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Creates an object with its members in this order.
    public init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(JSONObject(members)) }
    /// Creates `null`.
    public init(nilLiteral: ()) { self = .null }
    /// The JSON text.
    public var description: String { String(decoding: self.encoded(), as: UTF8.self) }
}
