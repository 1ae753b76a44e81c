import Testing

@testable import RefrainKeys

@Suite struct RequestComparisonTests {
    private static func compare(
        _ one: String, _ other: String, limit: Int = 20, _ change: ((inout KeyContext) -> Void)? = nil
    ) -> RequestComparison {
        var second: KeyContext?
        if let change {
            var context = plainContext
            change(&context)
            second = context
        }
        return RequestComparison(
            Array(one.utf8), Array(other.utf8), in: plainContext, secondContext: second, limit: limit)
    }

    @Test func `requests that share a key do not differ`() {
        let comparison = Self.compare(
            #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#,
            #"{"messages":[{"content":[{"text":"\u0078","type":"text"}],"role":"user"}], "model":"m"}"#)
        #expect(comparison.sharesKey)
        #expect(comparison.differences.isEmpty)
        #expect(comparison.promptPrefix?.brokenBy == nil)
    }

    @Test(arguments: [
        (#"{"model":"a"}"#, #"{"model":"b"}"#, [#"model: "a" | "b""#]),
        (#"{"model":"a"}"#, #"{"model":"a","top_k":1}"#, ["top_k: absent | 1"]),
        (#"{"temperature":1}"#, #"{"temperature":1.00}"#, []),
        (
            #"{"messages":[{"role":"user","content":"x"}]}"#,
            #"{"messages":[{"role":"user","content":"y"},{"role":"assistant","content":"z"}]}"#,
            [
                #"messages[0].content[0].text: "x" | "y""#,
                #"messages[1]: absent | {"content":[{"text":"z","type":"text"}],"role":"assistant"}"#,
            ]
        ),
        (
            #"{"tools":[{"name":"n","input_schema":{"a":1,"b":2}}]}"#,
            #"{"tools":[{"input_schema":{"b":2,"a":1},"name":"n"}]}"#,
            ["tools[0].input_schema: the members' order differs"]
        ),
        (#"{"odd name":{"":1}}"#, #"{"odd name":{"":2}}"#, [#"["odd name"][""]: 1 | 2"#]),
        (#"{"x":[1]}"#, #"{"x":{"a":1}}"#, [#"x: [1] | {"a":1}"#]),
        (#"{"x":1}"#, #"{"x":1.0}"#, ["x: 1 | 1.0"]),
    ]) func `the first differing paths are named`(_ one: String, _ other: String, _ expected: [String]) {
        let comparison = Self.compare(one, other)
        #expect(comparison.differences.map(\.description) == expected)
        #expect(comparison.sharesKey == expected.isEmpty)
    }

    @Test func `there are no differences exactly where the canonical forms are equal`() throws {
        var generator = RequestGenerator(seed: 21)
        for _ in 0..<150 {
            let request = generator.request()
            let other = generator.isUnchanged() ? request : generator.changed(request)
            let comparison = RequestComparison(
                generator.written(request), generator.written(other), in: plainContext)
            #expect(comparison.differences.isEmpty == comparison.sharesKey)
        }
    }

    @Test func `a difference in a long text is shown where it is`() throws {
        let text = String(repeating: "ä", count: 200)
        let comparison = Self.compare(#"{"system":"\#(text)x\#(text)"}"#, #"{"system":"\#(text)y\#(text)"}"#)
        let difference = try #require(comparison.differences.first)
        #expect(difference.first?.contains("äx") == true)
        #expect(difference.second?.contains("äy") == true)
        #expect((difference.first?.utf8.count ?? 99) < 70)
        #expect(difference.first?.contains("\u{FFFD}") == false)
    }

    @Test func `there are not more than the limit`() {
        let one = "{" + (0..<50).map { "\"a\($0)\":1" }.joined(separator: ",") + "}"
        let comparison = Self.compare(one, "{}", limit: 5)
        #expect(comparison.differences.count == 5)
        #expect(comparison.isTruncated)
        #expect(!Self.compare(one, "{}", limit: 50).isTruncated)
    }

    @Test func `the context's fields are compared`() {
        let comparison = Self.compare("{}", "{}") {
            $0.scope = .shared("others")
            $0.betas = ["b", "pdfs-2024-09-25"]
            $0.sampleIndex = 2
            $0.path = "/v1/messages?beta=true"
        }
        #expect(comparison.differences.map(\.path) == ["scope", "anthropic-beta", "sample"])
        #expect(!comparison.sharesKey)
    }

    @Test func `what is bypassed is compared all the same, and what cannot be read is not`() {
        let bypassed = Self.compare(
            #"{"tools":[{"type":"web_search_20260318","name":"a"}]}"#,
            #"{"tools":[{"type":"web_search_20260318","name":"b"}]}"#)
        #expect(bypassed.differences.map(\.path) == ["tools[0].name"])
        #expect(bypassed.first.key == nil)
        #expect(!bypassed.sharesKey)
        let unreadable = Self.compare("{}", "{")
        #expect(unreadable.differences.isEmpty)
        #expect(unreadable.promptPrefix == nil)
        #expect(unreadable.second == .bypass(BypassReason(.invalidJSON, detail: "unexpected-end at byte 1")))
        #expect(Self.compare("[]", "{}").promptPrefix == nil)
    }
}

extension RequestGenerator {
    fileprivate mutating func isUnchanged() -> Bool { self.random.oneIn(3) }
}
