import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@Suite struct MessageReplayerTests {
    @Test func tellsATextMessageAsTheAPIDoes() throws {
        let events = try MessageReplayer.events(for: Array(textMessage.utf8)).map {
            String(decoding: $0, as: UTF8.self)
        }
        #expect(
            events == [
                #"""
                event: message_start
                data: {"type":"message_start","message":{"model":"claude-haiku-4-5","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,"service_tier":"standard"}}}


                """#,
                #"""
                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}


                """#,
                #"""
                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello \u00e9 é \/ \ud83d\ude00\n"}}


                """#,
                #"""
                event: content_block_stop
                data: {"type":"content_block_stop","index":0}


                """#,
                #"""
                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":4}}


                """#,
                #"""
                event: message_stop
                data: {"type":"message_stop"}


                """#,
            ])
    }

    /// A message with these blocks, spelled as an assembler would.
    private func message(_ blocks: [String], _ members: String = "") -> [UInt8] {
        Array(
            #"{"id":"m","type":"message","role":"assistant","model":"c","content":[\#(blocks.joined(separator: ","))],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":0}\#(members)}"#
                .utf8)
    }

    private static let blocks = [
        #"{"type":"text","text":""}"#,
        #"{"text":"a\"\\\u0000","type":"text","citations":null}"#,
        #"{"citations":[{"b":1,"a":2},"x"],"type":"text","text":"é"}"#,
        #"{"type":"text","text":"x","citations":[],"more":{"b":[1.0]}}"#,
        #"{"type":"text","text":null}"#,
        #"{"type":"thinking","thinking":"","signature":"s=="}"#,
        #"{"type":"thinking","signature":"s\/","thinking":"t"}"#,
        #"{"type":"thinking","thinking":"t"}"#,
        #"{"type":"redacted_thinking","data":"d\/"}"#,
        #"{"type":"tool_use","id":"t","name":"n","input":{}}"#,
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{ \"b\" : \"\\u00e9\\n\",\r\n\t\"a\":1e0},\"caller\":{\"type\":\"direct\"}}",
        #"{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":"x"}}"#,
        #"{"type":"mcp_tool_use","id":"s","name":"n","server_name":"v","input":{"q":"x"}}"#,
        #"{"type":"tool_use","id":"t","name":"n","input":[1,"é"]}"#,
        #"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"x","input":{"b":1}}]}"#,
        #"{"type":"fallback","from":{"model":"a"},"to":{"model":"c"}}"#,
        #"{"type":"compaction","content":"c","encrypted_content":null}"#,
        #"{"type":"block_of_tomorrow","text":"x","input":{"a":1}}"#,
    ]

    @Test(arguments: blocks) func aBlockReplaysToItsBytes(_ block: String) throws {
        let message = self.message([block])
        #expect(try replayed(message).text == String(decoding: message, as: UTF8.self))
    }

    @Test func manyBlocksReplayToTheirBytes() throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<100 {
            let blocks = (0..<Int.random(in: 0...15, using: &random)).map { _ in
                Self.blocks.randomElement(using: &random) ?? ""
            }
            let message = self.message(
                blocks,
                #","container":{"id":"c"},"context_management":{"applied_edits":[]},"input_transformations":[1],"x":null"#
            )
            #expect(try replayed(message).message == message)
            #expect(try MessageReplayer.stream(for: message) == MessageReplayer.stream(for: message))
        }
    }

    @Test func whatSDKsReadFromTheMessageDeltaStandsThere() throws {
        let message = self.message([], #","container":{"id":"c"},"context_management":{"applied_edits":[]}"#)
        let delta = try #require(
            try events(of: MessageReplayer.stream(for: message)).first { $0.name == "message_delta" })
        let data = try JSONValue(delta.data)
        #expect(data["delta"]?["container"] == ["id": "c"])
        #expect(data["context_management"] == ["applied_edits": []])
        #expect(data["usage"] == ["input_tokens": 1, "output_tokens": 0])
    }

    @Test func everyEventIsNamedByItsTypeAndStandsOnOneLine() throws {
        let message = Array(
            String(decoding: self.message(Self.blocks), as: UTF8.self).replacing(",", with: ",\n").utf8)
        let pretty = try JSONValue(message)
        for event in try events(of: MessageReplayer.stream(for: message)) {
            #expect(try JSONValue(event.data)["type"]?.string == event.name)
            #expect(!event.data.contains(0x0A))
        }
        #expect(try replayed(message).message.map(JSONValue.init) == pretty)
    }

    @Test func membersSpelledUnusuallyTravelWhole() throws {
        let message = self.message([#"{"type":"text","t\u0065xt":"abc"}"#])
        let stream = try MessageReplayer.stream(for: message)
        #expect(String(decoding: stream, as: UTF8.self).components("abc") == 1)
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"type":"error","error":{}}"#, #"{"type":"message","content":1}"#])
    func refusesWhatIsNoMessage(_ json: String) {
        #expect(throws: WireError.self) { try MessageReplayer.stream(for: Array(json.utf8)) }
    }
}

extension String {
    /// How often `text` stands here.
    fileprivate func components(_ text: String) -> Int { self.ranges(of: text).count }
}
