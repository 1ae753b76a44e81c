import Testing

@testable import RefrainKeys

@Suite struct DuplicateMemberTests {
    @Test(arguments: [
        #"{"a":1,"a":2}"#,
        #"{"a":1,"b":2,"c":3,"a":1}"#,
        #"{"":1,"":2}"#,
        #"{"a":1,"\u0061":2}"#,
        #"{"\ud83d\ude00":1,"😀":2}"#,
        #"{"\ud83d":1,"\uD83D":2}"#,
        #"{"metadata":{"x":1,"x":1}}"#,
        #"{"cache_control":{"type":"ephemeral","type":"ephemeral"}}"#,
        #"{"tools":[{"name":"n","input_schema":{"properties":{"p":{},"q":{},"p":{}}}}]}"#,
        #"{"messages":[{"content":[{"type":"tool_use","input":{"k":1,"k":2}}]}]}"#,
        #"{"unknown":[[{"z":0,"a_long_member_name_1":1,"a_long_member_name_2":2,"a_long_member_name_1":3}]]}"#,
        #"{"stream":true,"stream":true}"#,
    ]) func `a repeated name is refused wherever it stands`(_ body: String) {
        #expect(bypass(body)?.code == .duplicateMember)
        #expect(bypass(body)?.detail.hasPrefix("at byte ") == true)
    }

    @Test(arguments: [
        #"{"a":{"a":{"a":1}}}"#,
        #"{"a":1,"A":2,"aa":3,"":4}"#,
        #"{"x":[{"a":1},{"a":1}]}"#,
        #"{"\ud83d":1,"\ude00":2,"\ud83d\ude00":3}"#,
        #"{"é":1,"e\u0301":2}"#,
        #"{"a\u0000":1,"a":2,"a\u0000\u0000":3}"#,
    ]) func `different names are not`(_ body: String) {
        #expect(key(body) != nil)
    }

    @Test func `one repeated name among many is found, and many different ones are told apart`() {
        // Names that differ in their first bytes, in their last, in the middle, and in length only.
        let kinds: [@Sendable (Int) -> String] = [
            { "\($0)_the_same_ending" }, { "the_same_beginning_\($0)" }, { "begin\($0)end" },
            { String(repeating: "n", count: $0) }, { "\\u006e\($0)" },
        ]
        for kind in kinds {
            for count in [2, 10, 23, 24, 25, 26, 60, 300] {
                let names = (0..<count).map { "\"\(kind($0))\":\($0)" }
                #expect(key("{\"x\":{\(names.joined(separator: ","))}}") != nil)
                for repeated in [0, count / 2, count - 1] {
                    let body = "{\"x\":{\((names + [names[repeated]]).joined(separator: ","))}}"
                    #expect(bypass(body)?.code == .duplicateMember)
                }
            }
        }
    }

    @Test func `members sort as their bytes do`() {
        var random = SplitMix64(seed: 3)
        for count in [0, 1, 2, 5, 24, 25, 100, 700] {
            let names = (0..<count).map { _ in
                (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    [0x00, 0x41, 0x42, 0x7F, 0x80, 0xFF][Int.random(in: 0..<6, using: &random)] as UInt8
                }
            }
            let bytes: [UInt8] = names.flatMap { $0 } + [0]
            bytes.withUnsafeBufferPointer { buffer in
                guard let start = buffer.baseAddress else { return }
                var offset = 0
                var members: [JSONMember] = []
                for (index, name) in names.enumerated() {
                    members.append(
                        JSONMember(
                            bytes: start + offset, length: name.count, readable: bytes.count - offset, index: index))
                    offset += name.count
                }
                members.withUnsafeMutableBufferPointer { JSONMember.sort($0) }
                let sorted = members.map { names[$0.index] }
                #expect(sorted == names.sorted { $0.lexicographicallyPrecedes($1) })
                let repeated = members.withUnsafeMutableBufferPointer { JSONMember.repeated(in: $0) }
                #expect((repeated == nil) == (Set(names).count == names.count))
            }
        }
    }
}
