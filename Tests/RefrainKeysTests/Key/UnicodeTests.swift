import Testing

@testable import RefrainKeys

@Suite struct UnicodeTests {
    @Test func `no two forms of a character share a key`() {
        #expect(Self.key(["\u{E9}"]) != Self.key(["e\u{301}"]))
        #expect(Self.key(["\u{FB01}"]) != Self.key(["fi"]))
        #expect(Self.key(["\u{212B}"]) != Self.key(["\u{C5}"]))
        #expect(Self.key(["\u{FEFF}a"]) != Self.key(["a"]))
    }

    @Test func `lone surrogates are apart from each other and from what replaces them elsewhere`() {
        let keys = [#"\ud800"#, #"\udbff"#, #"\udc00"#, #"\udfff"#, #"\udc00\ud800"#, "\u{FFFD}", #"\ud800\ud800"#, ""]
            .map {
                RefrainKeysTests.key(#"{"model":"\#($0)"}"#)
            }
        #expect(!keys.contains(nil))
        #expect(Set(keys).count == keys.count)
        #expect(RefrainKeysTests.key(#"{"model":"\uD800"}"#) == RefrainKeysTests.key(#"{"model":"\ud800"}"#))
        #expect(RefrainKeysTests.key(#"{"model":"\uD83D\uDE00"}"#) == RefrainKeysTests.key(#"{"model":"😀"}"#))
    }

    @Test(arguments: [
        (#"\u0041"#, "A"), (#"\/"#, "/"), (#"\u002f"#, "/"), (#"\u000a"#, #"\n"#), (#"\u0022"#, #"\""#),
        (#"\u005C"#, #"\\"#), (#"\u00e9"#, "é"), (#"\u20AC"#, "€"), (#"\u001F"#, #"\u001f"#), (#"\u007f"#, "\u{7F}"),
        (#"\u0008\u000c\u000d\u0009"#, #"\b\f\r\t"#),
    ]) func `an escape is the scalar that it stands for`(_ escaped: String, _ plain: String) {
        #expect(
            RefrainKeysTests.key(#"{"a\#(escaped)":["\#(escaped)"]}"#)
                == RefrainKeysTests.key(#"{"a\#(plain)":["\#(plain)"]}"#))
    }

    static func key(_ scalars: String) -> RequestKey? { Self.key([scalars]) }

    static func key(_ texts: [String]) -> RequestKey? {
        var body = Array(#"{"messages":[{"role":"user","content":["#.utf8)
        for (index, text) in texts.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += #"{"type":"text","text":"#.utf8
            JSONString.append(text.utf8, quotedTo: &body)
            body.append(UInt8(ascii: "}"))
        }
        return plainDeriver.derive(body + Array("]}]}".utf8)).key
    }
}
