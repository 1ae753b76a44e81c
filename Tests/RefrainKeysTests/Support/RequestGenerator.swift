@testable import RefrainKeys

/// A request as a tree that knows which of its parts the key sees, so that it can be written down in many ways, and
/// compared without the code under test.
indirect enum Node {
    case text([UInt32])
    /// A number whose spelling counts.
    case literal(String)
    /// A number of the API's own, as digits and a power of ten without trailing zeros.
    case decimal(digits: Int, power: Int)
    case bool(Bool)
    case null
    case array([Node])
    /// An object of the API's own. Marked: it may carry `cache_control`, which does not count.
    case object([(name: [UInt32], value: Node)], isMarked: Bool = false)
    /// An object whose order counts.
    case free([(name: [UInt32], value: Node)])
    /// A message's content of one text block, which may be written as a string.
    case shorthand([UInt32])
    /// The request, which may carry parameters that do not count.
    case request([(name: [UInt32], value: Node)])
}

extension Node {
    static func text(_ text: String) -> Node { .text(text.unicodeScalars.map(\.value)) }

    static func named(_ members: KeyValuePairs<String, Node>) -> [(name: [UInt32], value: Node)] {
        members.map { (Array($0.key.unicodeScalars.map(\.value)), $0.value) }
    }

    /// What the key should see, in a form that has nothing in common with the canonical one but its injectivity.
    var reference: String {
        func list(_ parts: [String]) -> String { parts.map { "\($0.utf8.count)!\($0)" }.joined() }
        func name(_ scalars: [UInt32]) -> String { scalars.map { String($0, radix: 16) }.joined(separator: ".") }
        switch self {
        case .text(let scalars): return "t" + name(scalars)
        case .literal(let literal): return "l" + literal
        case .decimal(let digits, let power): return "d\(digits)e\(power)"
        case .bool(let bool): return "b\(bool)"
        case .null: return "n"
        case .array(let elements): return "a" + list(elements.map(\.reference))
        case .object(let members, _), .request(let members):
            return "o" + list(members.map { list([name($0.name), $0.value.reference]) }.sorted())
        case .free(let members): return "f" + list(members.map { list([name($0.name), $0.value.reference]) })
        case .shorthand(let scalars):
            return Node.array([.object(Self.named(["type": .text("text"), "text": .text(scalars)]))]).reference
        }
    }
}

/// Generates requests, writes them in different ways, and changes them.
struct RequestGenerator {
    var random: SplitMix64

    init(seed: UInt64) { self.random = SplitMix64(seed: seed) }

    // MARK: Generating

    mutating func request() -> Node {
        var members = Node.named(["model": self.text(), "max_tokens": self.decimal(positive: true)])
        members += Node.named(["messages": .array(self.many(1...4) { $0.message() })])
        if self.random.oneIn(2) {
            members += Node.named([
                "system": self.random.oneIn(2) ? self.text() : .array(self.many(1...2) { $0.textBlock() })
            ])
        }
        if self.random.oneIn(2) { members += Node.named(["tools": .array(self.many(1...3) { $0.tool() })]) }
        if self.random.oneIn(3) { members += Node.named(["temperature": self.decimal()]) }
        if self.random.oneIn(3) {
            members += Node.named(["stop_sequences": .array(self.many(0...2) { $0.text() })])
        }
        if self.random.oneIn(4) {
            members += Node.named([
                "thinking": .object(
                    Node.named(["type": .text("enabled"), "budget_tokens": self.decimal(positive: true)]))
            ])
        }
        if self.random.oneIn(4) {
            members += Node.named([
                "output_config": .object(
                    Node.named([
                        "effort": .text("high"),
                        "format": .object(
                            Node.named(["type": .text("json_schema"), "schema": self.freeForm(depth: 2)])),
                    ]))
            ])
        }
        if self.random.oneIn(5) { members += Node.named(["of_tomorrow": self.freeForm(depth: 2)]) }
        return .request(members)
    }

