import RefrainKeys
import Testing

/// Every value of requests that have all that the API documents, changed, removed and added to, one at a time.
@Suite struct EveryFieldTests {
    /// What cannot change the answer, by place.
    private struct Exclusions {
        var ignored: Set<String>
        /// Free-form subtrees, whose members keep their order.
        static let freeForm: [String] = [
            "tools[].input_schema", "tools[].input_examples", "messages[].content[].input",
            "output_config.format.schema", "output_format.schema", "messages[].output_config.format.schema",
            "messages[].content[].tool.definition.input_schema", "fallbacks[].output_config.format.schema",
            "messages[].content[].payload", "x_parameter",
        ]
        static let typedPlaces: Set<String> = [
            "", "system[]", "tools[]", "messages[].content[]", "messages[].content[].content[]",
        ]
        static let unmarkable: Set<String> = ["thinking", "redacted_thinking", "fallback", "mcp_tool_listing"]

        /// Whether `pattern` is one of `places` or inside one.
        static func contains(_ places: some Sequence<String>, _ pattern: String) -> Bool {
            places.contains { pattern == $0 || pattern.hasPrefix($0 + ".") || pattern.hasPrefix($0 + "[") }
        }

        /// Whether the API defines `cache_control` for an object that stands here, so that it is not in the key.
        static func isMarkable(_ object: JSONTree, _ path: JSONTreePath, inside: [JSONTree]) -> Bool {
            guard Self.typedPlaces.contains(path.pattern) else { return false }
            if path.pattern == "messages[].content[].content[]" {
                // The block around it, past the array.
                guard inside.count >= 2, case .string("tool_result")? = inside[inside.count - 2]["type"] else {
                    return false
                }
            }
            if path.pattern.hasPrefix("messages"), case .string(let type)? = object["type"] {
                return !Self.unmarkable.contains(type)
            }
            return true
        }

        func isIgnored(_ path: JSONTreePath, _ root: JSONTree) -> Bool {
            if Self.contains(self.ignored, path.pattern) { return true }
            guard
                let mark = path.steps.firstIndex(where: {
                    if case .member("cache_control") = $0 { true } else { false }
                })
            else { return false }
            var inside: [JSONTree] = []
            var markable = false
            let owner = JSONTreePath(steps: Array(path.steps[..<mark])).description
            root.walk { path, tree, around in
                if path.description == owner {
                    inside = around
                    markable = Self.isMarkable(tree, path, inside: inside)
                }
            }
            return markable
        }
    }

