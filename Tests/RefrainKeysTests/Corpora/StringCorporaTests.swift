import Testing

@testable import RefrainKeys

/// Strings that break other software. Skipped where the shared data is not at hand.
@Suite(.enabled(if: SharedData.folder != nil)) struct StringCorporaTests {
    private static let start = Array(#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"#.utf8)
    private static let end = Array("}]}".utf8)

    private func key(content: some Sequence<UInt8>) -> RequestKey? {
        plainDeriver.derive(Self.start + content + Self.end).key
    }

    private func quoted(_ text: some Sequence<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        JSONString.append(text, quotedTo: &output)
        return output
    }

    /// The text as a JSON string of nothing but escapes.
    private func escaped(_ text: String, uppercase: Bool) -> [UInt8] {
        var output = Array("\"".utf8)
        for unit in text.utf16 {
            let digits = String(unit, radix: 16, uppercase: uppercase)
            output += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
        }
        return output + Array("\"".utf8)
    }

    @Test func `naughty strings are all different, however they are escaped`() throws {
        let document = try JSONDocument(SharedData.decompressed("json/blns.json.xz"))
        var keys: [RequestKey: [UInt8]] = [:]
        var inputs: [RequestKey: [UInt8]] = [:]
        for element in document.root.elements {
            let text = try #require(element.string)
            let bytes = Array(text.utf8)
            let key = try #require(self.key(content: element.raw))
            for spelling in [quoted(bytes), escaped(text, uppercase: false), escaped(text, uppercase: true)] {
                #expect(self.key(content: spelling) == key, "\(text)")
            }
            if let other = keys.updateValue(bytes, forKey: key) { #expect(other == bytes, "\(text)") }
            // As a member's name, where it is free-form.
            let body = Array(#"{"x":{"#.utf8) + quoted(bytes) + Array(":1}}".utf8)
            let input = try #require(plainDeriver.derive(body).key)
            let spelt = Array(#"{"x":{"#.utf8) + escaped(text, uppercase: true) + Array(":1}}".utf8)
            #expect(plainDeriver.derive(spelt).key == input, "\(text)")
            if let other = inputs.updateValue(bytes, forKey: input) { #expect(other == bytes, "\(text)") }
        }
        #expect(keys.count > 500)
        #expect(inputs.count == keys.count)
    }

    @Test func `no line of the Unicode normalisation test has its forms confused`() throws {
        var lines = 0
        var pairs = 0
        for line in try SharedData.lines("json/unicode_normalization.txt.xz") {
            guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "@") else { continue }
            let forms = line.split(separator: UInt8(ascii: ";")).prefix(5).map { form in
                String(
                    String.UnicodeScalarView(
                        form.split(separator: UInt8(ascii: " ")).compactMap {
                            Unicode.Scalar(UInt32(String(decoding: $0, as: UTF8.self), radix: 16) ?? 0xD800)
                        }))
            }
            try #require(forms.count == 5)
            lines += 1
            let distinct = Set(forms.map { Array($0.utf8) })
            guard distinct.count > 1 else { continue }
            pairs += distinct.count * (distinct.count - 1) / 2
            #expect(Set(distinct.map { self.key(content: quoted($0)) }).count == distinct.count, "\(forms)")
            // Two members whose names differ only so are two members.
            if lines % 16 == 0 {
                var names = Array(#"[{"type":"tool_use","input":{"#.utf8)
                for form in distinct { names += quoted(form) + Array(":1,".utf8) }
                names.removeLast()
                #expect(self.key(content: names + Array("}}]".utf8)) != nil, "\(forms)")
            }
        }
        print("Unicode normalisation: \(lines) lines, \(pairs) pairs of forms kept apart")
        #expect(lines > 18_000)
    }
}
