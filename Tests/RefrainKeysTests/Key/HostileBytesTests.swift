import Testing

@testable import RefrainKeys

/// Bytes that are no requests, or hardly, and long conversations.
@Suite struct HostileBytesTests {
    @Test func `the same key in every process`() {
        // Hash tables are seeded anew in each process; a key is not. The golden vectors say so for all features.
        let body = #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#
        #expect(Set((0..<200).map { _ in key(body) }).count == 1)
    }

    @Test func `a long conversation has a key, and each of its turns another`() {
        var messages: [String] = []
        var keys: Set<RequestKey?> = []
        for turn in 0..<200 {
            messages.append(#"{"role":"\#(turn % 2 == 0 ? "user" : "assistant")","content":"turn"}"#)
            keys.insert(key(#"{"model":"m","messages":[\#(messages.joined(separator: ","))]}"#))
        }
        #expect(keys.count == 200)
        #expect(!keys.contains(nil))
    }

    /// The outcome for bytes in memory of exactly their size.
    private func derive(_ bytes: some Collection<UInt8>) -> KeyOutcome {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        defer { buffer.deallocate() }
        _ = buffer.initialize(from: bytes)
        return plainDeriver.derive(UnsafeBufferPointer(buffer))
    }

    @Test func `a request cut short anywhere is refused`() throws {
        var generator = RequestGenerator(seed: 99)
        for _ in 0..<4 {
            // A request that lacks only white space is whole.
            var body = generator.written(generator.request())
            while body.last != UInt8(ascii: "}") { body.removeLast() }
            for count in 0..<body.count {
                guard case .bypass(let reason) = derive(body.prefix(count)) else {
                    Issue.record("a key for a request cut short")
                    return
                }
                #expect(reason == BypassReason(.invalidJSON, detail: "unexpected-end at byte \(count)"))
            }
        }
    }

    @Test func `bytes at random never crash, and what has a key is JSON`() throws {
        var random = SplitMix64(seed: 7)
        let words = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "null", "true", "-", "0", "1", ".", "e",
            "\"type\"",
            "\"messages\"", "\"content\"", "\"tools\"", "\"text\"", " ", "\u{E9}", "\"cache_control\":",
        ].map { Array($0.utf8) }
        var keys = 0
        for round in 0..<6000 {
            var bytes: [UInt8] = []
            switch round % 3 {
            case 0:
                for _ in 0..<random.below(60) {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                }
            case 1: for _ in 0..<random.below(40) { bytes += random.pick(words) }
            default:
                bytes = Array(
                    #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","input":{"a":"\u00e9é"}}]}],"x":1e5}"#
                        .utf8)
                for _ in 0...random.below(3) {
                    bytes[random.below(bytes.count)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            guard let key = derive(bytes).key else { continue }
            keys += 1
            let canonical = try plainDeriver.canonicalBody(bytes)
            #expect(derive(canonical).key == key)
            #expect(String(validating: bytes, as: UTF8.self) != nil)
        }
        #expect(keys > 100)
    }
}