    /// A part of a documented request, small enough to be derived a thousand times.
    struct Part: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tree: JSONTree
        var options: KeyOptions
        var ignored: Set<String>
    }

    private static func parts() throws -> [Part] {
        let ignored: Set<String> = ["stream", "metadata", "service_tier", "speed"]
        let model = JSONTree.Member(name: "model", value: .string("claude-opus-4-5"))
        var parts: [Part] = []
        guard case .object(var members, _) = try JSONTree(DocumentedRequest.plain) else { return [] }
        for name in ["messages", "tools"] {
            guard let index = members.firstIndex(where: { $0.name == name }),
                case .array(let elements) = members[index].value
            else { continue }
            for (place, element) in elements.enumerated() {
                let part = JSONTree.object([model, .init(name: name, value: .array([element]))])
                parts.append(
                    Part(testDescription: "\(name)[\(place)]", tree: part, options: KeyOptions(), ignored: ignored))
            }
            members.remove(at: index)
        }
        parts.append(
            Part(testDescription: "the rest", tree: .object(members), options: KeyOptions(), ignored: ignored))
        parts.append(
            Part(
                testDescription: "opted in", tree: try JSONTree(DocumentedRequest.optedIn),
                options: DocumentedRequest.everyOption, ignored: ["metadata", "service_tier"]))
        return parts
    }

    /// One changed request and whether the key must stay.
    private func check(
        _ tree: JSONTree, against original: RequestKey, stays: Bool, _ deriver: KeyDeriver, _ change: String
    ) {
        let key = deriver.derive(tree.encoded).key
        if stays {
            #expect(key == original, "must not move the key: \(change)")
        } else {
            #expect(key != original, "must move the key: \(change)")
        }
    }

    @Test func `the documented requests have keys`() {
        #expect(key(DocumentedRequest.plain) != nil, "\(derive(DocumentedRequest.plain))")
        #expect(key(DocumentedRequest.optedIn, DocumentedRequest.everyOption) != nil)
    }

    @Test(arguments: try parts()) func `each field changed, removed, renamed or added to`(part: Part) throws {
        let root = part.tree
        let options = part.options
        let exclusions = Exclusions(ignored: part.ignored)
        let name = part.testDescription
        var context = plainContext
        context.options = options
        let deriver = KeyDeriver(context)
        let original = try #require(deriver.derive(root.encoded).key, "\(deriver.derive(root.encoded))")
        var changes = 0
        root.walk { path, value, inside in
            let ignored = exclusions.isIgnored(path, root)
            let place = "\(name) \(path)"
            changes += 1
            switch value {
            case .null:
                check(root.replacing(path) { _ in .bool(true) }, against: original, stays: ignored, deriver, place)
            case .bool(let old):
                check(root.replacing(path) { _ in .bool(!old) }, against: original, stays: ignored, deriver, place)
            case .string(let old):
                for new in [old + "x", old.isEmpty ? " " : String(old.dropLast())] {
                    check(root.replacing(path) { _ in .string(new) }, against: original, stays: ignored, deriver, place)
                }
                check(root.replacing(path) { _ in .array([value]) }, against: original, stays: ignored, deriver, place)
            case .literal(let old):
                check(
                    root.replacing(path) { _ in .literal("1" + old) }, against: original, stays: ignored, deriver, place
                )
                // A number and the string that looks like it.
                check(root.replacing(path) { _ in .string(old) }, against: original, stays: ignored, deriver, place)
            case .array(let elements):
                let changed: [[JSONTree]] = [elements + [.null], elements.reversed(), Array(elements.dropLast())]
                for new in changed where JSONTree.array(new).meaning != value.meaning {
                    check(root.replacing(path) { _ in .array(new) }, against: original, stays: ignored, deriver, place)
                }
            case .object(let members, _):
                // New members move the key the day they appear.
                for (new, value) in [("x_new", JSONTree.null), ("Cache_Control", .object([]))] {
                    let added = root.replacing(path) { _ in .object(members + [.init(name: new, value: value)]) }
                    check(added, against: original, stays: ignored, deriver, "\(place) with \(new)")
                }
                if value["cache_control"] == nil {
                    let mark = JSONTree.object([.init(name: "type", value: .string("ephemeral"))])
                    let added = root.replacing(path) { _ in
                        .object(members + [.init(name: "cache_control", value: mark)])
                    }
                    check(
                        added, against: original, stays: ignored || Exclusions.isMarkable(value, path, inside: inside),
                        deriver, "\(place) with cache_control")
                }
                if members.count > 1 {
                    let isFreeForm = Exclusions.contains(Exclusions.freeForm, path.pattern)
                    let reversed = root.replacing(path) { _ in .object(Array(members.reversed())) }
                    check(
                        reversed, against: original, stays: ignored || !isFreeForm, deriver, "\(place) reversed")
                }
                for member in members {
                    let path = path.appending(.member(member.name))
                    let ignored = exclusions.isIgnored(path, root)
                    check(
                        root.replacing(path) { _ in nil }, against: original, stays: ignored, deriver,
                        "no \(name) \(path)")
                    let renamed = members.map {
                        $0.name == member.name ? .init(name: "x_renamed", value: $0.value) : $0
                    }
                    let parent = JSONTreePath(steps: Array(path.steps.dropLast()))
                    let isInside = exclusions.isIgnored(parent, root)
                    check(
                        root.replacing(parent) { _ in .object(renamed) }, against: original, stays: isInside, deriver,
                        "renamed \(name) \(path)")
                }
            default: break
            }
        }
        #expect(changes > 3)
    }

    /// Parameters that appear in a request that had none, as an older or newer client would send them.
    @Test(arguments: [
        ("system", #""s""#), ("system", "[]"), ("tools", "[]"), ("tool_choice", #"{"type":"auto"}"#),
        ("thinking", #"{"type":"disabled"}"#), ("thinking", #"{"type":"adaptive"}"#), ("output_config", "{}"),
        ("output_config", #"{"effort":"high"}"#), ("stop_sequences", "[]"), ("temperature", "1"), ("top_p", "1"),
        ("top_k", "1"), ("inference_geo", #""us""#), ("context_management", "null"), ("output_format", "null"),
        ("billing_policy", "null"), ("container", "null"), ("mcp_servers", "null"), ("thread", "null"),
        ("compaction", "null"), ("fallback_credit_token", "null"), ("skills", "null"), ("betas", "[]"),
        ("store", "true"), ("context_hint", #""x""#), ("previous_thread_event_id", #""x""#),
        ("user_profile_id", #""x""#),
        ("workspace_id", #""x""#), ("seed", "1"), ("n", "2"), ("", "1"),
    ])
    func `a parameter that appears moves the key`(name: String, value: String) {
        let plain = #"{"model":"m","max_tokens":1,"messages":[]}"#
        let more = #"{"model":"m","max_tokens":1,"messages":[],"\#(name)":\#(value)}"#
        #expect(key(plain) != nil)
        #expect(key(more) != nil)
        #expect(key(more) != key(plain))
    }

    @Test(arguments: [
        ("stream", ["true", "false", "null"]), ("metadata", [#"{"user_id":"a"}"#, "{}", "null", #""x""#]),
        ("service_tier", [#""auto""#, #""standard_only""#, "null"]), ("speed", [#""fast""#, #""standard""#]),
        ("diagnostics", ["null", #"{"previous_message_id":null}"#]),
        ("cache_control", [#"{"type":"ephemeral"}"#, #"{"type":"ephemeral","ttl":"1h","scope":"global"}"#, "null"]),
    ])
    func `a parameter that changes no answer`(name: String, values: [String]) {
        let plain = key(#"{"model":"m","max_tokens":1,"messages":[]}"#)
        #expect(plain != nil)
        for value in values {
            #expect(key(#"{"model":"m","max_tokens":1,"messages":[],"\#(name)":\#(value)}"#) == plain, "\(value)")
        }
    }

    @Test func `tool results that differ in their id or in being errors`() {
        func request(_ result: String) -> String {
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result",\#(result)}]}]}"#
        }
        let variants = [
            #""tool_use_id":"a","content":"x""#, #""tool_use_id":"b","content":"x""#,
            #""tool_use_id":"a","content":"x","is_error":true"#, #""tool_use_id":"a","content":"x","is_error":false"#,
            #""tool_use_id":"a","content":[{"type":"text","text":"x"}]"#, #""tool_use_id":"a""#,
            #""tool_use_id":"a","content":null"#, #""tool_use_id":"a","content":"""#,
            #""tool_use_id":"a","content":[]"#,
        ]
        expectDistinct(variants.map(request))
    }

    @Test func `requests that other caches took for one`() {
        let parts = [
            #""system":"Xtemperature: 0""#, #""system":"X","temperature":0"#, #""system":"X\ntemperature: 0""#,
            #""system":"X|temperature=0""#, #""system":"X\",\"temperature\":0,\"""#, #""system":["X"]"#,
            #""system":{"text":"X"}"#, #""system":"[\"X\"]""#,
            #""tools":[{"name":"a"}]"#, #""tools":[{"name":"b"}]"#, #""tools":[{"name":"a"},{"name":"b"}]"#,
            #""tools":[{"name":"b"},{"name":"a"}]"#, #""tools":["a"]"#,
            #""thinking":{"type":"enabled","budget_tokens":1024}"#,
            #""thinking":{"type":"enabled","budget_tokens":2048}"#,
            #""thinking":{"type":"disabled"}"#, #""output_config":{"effort":"low"}"#,
            #""output_config":{"effort":"high"}"#,
            #""top_k":1"#, #""top_k":2"#, #""top_p":0.1"#, #""stop_sequences":["a","b"]"#,
            #""stop_sequences":["b","a"]"#,
            #""stop_sequences":["ab"]"#, #""stop_sequences":["a,b"]"#, #""temperature":null"#, #""temperature":"0""#,
            #""temperature":false"#,
        ]
        expectDistinct(parts.map { #"{"model":"m","max_tokens":1,"messages":[],\#($0)}"# })
    }
}