    private mutating func message() -> Node {
        let content: Node =
            self.random.oneIn(3) ? .shorthand(self.scalars()) : .array(self.many(1...3) { $0.block(depth: 1) })
        return .object(
            Node.named(["role": .text(self.random.oneIn(2) ? "user" : "assistant"), "content": content]))
    }

    private mutating func textBlock() -> Node {
        .object(Node.named(["type": .text("text"), "text": self.text()]), isMarked: true)
    }

    private mutating func block(depth: Int) -> Node {
        switch Int.random(in: 0..<6, using: &self.random) {
        case 0:
            return .object(
                Node.named([
                    "type": .text("tool_use"), "id": self.text(), "name": self.text(), "input": self.freeForm(depth: 3),
                ]), isMarked: true)
        case 1 where depth > 0:
            return .object(
                Node.named([
                    "type": .text("tool_result"), "tool_use_id": self.text(),
                    "is_error": .bool(self.random.oneIn(2)),
                    "content": self.random.oneIn(2) ? self.text() : .array(self.many(0...2) { $0.block(depth: 0) }),
                ]), isMarked: true)
        case 2:
            return .object(
                Node.named([
                    "type": .text("image"),
                    "source": .object(
                        Node.named(["type": .text("base64"), "media_type": .text("image/png"), "data": self.text()])),
                ]), isMarked: true)
        case 3:
            return .object(
                Node.named(["type": .text("thinking"), "thinking": self.text(), "signature": self.text()]))
        case 4:
            return .object(
                Node.named(["type": .text("of_tomorrow"), "payload": self.freeForm(depth: 2)]), isMarked: true)
        default: return self.textBlock()
        }
    }

    private mutating func tool() -> Node {
        var members = Node.named([
            "name": self.text(), "description": self.text(), "input_schema": self.freeForm(depth: 3),
        ])
        if self.random.oneIn(3) {
            members += Node.named(["input_examples": .array(self.many(0...2) { $0.freeForm(depth: 1) })])
        }
        if self.random.oneIn(3) { members += Node.named(["type": .text("custom")]) }
        return .object(members, isMarked: true)
    }

