import Testing

@testable import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The time for four times the input is about four times the time, whatever the input is made to do.
///
/// It is measured as this thread's own processor time, so that a busy machine does not count; and a ratio that is too
/// high is measured again, since noise only adds to it. A quadratic scan would show a ratio of sixteen.
@Suite(.serialized) struct HostileSizeTests {
    private enum Shape: String, CaseIterable {
        case members, repeatedNames, escapedNames, longCommonPrefixes, deepNesting, deepBlocks, longEscapes, blocks
        case longType, numbers

        /// A body of about `size` bytes.
        func body(_ size: Int) -> [UInt8] {
            switch self {
            case .members: return Self.object(size / 12) { "\"m\($0 &* 7919)\":1" }
            case .repeatedNames: return Self.object(size / 7) { $0 % 2 == 0 ? #""a":1"# : #""b":1"# }
            case .escapedNames: return Self.object(size / 20) { "\"\\u0061\\n\($0)\":1" }
            case .longCommonPrefixes:
                // As many names as bytes in each.
                let count = Int(Double(size).squareRoot())
                let prefix = String(repeating: "p", count: count)
                return Self.object(count) { "\"\(prefix)\($0)\":1" }
            case .deepNesting:
                let one = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
                return Array("{\"x\":[".utf8) + Self.repeated(one, size) + Array("0]}".utf8)
            case .deepBlocks:
                let one =
                    String(repeating: #"{"type":"tool_result","content":["#, count: 240)
                    + String(repeating: "]}", count: 240)
                return Array(#"{"messages":[{"content":["#.utf8) + Self.repeated(one, size) + Array("0]}]}".utf8)
            case .longEscapes:
                return Array("{\"x\":\"".utf8) + Self.repeated(#"\ud83d\ude00\n"#, size, "") + Array("\"}".utf8)
            case .blocks:
                return Array(#"{"messages":[{"content":["#.utf8) + Self.repeated(#"{"type":"text","text":"x"}"#, size)
                    + Array("0]}]}".utf8)
            case .longType:
                return Array(#"{"messages":[{"content":[{"type":"\n"#.utf8)
                    + [UInt8](repeating: UInt8(ascii: "x"), count: size)
                    + Array(#""}]}]}"#.utf8)
            case .numbers:
                return Array(#"{"temperature":"#.utf8) + Self.repeated("1234567890", size, "") + Array("}".utf8)
            }
        }

        private static func object(_ count: Int, _ member: (Int) -> String) -> [UInt8] {
            var body = Array("{".utf8)
            for index in 0..<count {
                if index > 0 { body.append(UInt8(ascii: ",")) }
                body.append(contentsOf: member(index).utf8)
            }
            body.append(UInt8(ascii: "}"))
            return body
        }

        private static func repeated(_ text: String, _ size: Int, _ separator: String = ",") -> [UInt8] {
            let one = Array((text + separator).utf8)
            var body: [UInt8] = []
            body.reserveCapacity(size + one.count)
            while body.count < size { body.append(contentsOf: one) }
            return body
        }
    }

    /// This thread's processor time in seconds.
    private func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func seconds(_ body: [UInt8]) -> Double {
        let start = self.processorTime()
        _ = plainDeriver.derive(body)
        return self.processorTime() - start
    }

    @Test func `a hostile body costs in proportion to its size`() {
        #if DEBUG
            let size = 120_000
        #else
            let size = 4_000_000
        #endif
        for shape in Shape.allCases {
            let small = shape.body(size)
            let large = shape.body(4 * size)
            var one = Double.infinity
            var four = Double.infinity
            for _ in 0..<4 {
                one = min(one, self.seconds(small))
                four = min(four, self.seconds(large))
                if four < 7 * one { break }
            }
            let ratio = four / one / (Double(large.count) / Double(small.count)) * 4
            print(
                "linearity: \(shape.rawValue), \(large.count) bytes in \(Int(four * 1000)) ms,"
                    + " \(Int(four * 1e9) / large.count) ns a byte; four times the size takes \((ratio * 10).rounded() / 10) times as long"
            )
            #expect(ratio < 10, "\(shape.rawValue)")
        }
    }

    @Test func `a million members`() {
        // Counted up in place: names of six digits.
        var member = Array(#""000000":1,"#.utf8)
        var body = Array("{\"x\":{".utf8)
        body.reserveCapacity(11_000_100)
        for _ in 0..<1_000_000 {
            body.append(contentsOf: member)
            var digit = 6
            while digit > 0, member[digit] == UInt8(ascii: "9") {
                member[digit] = UInt8(ascii: "0")
                digit -= 1
            }
            member[digit] += digit > 0 ? 1 : 0
        }
        body.removeLast()
        let start = self.processorTime()
        #expect(plainDeriver.derive(body + Array("}}".utf8)).key != nil)
        print("a million members, \(body.count) bytes: \(Int((self.processorTime() - start) * 1000)) ms")
        // The same with its first name once more at its end.
        let repeated = BypassReason(.duplicateMember, detail: "at byte \(body.count + 1)")
        #expect(plainDeriver.derive(body + Array(",\"000000\":1}}".utf8)) == .bypass(repeated))
    }
}
