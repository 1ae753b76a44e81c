import RefrainCore
import RefrainKeys

/// A cache of the simplest kind, which the published reference figures were made with: to tell what a trace says from
/// what this cache does with it.
///
/// It differs from the real one in three ways, each of which raises its hit rate: its key is the parsed body and nothing
/// is refused one, every answer is stored, and a hit extends an entry's lifetime. The real cache does not extend it: an
/// answer that is popular would otherwise never be asked anew.
package enum ReferenceCache {
    /// What two requests must have in common.
    package enum Keying: String, Sendable, CaseIterable {
        /// The same JSON, whatever the order of members.
        case canonicalBody = "canonical body"
        /// The same JSON without the members `stream` and `metadata`.
        case bodyWithoutStream = "canonical body without stream and metadata"
    }

    /// The shares of the requests of `trace` that such a cache answers, from 0 to 1, for each lifetime; nil is an
    /// infinite one. Requests without a body are compared by their key.
    package static func hitRates(
        of trace: RequestTrace, keying: Keying = .canonicalBody, lifetimes: [Duration?], keysSample: Bool = true,
        extendsOnHit: Bool = true
    ) -> [Double] {
        var numbers: [Key: Int] = [:]
        let keys = trace.requests.map { request -> Int? in
            guard let content = Self.content(of: request, keying) else { return nil }
            let key = Key(content: content, sample: keysSample ? request.sample : 0)
            let number = numbers[key] ?? numbers.count
            numbers[key] = number
            return number
        }
        return lifetimes.map { lifetime in
            var last = [Timestamp?](repeating: nil, count: numbers.count)
            var hits = 0
            for (request, key) in zip(trace.requests, keys) {
                guard let key else { continue }
                let isHit = last[key].map { seen in lifetime.map { request.time.since(seen) <= $0 } ?? true } ?? false
                if isHit { hits += 1 }
                if !isHit || extendsOnHit { last[key] = request.time }
            }
            return trace.requests.isEmpty ? 0 : Double(hits) / Double(trace.requests.count)
        }
    }

    private struct Key: Hashable {
        var content: [UInt8]
        var sample: Int
    }

    private static func content(of request: RequestTrace.Request, _ keying: Keying) -> [UInt8]? {
        switch request.content {
        case .unkeyed: return nil
        case .key(let key): return Array(key.hex.utf8)
        case .body(let body):
            // What is no JSON has no key, here as in the cache.
            guard let document = try? JSONDocument(body) else { return nil }
            var output: [UInt8] = []
            Self.append(
                document.root, leavingOut: keying == .canonicalBody ? [] : ["stream", "metadata"], to: &output)
            return output
        }
    }

    /// The JSON with the members of every object sorted by name.
    private static func append(_ value: JSONCursor, leavingOut names: [String] = [], to output: inout [UInt8]) {
        switch value.kind {
        case .object:
            output.append(UInt8(ascii: "{"))
            let members = value.members.map { (name: $0.name.text ?? [], value: $0.value) }
                .sorted { $0.name.lexicographicallyPrecedes($1.name) }
            for (name, member) in members where !names.contains(where: { name.elementsEqual($0.utf8) }) {
                JSONString.append(name, quotedTo: &output)
                output.append(UInt8(ascii: ":"))
                Self.append(member, to: &output)
                output.append(UInt8(ascii: ","))
            }
            output.append(UInt8(ascii: "}"))
        case .array:
            output.append(UInt8(ascii: "["))
            for element in value.elements {
                Self.append(element, to: &output)
                output.append(UInt8(ascii: ","))
            }
            output.append(UInt8(ascii: "]"))
        case .string: JSONString.append(value.text ?? [], quotedTo: &output)
        default: output += value.raw
        }
    }
}
