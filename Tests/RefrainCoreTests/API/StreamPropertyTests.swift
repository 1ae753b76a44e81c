import RefrainCore
import RefrainTesting
import Testing

@Suite struct StreamPropertyTests {
    /// Events that, put in any order and mutilated, reach deep into an assembler.
    private static let events =
        textStream + [
            #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"text","citations":[ ],"text":""}}"#,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"fallback","to":{"model":"d"}}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":[1,\"\\u00e9\"]}"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"a":1}}}"#,
            #"{"type":"message_delta","delta":{"stop_reason":"x","container":{"id":1}},"usage":{"output_tokens":null},"context_management":{}}"#,
            #"{"type":"message_start","message":{"type":"message","content":[{"type":"text","text":"a","citations":[1 , 2]},{"type":"fallback","to":{"model":"e"}}],"stop_reason":"x","usage":{}}}"#,
        ]

    @Test func holdForMutilatedStreams() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1000 {
            var input: [UInt8] = [UInt8.random(in: 0...255, using: &random)]
            for data in Self.stream(&random) { input += event(data).raw }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let at = Int.random(in: 1..<input.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: input[at] = UInt8.random(in: 0...255, using: &random)
                case 1: input.remove(at: at)
                default: input.insert(contentsOf: input[at..<min(at + 9, input.count)], at: at)
                }
            }
            let violation = StreamProperties.violation(in: input)
            #expect(violation == nil, "\(String(decoding: input, as: UTF8.self))")
        }
    }

    /// A stream that is nearly in order, or not at all.
    private static func stream(_ random: inout SeededGenerator) -> [String] {
        if Bool.random(using: &random) {
            return (0..<Int.random(in: 1...10, using: &random)).compactMap { _ in
                Self.events.randomElement(using: &random)
            }
        }
        let block = textStream.count + Int.random(in: 0..<4, using: &random)
        let deltas = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            Self.events[Int.random(in: textStream.count + 4..<textStream.count + 8, using: &random)]
        }
        return [textStream[0], Self.events[block]] + deltas + Array(textStream[6...8])
    }
}
