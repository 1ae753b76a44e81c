import RefrainKeys

/// Writes a JSON object member by member, in the order of the calls.
struct JSONObjectWriter {
    private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: String?) {
        guard let value else { return }
        self.name(name)
        JSONString.append(value.utf8, quotedTo: &self.bytes)
    }

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: Int?) {
        guard let value else { return }
        self.name(name)
        self.bytes.append(contentsOf: String(value).utf8)
    }

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: Bool?) {
        guard let value else { return }
        self.name(name)
        self.bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: JSONNumber?) {
        guard let value else { return }
        self.name(name)
        self.bytes.append(contentsOf: value.literal.utf8)
    }

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: RawJSON?) {
        guard let value else { return }
        self.name(name)
        self.bytes.append(contentsOf: value.bytes)
    }

    /// Writes a member; nothing for nil.
    mutating func member(_ name: String, _ value: JSONValue?) {
        guard let value else { return }
        self.name(name)
        value.append(to: &self.bytes)
    }

    /// Writes an array of values; nothing for nil.
    mutating func member(_ name: String, _ values: [RawJSON]?) {
        guard let values else { return }
        self.name(name)
        self.bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { self.bytes.append(UInt8(ascii: ",")) }
            self.bytes.append(contentsOf: value.bytes)
        }
        self.bytes.append(UInt8(ascii: "]"))
    }

    /// Writes the members of `object` in their order.
    mutating func members(_ object: JSONObject) {
        for member in object.members { self.member(member.name, member.value) }
    }

    /// The finished object.
    consuming func finished() -> RawJSON {
        self.bytes.append(UInt8(ascii: "}"))
        return RawJSON(unchecked: self.bytes)
    }

    private mutating func name(_ name: String) {
        if self.bytes.count > 1 { self.bytes.append(UInt8(ascii: ",")) }
        JSONString.append(name.utf8, quotedTo: &self.bytes)
        self.bytes.append(UInt8(ascii: ":"))
    }
}
