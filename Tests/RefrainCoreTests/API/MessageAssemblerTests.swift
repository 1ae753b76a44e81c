import RefrainCore
import RefrainTesting
import Testing

@Suite struct MessageAssemblerTests {
    /// A stream with these blocks' events between its first and last ones.
    private func stream(
        _ blocks: [String], start: String = "", delta: String = #""stop_reason":"end_turn","stop_sequence":null"#,
        usage: String = #"{"output_tokens":4}"#, top: String = ""
    ) -> [String] {
        [
            #"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null\#(start),"usage":{"input_tokens":1,"output_tokens":1}}}"#
        ] + blocks + [
            #"{"type":"message_delta","delta":{\#(delta)},"usage":\#(usage)\#(top)}"#, #"{"type":"message_stop"}"#,
        ]
    }

    /// The content that these blocks' events amount to.
    private func content(_ blocks: [String]) throws -> String {
        let text = try #require(assembled(data: self.stream(blocks)).text)
        let start = try #require(text.firstRange(of: #""content":["#)?.upperBound)
        let end = try #require(text.firstRange(of: #"],"stop_reason""#)?.lowerBound)
        return String(text[start..<end])
    }

    @Test func keepsTextByteForByte() {
        #expect(assembled(data: textStream).text == textMessage)
    }

    @Test func keepsThinkingAndItsSignature() throws {
        #expect(
            try self.content([
                #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a\u0062","estimated_tokens":3}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"c"}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"old"}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Ab+\/=="}}"#,
                #"{"type":"content_block_stop","index":0}"#,
            ]) == #"{"type":"thinking","thinking":"a\u0062c","signature":"Ab+\/=="}"#)
    }

    @Test func keepsEmptyThinkingWithItsSignature() throws {
        #expect(
            try self.content([
                #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
                #"{"type":"content_block_stop","index":0}"#,
            ]) == #"{"type":"thinking","thinking":"","signature":"s"}"#)
    }

    @Test func keepsWholeBlocksAsTheyStand() throws {
        let blocks = [
            #"{"type":"redacted_thinking","data":"Zm9v\/ "}"#,
            #"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"a": 1.0, "a2":1e0}]}"#,
            #"{"type":"block_of_tomorrow","x":{"b":1,"a":2},"text":"t"}"#,
        ]
        let events = blocks.enumerated().flatMap {
            [
                #"{"type":"content_block_start","index":\#($0.offset),"content_block":\#($0.element)}"#,
                #"{"type":"content_block_stop","index":\#($0.offset)}"#,
            ]
        }
        #expect(try self.content(events) == blocks.joined(separator: ","))
    }

    @Test func collectsCitations() throws {
        #expect(
            try self.content([
                #"{"type":"content_block_start","index":0,"content_block":{"citations":[],"type":"text","text":""}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"b":1,"a":"é\u00e9"}}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"c": 2}}}"#,
                #"{"type":"content_block_stop","index":0}"#,
            ]) == #"{"citations":[{"b":1,"a":"é\u00e9"},{"c": 2}],"type":"text","text":"x"}"#)
    }

