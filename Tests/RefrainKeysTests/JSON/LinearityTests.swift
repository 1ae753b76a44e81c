import Testing

@testable import RefrainKeys

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Hostile bodies take time in proportion to their size.
///
/// What is compared is this thread's own processor time for eight times the size: about 8 where the work is linear, 64
/// where it is quadratic. The bound stands far from both, so that a busy machine changes nothing.
@Suite(.serialized) struct LinearityTests {
    private static let factor = 8
    private static let bound = 28.0

    static let bodies: [String: @Sendable (Int) -> [UInt8]] = [
        "members": { Self.object($0) { "\"\($0)\":0" } },
        "members with one long beginning": { Self.object($0) { "\"a_long_beginning_of_many_bytes_\($0)\":0" } },
        "members with one long ending": { Self.object($0) { "\"\($0)_a_long_ending_of_many_bytes\":0" } },
        "members with escapes": { Self.object($0) { "\"\\u0061\($0)\":0" } },
        "members of one length in descending order": { count in Self.object(count) { "\"\(9_999_999 - $0)\":0" } },
        "members of the request": { count in
            Array("{".utf8) + Self.object(count) { "\"\(9_999_999 - $0)\":0" }.dropFirst(5)
        },
        "nested objects": { count in
            Array(
                ("{\"x\":["
                    + Array(
                        repeating: String(repeating: "{\"a\":", count: 400) + "0" + String(repeating: "}", count: 400),
                        count: max(1, count / 400)
                    ).joined(separator: ",") + "]}").utf8)
        },
        "unclosed arrays": { [UInt8](repeating: UInt8(ascii: "["), count: $0) },
        "short escapes": { count in
            Array("{\"x\":\"".utf8) + Array(repeating: Array("\\n".utf8), count: count).joined() + Array("\"}".utf8)
        },
        "long escapes": { count in
            Array("{\"x\":\"".utf8) + Array(repeating: Array("\\ud83d".utf8), count: count).joined() + Array("\"}".utf8)
        },
        "digits": { count in
            Array("{\"max_tokens\":1".utf8) + [UInt8](repeating: UInt8(ascii: "0"), count: count) + Array(".5}".utf8)
        },
        "white space": { count in
            Array("{".utf8) + Array(repeating: Array(" \n".utf8), count: count).joined() + Array("}".utf8)
        },
        "messages": { count in
            Array(
                ("{\"messages\":["
                    + Array(repeating: "{\"role\":\"user\",\"content\":\"x\"}", count: count / 4).joined(separator: ",")
                    + "]}").utf8)
        },
    ]

    @Test(arguments: Self.bodies.keys.sorted()) func `work grows with the size`(_ name: String) throws {
        let body = try #require(Self.bodies[name])
        let count = 4000
        let (small, large) = (body(count), body(count * Self.factor))
        var ratio = Double.infinity
        // The least of a few: what else runs can only add.
        for _ in 0..<3 {
            let base = Self.nanoseconds { for _ in 0..<4 { _ = plainDeriver.derive(small) } } / 4
            let grown = Self.nanoseconds { _ = plainDeriver.derive(large) }
            ratio = min(ratio, grown / max(base, 1))
            if ratio < Self.bound { break }
        }
        #expect(ratio < Self.bound, "\(name): \(ratio) times the work for \(Self.factor) times the size")
    }

    private static func object(_ count: Int, _ member: (Int) -> String) -> [UInt8] {
        Array(("{\"x\":{" + (0..<count).map(member).joined(separator: ",") + "}}").utf8)
    }

    private static func nanoseconds(_ body: () -> Void) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
        }
        let start = now()
        body()
        return now() - start
    }
}
