import Testing

@testable import RefrainKeys

/// Numbers and texts of RFC 8785 (JSON Canonicalization Scheme). Skipped where the shared data is not at hand.
@Suite(.enabled(if: SharedData.folder != nil)) struct NumberCorporaTests {
    private func canonical(_ literal: String) -> String {
        var output: [UInt8] = []
        Array(literal.utf8).withUnsafeBufferPointer { CanonicalNumber($0).write { output.append($0) } }
        return String(decoding: output, as: UTF8.self)
    }

    /// Another spelling of the same value: all digits in front, and the exponent that this takes.
    private func respelt(_ literal: String) -> String {
        let parts = literal.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let isNegative = literal.hasPrefix("-")
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        var digits = String((isNegative ? mantissa[0].dropFirst() : mantissa[0]) + fraction)
        while digits.count > 1, digits.hasPrefix("0") { digits.removeFirst() }
        let exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - fraction.count
        return "\(isNegative ? "-" : "")\(digits)000E\(exponent - 3 < 0 ? "" : "+")\(exponent - 3)"
    }

    @Test func `the canonical form of a number is ECMAScript's where nothing is to be rounded`() throws {
        let lines = try SharedData.lines("json/es6numbers_10k.txt.xz")
        #expect(lines.count >= 10_000)
        for line in lines {
            let fields = line.split(separator: UInt8(ascii: ","))
            let bits = try #require(UInt64(String(decoding: fields[0], as: UTF8.self), radix: 16))
            let literal = String(decoding: fields[1], as: UTF8.self)
            #expect(canonical(literal) == literal)
            #expect(canonical(respelt(literal)) == literal, "\(respelt(literal))")
            #expect(Double(canonical(literal)) == Double(bitPattern: bits))
        }
        // And in a request.
        for line in lines.prefix(500) {
            let literal = String(decoding: line.split(separator: UInt8(ascii: ","))[1], as: UTF8.self)
            // A zero with zeros after it is no JSON.
            guard literal != "0" else { continue }
            #expect(
                RefrainKeysTests.canonical(#"{"temperature":\#(respelt(literal))}"#) == #"{"temperature":\#(literal)}"#)
            #expect(
                RefrainKeysTests.canonical(#"{"x":\#(respelt(literal))}"#) == #"{"x":\#(respelt(literal))}"#)
        }
    }

    @Test func `numbers that are no doubles keep their exact value`() {
        #expect(canonical("333333333.33333329") == "333333333.33333329")
        #expect(canonical("0.10000000000000000000001") == "0.10000000000000000000001")
        #expect(canonical("123456789012345678901234567890") == "1.2345678901234567890123456789e+29")
        #expect(canonical("-1E-400") == "-1e-400")
        #expect(canonical("1e-9999") == "1e-9999")
        #expect(canonical("0.00001e-9999") == "1e-10004")
        #expect(canonical("1e-10004") == "1e-10004")
        #expect(canonical("-0.0e9999") == "0")
    }

    /// What RFC 8785 calls canonical is spelt as our free-form values are, strings and all.
    @Test func `texts of RFC 8785`() throws {
        let files = Dictionary(
            uniqueKeysWithValues: try SharedData.archive("json/jcs_testdata.tar.xz").map { ($0.name, $0.bytes) })
        let start = Array(#"{"x":"#.utf8)
        let end = Array("}".utf8)
        var count = 0
        for (path, output) in files where path.contains("/output/") {
            count += 1
            #expect(try plainDeriver.canonicalBody(start + output + end) == start + output + end, "\(path)")
            let input = try #require(files[path.replacing("/output/", with: "/input/")])
            let whole = try JSONDocument(input)
            // The input's own order is kept, so its values are compared one by one.
            let sorted = try JSONDocument(output)
            if whole.root.kind == .object {
                for (name, value) in whole.root.members {
                    let spelling = try #require(name.string)
                    let other = try #require(sorted.root[spelling])
                    let isNumeric = path.hasSuffix("values.json") && value.kind == .array
                    guard !isNumeric, value.kind != .object, value.kind != .array || !path.hasSuffix("structures.json")
                    else { continue }
                    #expect(
                        try plainDeriver.canonicalBody(start + value.raw + end) == start + other.raw + end,
                        "\(path) \(name.string ?? "")")
                }
            }
            // As a request, whose members are sorted: by their bytes here, by their UTF-16 units there.
            if path.hasSuffix("french.json") || path.hasSuffix("unicode.json") {
                #expect(try plainDeriver.canonicalBody(input) == output, "\(path)")
            }
        }
        #expect(count == 6)
        #expect(canonical("333333333.33333329") != canonical("333333333.3333333"))
        for (number, expected) in [
            ("1E30", "1e+30"), ("4.50", "4.5"), ("2e-3", "0.002"), ("0.000000000000000000000000001", "1e-27"),
        ] {
            #expect(canonical(number) == expected)
        }
    }
}