    private mutating func freeForm(depth: Int) -> Node {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &self.random) {
        case 0: return .null
        case 1: return .bool(self.random.oneIn(2))
        case 2:
            return .literal(
                ["0", "1", "1.0", "-0", "1e2", "1E2", "100", "0.5", "5e-1"].randomElement(using: &self.random) ?? "0")
        case 3, 4: return self.text()
        case 5: return .array(self.many(0...3) { $0.freeForm(depth: depth - 1) })
        default:
            var names: Set<[UInt32]> = []
            var members: [(name: [UInt32], value: Node)] = []
            for _ in 0..<Int.random(in: 0...4, using: &self.random) {
                let name = self.random.oneIn(6) ? "cache_control".unicodeScalars.map(\.value) : self.scalars()
                if names.insert(name).inserted { members.append((name, self.freeForm(depth: depth - 1))) }
            }
            return .free(members)
        }
    }

    private mutating func many(_ range: ClosedRange<Int>, _ make: (inout Self) -> Node) -> [Node] {
        let count = Int.random(in: range, using: &self.random)
        return (0..<count).map { _ in make(&self) }
    }

    private mutating func decimal(positive: Bool = false) -> Node {
        var digits = Int.random(in: positive ? 1...5000 : -200...200, using: &self.random)
        var power = Int.random(in: -3...2, using: &self.random)
        if digits == 0 { return .decimal(digits: 0, power: 0) }
        while digits % 10 == 0 { (digits, power) = (digits / 10, power + 1) }
        return .decimal(digits: digits, power: power)
    }

    private mutating func text() -> Node { .text(self.scalars()) }

    /// Scalars and lone surrogates of all kinds; short, so that two of them are sometimes equal.
    private mutating func scalars() -> [UInt32] {
        var scalars: [UInt32] = []
        for _ in 0..<Int.random(in: 0...(self.random.oneIn(8) ? 90 : 6), using: &self.random) {
            let next: UInt32 =
                switch Int.random(in: 0..<10, using: &self.random) {
                case 0: UInt32.random(in: 0..<0x20, using: &self.random)
                case 1: ([0x22, 0x5C, 0x2F, 0x7F] as [UInt32]).randomElement(using: &self.random) ?? 0
                case 2: UInt32.random(in: 0x80..<0x800, using: &self.random)
                case 3: ([0x301, 0xE9, 0x2028, 0xFEFF, 0xFFFD] as [UInt32]).randomElement(using: &self.random) ?? 0
                case 4: UInt32.random(in: 0x1F600..<0x1F640, using: &self.random)
                case 5 where self.random.oneIn(4): UInt32.random(in: 0xD800..<0xE000, using: &self.random)
                default: UInt32.random(in: 0x61..<0x65, using: &self.random)
                }
            // A high surrogate and a low one after it would be one scalar.
            if next & 0xFFFF_FC00 == 0xDC00, let last = scalars.last, last & 0xFFFF_FC00 == 0xD800 { continue }
            scalars.append(next)
        }
        return scalars
    }

    // MARK: Writing

    /// The node as JSON: in a different way each time, in all that does not count.
    mutating func written(_ node: Node) -> [UInt8] {
        var output: [UInt8] = []
        self.write(node, to: &output)
        return output
    }

    private mutating func write(_ node: Node, to output: inout [UInt8]) {
        self.writeSpace(to: &output)
        switch node {
        case .text(let scalars): self.write(scalars, to: &output)
        case .literal(let literal): output += literal.utf8
        case .decimal(let digits, let power): output += self.spelling(digits, power).utf8
        case .bool(let bool): output += "\(bool)".utf8
        case .null: output += "null".utf8
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                self.write(element, to: &output)
            }
            self.writeSpace(to: &output)
            output.append(UInt8(ascii: "]"))
        case .object(var members, let isMarked):
            if isMarked, self.random.oneIn(4) {
                members += Node.named(["cache_control": .object(Node.named(["type": .text("ephemeral")]))])
            }
            self.write(members.shuffled(using: &self.random), to: &output)
        case .request(var members):
            let ignored = Node.named([
                "stream": .bool(self.random.oneIn(2)), "metadata": .free(Node.named(["user_id": .text("u")])),
                "service_tier": .text("auto"), "speed": .text("fast"), "diagnostics": .null,
                "cache_control": .object(Node.named(["type": .text("ephemeral")])),
            ])
            members += ignored.filter { _ in self.random.oneIn(4) }
            self.write(members.shuffled(using: &self.random), to: &output)
        case .free(let members): self.write(members, to: &output)
        case .shorthand(let scalars):
            if self.random.oneIn(2) {
                self.write(scalars, to: &output)
            } else {
                self.write(
                    .array([.object(Node.named(["type": .text("text"), "text": .text(scalars)]), isMarked: true)]),
                    to: &output)
            }
        }
        self.writeSpace(to: &output)
    }

    private mutating func write(_ members: [(name: [UInt32], value: Node)], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            self.writeSpace(to: &output)
            self.write(member.name, to: &output)
            self.writeSpace(to: &output)
            output.append(UInt8(ascii: ":"))
            self.write(member.value, to: &output)
        }
        self.writeSpace(to: &output)
        output.append(UInt8(ascii: "}"))
    }

    private mutating func writeSpace(to output: inout [UInt8]) {
        guard self.random.oneIn(10) else { return }
        output += [" ", "\n", "\t", "\r\n", "             "].randomElement(using: &self.random)?.utf8 ?? " ".utf8
    }

    private mutating func write(_ scalars: [UInt32], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        let escapesAll = self.random.oneIn(8)
        for scalar in scalars {
            let isSurrogate = scalar & 0xFFFF_F800 == 0xD800
            if !isSurrogate, scalar >= 0x20, scalar != 0x22, scalar != 0x5C, !escapesAll, !self.random.oneIn(12) {
                JSONString.encode(scalar) { output.append($0) }
            } else if let short =
                ([0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x08: "b", 0x0C: "f", 0x0A: "n", 0x0D: "r", 0x09: "t"]
                as [UInt32: String])[scalar],
                self.random.oneIn(2)
            {
                output += "\\\(short)".utf8
            } else {
                let units: [UInt32] =
                    scalar < 0x10000 ? [scalar] : [0xD7C0 + scalar >> 10, 0xDC00 + scalar & 0x3FF]
                for unit in units {
                    let hex = JSONScannerTests.hex(UInt16(unit))
                    output += "\\u\(self.random.oneIn(2) ? hex : hex.uppercased())".utf8
                }
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// One of the many ways to write `digits` times ten to the power of `power`.
    private mutating func spelling(_ digits: Int, _ power: Int) -> String {
        let sign = digits < 0 || (digits == 0 && self.random.oneIn(3)) ? "-" : ""
        var text = String(digits.magnitude)
        var power = power
        // Zeros at the end, then a point somewhere, then the exponent that is left.
        let zeros = Int.random(in: 0...2, using: &self.random)
        text += String(repeating: "0", count: zeros)
        power -= zeros
        if power >= 0, power < 6, self.random.oneIn(2) {
            text += String(repeating: "0", count: power)
            if text.allSatisfy({ $0 == "0" }) { text = "0" }
            return sign + text + (self.random.oneIn(3) ? ".0" : "")
        }
        let point = Int.random(in: 1...text.count, using: &self.random)
        let whole = text.prefix(point).allSatisfy { $0 == "0" } ? "0" : String(text.prefix(point))
        let fraction = text.dropFirst(point)
        power += fraction.count
        let exponent =
            power == 0 && self.random.oneIn(2)
            ? ""
            : (self.random.oneIn(2) ? "e" : "E") + (power >= 0 && self.random.oneIn(2) ? "+" : "") + "\(power)"
        return sign + whole + (fraction.isEmpty ? "" : "." + fraction) + exponent
    }

    // MARK: Changing

    /// The node with one thing changed somewhere in it. The change may come to nothing.
    mutating func changed(_ node: Node) -> Node {
        switch node {
        case .text(let scalars): return .text(self.changed(scalars))
        case .shorthand(let scalars): return .shorthand(self.changed(scalars))
        case .literal: return .literal(["0", "0.0", "1", "1.0", "7"].randomElement(using: &self.random) ?? "0")
        case .decimal(let digits, let power):
            return .decimal(digits: digits == 1 ? 3 : digits / 10 * 10 + 1, power: digits == 0 ? 0 : power)
        case .bool(let bool): return .bool(!bool)
        case .null: return .bool(false)
        case .array(var elements):
            switch Int.random(in: 0..<5, using: &self.random) {
            case 0 where elements.count > 1: elements.swapAt(0, elements.count - 1)
            case 1 where !elements.isEmpty: elements.removeLast()
            case 2: elements.append(.null)
            default:
                guard let index = elements.indices.randomElement(using: &self.random) else { return .array([.null]) }
                elements[index] = self.changed(elements[index])
            }
            return .array(elements)
        case .object(let members, let isMarked): return .object(self.changed(members), isMarked: isMarked)
        case .request(let members): return .request(self.changed(members))
        case .free(var members):
            if members.count > 1, self.random.oneIn(3) {
                members.swapAt(0, members.count - 1)
                return .free(members)
            }
            return .free(self.changed(members))
        }
    }

    private mutating func changed(_ scalars: [UInt32]) -> [UInt32] {
        var scalars = scalars
        switch Int.random(in: 0..<3, using: &self.random) {
        case 0: scalars.append(0x61)
        case 1 where !scalars.isEmpty: scalars.removeLast()
        default: scalars.insert(0xE9, at: 0)
        }
        return scalars
    }

    private mutating func changed(_ members: [(name: [UInt32], value: Node)]) -> [(name: [UInt32], value: Node)] {
        var members = members
        if self.random.oneIn(5) {
            let name = "added_\(members.count)".unicodeScalars.map(\.value)
            if !members.contains(where: { $0.name == name }) { members.append((name, .null)) }
        } else if let index = members.indices.randomElement(using: &self.random) {
            if self.random.oneIn(6) {
                members.remove(at: index)
            } else {
                members[index].value = self.changed(members[index].value)
            }
        }
        return members
    }
}
