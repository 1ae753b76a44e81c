import RefrainKeys

/// JSON that fits a JSON schema, as a model would write it: required properties in the schema's order, no others.
struct SchemaSample {
    private let root: JSONCursor
    private static let depthLimit = 12

    init(_ schema: JSONCursor) { self.root = schema }

    /// A value that fits. What the schema says beyond types, enumerations, bounds, formats and references is not read.
    func value(_ random: inout SeededGenerator) -> JSONFragment { self.value(self.root, 0, &random) }

    private func value(_ schema: JSONCursor, _ depth: Int, _ random: inout SeededGenerator) -> JSONFragment {
        guard schema.kind == .object, depth < Self.depthLimit else { return nil }
        if let constant = schema["const"] { return JSONFragment(raw: constant.raw) }
        if let choices = schema["enum"].map({ Array($0.elements) }), !choices.isEmpty {
            return JSONFragment(raw: random.pick(choices).raw)
        }
        if let target = schema["$ref"]?.string.flatMap(self.resolve) { return self.value(target, depth + 1, &random) }
        for name in ["anyOf", "oneOf", "allOf"] {
            if let first = schema[name].flatMap({ Array($0.elements).first }) {
                return self.value(first, depth + 1, &random)
            }
        }
        switch Self.type(of: schema) {
        case "object": return self.object(schema, depth, &random)
        case "array":
            let items = schema["items"]
            let least = min(schema["minItems"]?.int ?? 1, 8)
            let most = max(least, min(schema["maxItems"]?.int ?? least + 1, 8))
            return JSONFragment(
                elements: (0..<Int.random(in: least...most, using: &random)).map { _ in
                    items.map { self.value($0, depth + 1, &random) }
                        ?? JSONFragment(string: SimulatedProse.phrase(&random))
                })
        case "string": return JSONFragment(string: Self.string(schema, &random))
        case "integer":
            let least = schema["minimum"]?.int ?? 0
            return JSONFragment(
                Int.random(in: least...max(least, schema["maximum"]?.int ?? least &+ 99), using: &random))
        case "number":
            let least = schema["minimum"]?.double ?? 0
            let most = max(least, schema["maximum"]?.double ?? least + 100)
            let tenths = ((least + random.fraction() * (most - least)) * 10).rounded(.up) / 10
            return JSONFragment(raw: String(min(tenths, most)).utf8)
        case "boolean": return JSONFragment(booleanLiteral: random.next() % 2 == 0)
        case "null": return nil
        default: return JSONFragment(string: SimulatedProse.phrase(&random))
        }
    }

    private func object(_ schema: JSONCursor, _ depth: Int, _ random: inout SeededGenerator) -> JSONFragment {
        let required = Set(schema["required"]?.elements.compactMap(\.string) ?? [])
        var members: [(String, JSONFragment)] = []
        if let properties = schema["properties"] {
            for (name, property) in properties.members {
                guard let name = name.string, required.contains(name) else { continue }
                members.append((name, self.value(property, depth + 1, &random)))
            }
        }
        // Required, and described nowhere.
        let named = Set(members.map(\.0))
        for name in schema["required"]?.elements.compactMap(\.string) ?? [] where !named.contains(name) {
            members.append((name, JSONFragment(string: SimulatedProse.phrase(&random))))
        }
        return JSONFragment(members: members)
    }

    private static func type(of schema: JSONCursor) -> String {
        guard let type = schema["type"] else { return schema["properties"] == nil ? "" : "object" }
        if let name = type.string { return name }
        return type.elements.compactMap(\.string).first { $0 != "null" } ?? "null"
    }

    private static func string(_ schema: JSONCursor, _ random: inout SeededGenerator) -> String {
        let day = 1 + random.next() % 28
        let date = "2026-0\(1 + random.next() % 9)-\(day < 10 ? "0" : "")\(day)"
        switch schema["format"]?.string {
        case "date": return date
        case "date-time": return date + "T12:00:00Z"
        case "time": return "12:00:00Z"
        case "email": return "\(random.pick(["ada", "grace", "alan"]))@example.com"
        case "uri", "url": return "https://example.com/\(random.base58(6))"
        case "uuid":
            let hex = (0..<32).map { _ in random.pick(Array("0123456789abcdef")) }
            return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
        default:
            var text = SimulatedProse.phrase(&random)
            let least = min(schema["minLength"]?.int ?? 0, 10_000)
            while text.unicodeScalars.count < least { text += " " + SimulatedProse.phrase(&random) }
            if let most = schema["maxLength"]?.int, most >= 0 { text = String(text.prefix(most)) }
            return text
        }
    }

    /// The schema behind a reference into the same document, `#/a/b`.
    private func resolve(_ reference: String) -> JSONCursor? {
        guard reference.hasPrefix("#") else { return nil }
        var target: JSONCursor? = self.root
        for name in reference.dropFirst().split(separator: "/") { target = target?[String(name)] }
        return target
    }
}