    /// The input that these fragments make, each given as the inside of a JSON string.
    private func input(_ fragments: [String], start: String = "{}") throws -> String {
        try self.content(
            [
                #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":\#(start),"caller":{"type":"direct"}}}"#
            ]
                + fragments.map {
                    #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\#($0)"}}"#
                } + [#"{"type":"content_block_stop","index":0}"#])
    }

    @Test(arguments: [
        (["", #"{\"b\": 1.0,"#, #" \"a\":\n[1e2]}"#], "{\"b\": 1.0, \"a\":\n[1e2]}"),
        ([#"{\"e\":\"\\u00e9é\\\\\\\"\#("\\")u00e9\"}"#], #"{"e":"\u00e9é\\\"é"}"#),
        ([#"{\"s\":\"\ud83d"#, #"\ude00\"}"#], #"{"s":"😀"}"#),
        ([#" {\"a\":1} "#], #"{"a":1}"#),
        ([""], "{}"), ([], "{}"), ([" "], "{}"),
    ]) func makesTheInputOfItsFragments(_ fragments: [String], _ expected: String) throws {
        #expect(
            try self.input(fragments)
                == #"{"type":"tool_use","id":"t","name":"n","input":\#(expected),"caller":{"type":"direct"}}"#)
    }

    @Test func keepsAnInputThatComesWithTheStart() throws {
        #expect(try self.input([], start: #"{"a": 1}"#).contains(#""input":{"a": 1},"#))
        #expect(try self.input([#"{}"#], start: #"{"a": 1}"#).contains(#""input":{},"#))
    }

    @Test(arguments: [#"{\"a\":"#, #"{\"a\":1}}"#, "x"], [true, false])
    func anInputThatIsNoJSONLeavesEventsOnly(_ fragment: String, _ isClosed: Bool) throws {
        let stream = self.stream(
            [
                #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\#(fragment)"}}"#,
            ] + (isClosed ? [#"{"type":"content_block_stop","index":0}"#] : []))
        #expect(assembled(data: stream) == .eventsOnly)
        #expect(assembled(data: stream.dropLast()) == .incomplete(.noMessageStop))
        var assembler = MessageAssembler()
        for data in stream { assembler.consume(event(data)) }
        let summary = try #require(assembler.summary())
        #expect(summary.hasBrokenInput)
        #expect(summary.toolUseIDs == ["t"])
    }

    @Test func aDeltaThatChangesWhatTheMessageIsLeavesEventsOnly() {
        #expect(assembled(data: self.stream([], delta: #""stop_reason":"end_turn","id":"x""#)) == .eventsOnly)
        #expect(assembled(data: self.stream([], top: #","content":[]"#)) == .eventsOnly)
    }

    @Test func mergesWhatTheMessageDeltaSays() {
        let stream = self.stream(
            [], start: #","unknown":[1.0],"context_management":null"#,
            delta: #""stop_reason":"stop_sequence","stop_sequence":"X","stop_details":null,"container":{"id":"c"}"#,
            usage: #"{"input_tokens":7,"output_tokens":null,"server_tool_use":{"web_search_requests":1},"x":null}"#,
            top: #","context_management":{"applied_edits":[]},"input_transformations":[],"future":null"#)
        #expect(
            assembled(data: stream).text
                == #"{"id":"m","type":"message","role":"assistant","model":"c","content":[],"stop_reason":"stop_sequence","stop_sequence":"X","unknown":[1.0],"context_management":{"applied_edits":[]},"stop_details":null,"container":{"id":"c"},"usage":{"input_tokens":7,"output_tokens":1,"server_tool_use":{"web_search_requests":1},"x":null},"input_transformations":[]}"#
        )
    }

    @Test func theLastOfSeveralMessageDeltasHolds() throws {
        var stream = self.stream(
            [], delta: #""stop_reason":"tool_use","stop_sequence":"a""#, usage: #"{"output_tokens":9,"y":1}"#)
        stream.insert(
            #"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":12}}"#,
            at: stream.count - 1)
        let message = try JSONValue(try #require(assembled(data: stream).message))
        #expect(message["stop_reason"] == "end_turn")
        #expect(message["stop_sequence"] == nil as JSONValue)
        #expect(message["usage"] == ["input_tokens": 1, "output_tokens": 12, "y": 1])
    }

    @Test func aFallbackRenamesTheModel() throws {
        let stream = self.stream([
            #"{"type":"content_block_start","index":0,"content_block":{"type":"fallback","from":{"model":"c"},"to":{"model":"d"}}}"#,
            #"{"type":"content_block_stop","index":0}"#,
        ])
        #expect(try Message(json: try #require(assembled(data: stream).message)).model == "d")
    }

    @Test func keepsContentThatComesWithTheStart() {
        let message =
            #"{"id":"m","type":"message","model":"c","content":[{"type":"tool_use","id":"t","name":"n","input":{"a": 1}}],"stop_reason":"tool_use","usage":{"output_tokens":0}}"#
        #expect(
            assembled(data: [#"{"type":"message_start","message":\#(message)}"#, #"{"type":"message_stop"}"#]).text
                == message)
    }

    @Test func acceptsInterleavedBlocks() throws {
        #expect(
            try self.content([
                #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                #"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"b"}}"#,
                #"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"2"}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"1"}}"#,
                #"{"type":"content_block_stop","index":1}"#, #"{"type":"content_block_stop","index":0}"#,
            ]) == #"{"type":"text","text":"1"},{"type":"text","text":"b2"}"#)
    }

    @Test func ignoresUnknownEventsPingsAndComments() {
        var events = textStream.map(event)
        for index in stride(from: events.count, through: 0, by: -1) {
            events.insert(event(#"{"type":"event_of_tomorrow","index":9}"#), at: index)
            events.insert(event(#"{"type": "ping"}"#), at: index)
            events.insert(ServerSentEvent(name: nil, data: [], raw: Array(": hi\n\n".utf8)), at: index)
            events.insert(ServerSentEvent(name: "tomorrow", data: Array("no json".utf8)), at: index)
        }
        #expect(assembled(events).text == textMessage)
    }

    @Test func readsDataWithLineBreaks() {
        let events = textStream.map { data in
            let broken = data.replacing(#","index""#, with: ",\n\"index\"")
            return ServerSentEvent(name: nil, data: Array(broken.utf8), raw: [])
        }
        #expect(assembled(events).text == textMessage)
    }

    @Test(arguments: [
        #"{"type":"delta_of_tomorrow","x":1}"#, #"{"type":"input_json_delta","partial_json":""}"#,
        #"{"type":"thinking_delta","thinking":"x"}"#,
    ]) func anUnknownDeltaLeavesEventsOnly(_ delta: String) throws {
        var stream = textStream
        stream.insert(#"{"type":"content_block_delta","index":0,"delta":\#(delta)}"#, at: 3)
        #expect(assembled(data: stream) == .eventsOnly)
        var assembler = MessageAssembler()
        for data in stream { assembler.consume(event(data)) }
        let summary = try #require(assembler.summary())
        #expect(summary.hasUnknownBlocks)
        #expect(summary.stopReason == .endTurn)
        #expect(summary.model == "claude-haiku-4-5")
        // It is no more whole than any other stream when it breaks off.
        #expect(assembled(data: stream.dropLast()) == .incomplete(.noMessageStop))
    }

    @Test(arguments: [
        #"{"type":"text","text":"","text":"x"}"#, #"{"type":"text","t\u0065xt":""}"#,
    ]) func anAmbiguousBlockLeavesEventsOnly(_ block: String) {
        var stream = textStream
        stream[1] = #"{"type":"content_block_start","index":0,"content_block":\#(block)}"#
        #expect(assembled(data: stream) == .eventsOnly)
    }

    @Test func anErrorFailsTheStreamWhereverItComes() {
        let error = #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#
        for index in 0...textStream.count {
            var stream = textStream
            stream.insert(error, at: index)
            #expect(
                assembled(data: stream)
                    == .failed(APIErrorBody(type: .overloaded, message: "Overloaded", requestID: "req_1")))
        }
    }

    @Test func nothingIsWholeWhenItBreaksOffAtAnyByte() throws {
        let stream = textStream.flatMap { event($0).raw }
        let whole = try #require(stream.firstRange(of: Array("event: message_stop".utf8))).lowerBound
        for end in 0...whole {
            var parser = SSEParser()
            var assembler = MessageAssembler()
            for event in try parser.feed(Array(stream[..<end])) { assembler.consume(event) }
            #expect(assembler.finish() == .incomplete(.noMessageStop))
            // A server that closes the connection in order without being done.
            if let last = parser.finish() { assembler.consume(last) }
            #expect(assembler.finish().message == nil)
            #expect(assembler.summary() == nil)
        }
    }

    @Test func nothingIsWholeWithoutAnyOneOfItsEvents() {
        for index in textStream.indices
        where !textStream[index].contains("ping") && !textStream[index].contains("text_delta") {
            var stream = textStream
            stream.remove(at: index)
            #expect(assembled(data: stream).message == nil, "\(textStream[index])")
        }
    }

    @Test(
        arguments: [
            (1, textStream[0], IncompleteReason.secondMessageStart),
            (textStream.count, textStream[0], .secondMessageStart),
            (0, textStream[1], .outOfOrder),
            (0, textStream[6], .outOfOrder),
            (1, textStream[6], .outOfOrder),
            (2, textStream[1], .outOfOrder),
            (7, textStream[3], .outOfOrder),
            (7, textStream[6], .outOfOrder),
            (9, textStream[7], .outOfOrder),
            (0, textStream[8], .outOfOrder),
            (2, #"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#, .outOfOrder),
            (2, #"{"type":"content_block_start","index":-1,"content_block":{"type":"text","text":""}}"#, .outOfOrder),
            (2, #"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#, .openBlock),
            (2, #"{"type":"content_block_start","index":1}"#, .invalidEvent),
            (3, #"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":""}}"#, .outOfOrder),
            (3, #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":1}}"#, .invalidEvent),
            (3, #"{"type":"content_block_delta","index":99999999999999999999,"delta":{"type":"x"}}"#, .invalidEvent),
            (3, #"{"type":"message_delta","delta":1}"#, .invalidEvent),
        ] as [(Int, String, IncompleteReason)])
    func namesWhatIsWrong(_ index: Int, _ data: String, _ reason: IncompleteReason) {
        var stream = textStream
        stream.insert(data, at: index)
        #expect(assembled(data: stream) == .incomplete(reason))
    }

    @Test func dataThatIsNoJSONIsNotPassedOver() {
        for name in [nil, "content_block_delta", "message_start", "error"] {
            var events = textStream.map(event)
            events.insert(ServerSentEvent(name: name, data: Array(#"{"type":"content_bl"#.utf8), raw: []), at: 3)
            #expect(assembled(events) == .incomplete(.invalidEvent))
            events[3] = ServerSentEvent(name: name, data: Array("[1]".utf8), raw: [])
            #expect(assembled(events) == .incomplete(.invalidEvent))
        }
    }

    @Test func aMissingStopReasonIsIncomplete() {
        #expect(
            assembled(data: textStream.enumerated().filter { $0.offset != 7 }.map(\.element))
                == .incomplete(.noStopReason))
        #expect(assembled(data: self.stream([], delta: #""stop_reason":null"#)) == .incomplete(.noStopReason))
    }

    @Test func itsMemoryIsBounded() {
        var assembler = MessageAssembler(maximumBytes: 2000)
        for data in textStream.prefix(2) { assembler.consume(event(data)) }
        for _ in 0..<100 { assembler.consume(event(textStream[3])) }
        for data in textStream.suffix(3) { assembler.consume(event(data)) }
        #expect(assembler.finish() == .incomplete(.tooLarge))
        #expect(assembler.hasStopped)
    }

    @Test func survivesShuffledAndMutilatedStreams() {
        var random = SeededGenerator(seed: 3)
        let stream = textStream.map { Array($0.utf8) }
        for _ in 0..<3000 {
            var assembler = MessageAssembler(maximumBytes: 10_000)
            for _ in 0..<Int.random(in: 1...14, using: &random) {
                var data = stream.randomElement(using: &random) ?? []
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    data[Int.random(in: data.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                assembler.consume(ServerSentEvent(name: nil, data: data, raw: data))
            }
            if case .message(let message) = assembler.finish() {
                #expect(throws: Never.self) { try replayed(message) == .message(message) }
            }
        }
    }
}
