import Testing

@testable import RefrainKeys

@Suite struct CanonicalNumberTests {
    private static func spelling(_ literal: String) -> String {
        var output: [UInt8] = []
        Array(literal.utf8).withUnsafeBufferPointer { buffer in CanonicalNumber(buffer).write { output.append($0) } }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: [
        (["0", "-0", "0.0", "0e0", "0E-9999", "-0.000e7"], "0"),
        (["1", "1.0", "1e0", "10e-1", "0.1E+1", "100e-2", "1.000"], "1"),
        (["1024", "1024.0", "1.024e3", "1024e0000"], "1024"),
        (["-0.5", "-5e-1", "-0.50"], "-0.5"),
        (["0.00001", "1e-5", "1E-05"], "0.00001"),
        (["1e-7", "0.0000001", "10e-8"], "1e-7"),
        (["1e21", "1E+21", "1000000000000000000000"], "1e+21"),
        (["100000000000000000000", "1e20"], "100000000000000000000"),
        (
            ["0.1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890e-40"],
            "0.123456789012345678901234567890123456789"
        ),
        (["1.5e9999", "15e9998"], "1.5e+9999"),
        (["1.5e-9999"], "1.5e-9999"),
    ]) func `equal values have one spelling`(_ literals: [String], _ spelling: String) {
        for literal in literals { #expect(Self.spelling(literal) == spelling, "\(literal)") }
        #expect(Self.spelling(spelling) == spelling)
    }

    @Test func `an exponent of more than four digits is compared as it is written`() {
        #expect(Self.spelling("1e10000") == "1e10000")
        #expect(Self.spelling("1.0e10000") == "1.0e10000")
        #expect(Self.spelling("1e00001") == "1e00001")
        #expect(key(#"{"temperature":1e10000}"#) != key(#"{"temperature":1.0e10000}"#))
    }

    @Test func `different values have different spellings`() {
        var random = SplitMix64(seed: 11)
        var seen: [String: Double] = [:]
        for _ in 0..<5000 {
            let value = Double(Int.random(in: -999...999, using: &random)) / 8
            let literal = "\(value)"
            let spelling = Self.spelling(literal)
            #expect(Double(spelling) == value)
            #expect((seen[spelling] ?? value) == value)
            seen[spelling] = value
        }
    }

    @Test func `values count in the API's own parameters only`() {
        #expect(key(#"{"temperature":0}"#) == key(#"{"temperature":0.0}"#))
        #expect(key(#"{"max_tokens":1024}"#) == key(#"{"max_tokens":1.024e3}"#))
        #expect(
            key(#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#)
                == key(#"{"thinking":{"budget_tokens":2e3,"type":"enabled"}}"#))
        #expect(key(#"{"new_parameter":0}"#) != key(#"{"new_parameter":0.0}"#))
        #expect(
            key(#"{"tools":[{"name":"n","input_schema":{"default":1}}]}"#)
                != key(#"{"tools":[{"name":"n","input_schema":{"default":1.0}}]}"#))
        #expect(
            key(#"{"messages":[{"content":[{"type":"tool_use","input":{"n":1}}]}]}"#)
                != key(#"{"messages":[{"content":[{"type":"tool_use","input":{"n":1e0}}]}]}"#))
        #expect(
            key(#"{"output_config":{"format":{"schema":{"maximum":1}}}}"#)
                != key(#"{"output_config":{"format":{"schema":{"maximum":1.0}}}}"#))
    }
}
