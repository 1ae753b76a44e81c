import RefrainKeys

/// JSON text under construction. Objects keep the order in which their members are given, as the API's do.
struct JSONFragment: Sendable {
    var bytes: [UInt8]

    /// Text that is JSON already.
    init(raw bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    init(string: some StringProtocol) {
        self.bytes = []
        JSONString.append(string.utf8, quotedTo: &self.bytes)
    }

    init(_ value: Int) { self.bytes = Array(String(value).utf8) }

    /// A string, or `null` for nil.
    init(optional string: String?) { self = string.map { JSONFragment(string: $0) } ?? nil }

    init(members: some Sequence<(String, JSONFragment)>) {
        self.bytes = [UInt8(ascii: "{")]
        for (name, value) in members {
            if self.bytes.count > 1 { self.bytes.append(UInt8(ascii: ",")) }
            JSONString.append(name.utf8, quotedTo: &self.bytes)
            self.bytes.append(UInt8(ascii: ":"))
            self.bytes.append(contentsOf: value.bytes)
        }
        self.bytes.append(UInt8(ascii: "}"))
    }

    init(elements: some Sequence<JSONFragment>) {
        self.bytes = [UInt8(ascii: "[")]
        for value in elements {
            if self.bytes.count > 1 { self.bytes.append(UInt8(ascii: ",")) }
            self.bytes.append(contentsOf: value.bytes)
        }
        self.bytes.append(UInt8(ascii: "]"))
    }
}

extension JSONFragment: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    init(stringLiteral value: String) { self.init(string: value) }
    init(integerLiteral value: Int) { self.init(value) }
    init(booleanLiteral value: Bool) { self.bytes = Array((value ? "true" : "false").utf8) }
    init(nilLiteral: ()) { self.bytes = Array("null".utf8) }
    init(dictionaryLiteral elements: (String, JSONFragment)...) { self.init(members: elements) }
    init(arrayLiteral elements: JSONFragment...) { self.init(elements: elements) }
}
