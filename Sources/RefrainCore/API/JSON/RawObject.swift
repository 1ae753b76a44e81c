import RefrainKeys

/// A JSON object as the bytes of its members, in order: what is merged and copied on without being understood.
struct RawObject: Sendable {
    struct Member: Sendable {
        /// The name with its quotes, as it stood.
        var name: [UInt8]
        /// The value's bytes.
        var value: [UInt8]
    }

    private(set) var members: [Member] = []

    init() {}

    /// The members of `object`; none where it is no object.
    init(_ object: JSONCursor) {
        for (name, value) in object.members {
            self.members.append(Member(name: Array(name.raw), value: Array(value.raw)))
        }
    }

    /// The bytes held, roughly.
    var byteCount: Int { self.members.reduce(2) { $0 + $1.name.count + $1.value.count + 2 } }

    /// The value of the last member called `name`, which needs no escapes.
    subscript(name: StaticString) -> [UInt8]? { self.index(of: name).map { self.members[$0].value } }

    /// Whether there is a member with this name, given with its quotes.
    func contains(_ name: [UInt8]) -> Bool { self.members.contains { $0.name == name } }

    /// Whether there is a member with one of these names.
    func holds(_ names: [StaticString]) -> Bool {
        self.members.contains { member in names.contains { member.name.isQuoted($0) } }
    }

    /// Whether two members have the same name, or a name is spelled with an escape and so might be another's. Linear.
    var isAmbiguous: Bool {
        Set(self.members.lazy.map(\.name)).count != self.members.count
            || self.members.contains { $0.name.contains(UInt8(ascii: "\\")) }
    }

    private func index(of name: StaticString) -> Int? {
        self.members.lastIndex { $0.name.isQuoted(name) }
    }

    /// Replaces the value of the member called `name`, or adds one: before the member called `next` where there is
    /// such a one, at the end otherwise.
    mutating func set(_ name: StaticString, _ value: [UInt8], before next: StaticString? = nil) {
        if let index = self.index(of: name) {
            self.members[index].value = value
        } else {
            var quoted: [UInt8] = [0x22]
            quoted.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            quoted.append(0x22)
            self.insert(Member(name: quoted, value: value), before: next)
        }
    }

    /// Replaces the value of the member that has the same name as `member`, or adds `member` as in ``set``.
    mutating func set(_ member: Member, before next: StaticString? = nil) {
        if let index = self.members.lastIndex(where: { $0.name == member.name }) {
            self.members[index].value = member.value
        } else {
            self.insert(member, before: next)
        }
    }

    private mutating func insert(_ member: Member, before next: StaticString?) {
        self.members.insert(member, at: next.flatMap { self.index(of: $0) } ?? self.members.endIndex)
    }

    /// Appends the object as JSON without spaces between its members.
    func append(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in self.members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(contentsOf: member.name)
            output.append(UInt8(ascii: ":"))
            output.append(contentsOf: member.value)
        }
        output.append(UInt8(ascii: "}"))
    }
}

extension Collection<UInt8> {
    /// Whether these bytes are `text` in quotation marks: the usual spelling of a JSON string.
    func isQuoted(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard self.count == count + 2, self.first == 0x22 else { return false }
        return self.dropFirst().prefix(count)
            .elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: count))
    }

    /// Whether these bytes are `null`.
    var isNull: Bool { self.elementsEqual("null".utf8) }

    /// These bytes with a space in the place of each line break, which JSON has only between its tokens.
    func withoutLineBreaks() -> [UInt8] {
        self.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }
}
