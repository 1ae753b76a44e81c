import RefrainKeys

/// The members of a JSON object in their order.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// A name and its value.
    public struct Member: Sendable, Hashable {
        /// The name.
        public var name: String
        /// The value.
        public var value: JSONValue

        /// Creates a member.
        public init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }

        /// Whether both have the same scalars in their names and equal values.
        public static func == (left: Member, right: Member) -> Bool {
            left.name.utf8.elementsEqual(right.name.utf8) && left.value == right.value
        }

        /// Hashes name and value.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(Array(self.name.utf8))
            hasher.combine(self.value)
        }
    }

    /// The members in order. A name that stands twice in a JSON text stands twice here.
    public var members: [Member] = []

    /// Creates an empty object.
    public init() {}
    /// Creates an object with these members in their order.
    public init(_ members: some Sequence<(String, JSONValue)>) { self.members = members.map { Member($0, $1) } }
    /// Creates an object with its members in this order.
    public init(dictionaryLiteral members: (String, JSONValue)...) { self.init(members) }

    /// Whether there are no members.
    public var isEmpty: Bool { self.members.isEmpty }

    /// The value of the last member called `name`, scalar by scalar; nil where there is none. Linear.
    ///
    /// Setting replaces it in its place, or adds a member at the end; setting nil removes all members of that name.
    public subscript(name: String) -> JSONValue? {
        get { self.index(of: name).map { self.members[$0].value } }
        set {
            guard let newValue else { return self.members.removeAll { $0.name.utf8.elementsEqual(name.utf8) } }
            if let index = self.index(of: name) {
                self.members[index].value = newValue
            } else {
                self.append(name, newValue)
            }
        }
    }

    private func index(of name: String) -> Int? {
        self.members.lastIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }

    mutating func append(_ name: String, _ value: JSONValue) { self.members.append(Member(name, value)) }

    func append(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in self.members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            JSONString.append(member.name.utf8, quotedTo: &output)
            output.append(UInt8(ascii: ":"))
            member.value.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}
