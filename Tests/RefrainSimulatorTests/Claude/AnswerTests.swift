import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

@Suite struct AnswerTests {
    private func text(_ reply: Reply) throws -> String { try reply.content.compactMap { $0["text"]?.string }.joined() }

    @Test func `a repeat is another sample with another id`() throws {
        var claude = Claude()
        let replies = (0..<5).map { _ in claude.ask(WireClient.request("Hello")) }
        #expect(Set(try replies.map(self.text)).count == 5)
        #expect(Set(try replies.map { try $0.message["id"]?.string }).count == 5)
        #expect(Set(replies.map { $0.response.headers.first { $0.name == "request-id" }?.value }).count == 5)
    }

    @Test func `a deterministic simulation repeats its text, not its ids`() throws {
        var claude = Claude(SimulatorConfiguration(isDeterministic: true))
        let replies = (0..<3).map { _ in claude.ask(WireClient.request("Hello")) }
        #expect(Set(try replies.map(self.text)).count == 1)
        #expect(Set(try replies.map { try $0.message["id"]?.string }).count == 3)
        #expect(try self.text(claude.ask(WireClient.request("Hello!"))) != self.text(replies[0]))
    }

    @Test func `answers are a function of the seed and of how often a request was made`() throws {
        var one = Claude(SimulatorConfiguration(seed: 7))
        var two = Claude(SimulatorConfiguration(seed: 7))
        var other = Claude(SimulatorConfiguration(seed: 8))
        let (hello, bye) = (WireClient.request("Hello"), WireClient.request("Bye"))
        let first = [one.ask(hello), one.ask(bye), one.ask(hello)].map(\.text)
        // The order of different requests does not matter.
        let second = [two.ask(bye), two.ask(hello), two.ask(hello)].map(\.text)
        #expect(first == [second[1], second[0], second[2]])
        #expect(other.ask(hello).text != first[0])
    }

    @Test func `spelling, streaming and cache marks do not change the answer`() throws {
        let spellings = [
            #"{"model":"claude-opus-4-5","max_tokens":300,"messages":[{"role":"user","content":"Hé"}]}"#,
            #"{ "max_tokens": 300, "messages": [{"content": "H\u00e9", "role": "user"}], "model": "claude-opus-4-5" }"#,
            #"{"stream":true,"model":"claude-opus-4-5","max_tokens":300,"messages":[{"role":"user","content":"Hé"}]}"#,
            #"{"cache_control":{"type":"ephemeral"},"model":"claude-opus-4-5","max_tokens":300,"#
                + #""metadata":{"user_id":"u"},"messages":[{"role":"user","content":"Hé"}]}"#,
        ]
        let messages = try spellings.map { body in
            var claude = Claude()
            return try claude.ask(body).message
        }
        #expect(Set(messages.map { $0["id"]?.string }).count == 1)
        #expect(Set(messages.map { $0["content"].map { Array($0.raw) } }).count == 1)
    }

    @Test(arguments: 1...24)
    func `a stream adds up to the message that a plain call gets`(seed: Int) throws {
        let requests = [
            WireClient.request("[[simulate tools=2 words=20]] x", "\"tools\":\(Self.tools),"),
            WireClient.request("[[simulate thinking]] Hello"), WireClient.request("[[simulate redacted]] Hello"),
            WireClient.request("[[simulate refusal words=10]]"), WireClient.request("[[simulate empty]]"),
            WireClient.request("[[simulate unknown=block]]"), WireClient.request("Hello", maxTokens: 20),
            WireClient.request("Hello", model: "claude-opus-5-5", "\"thinking\":{\"type\":\"adaptive\"},"),
            WireClient.request("x", "\"stop_sequences\":[\"the \"],"),
        ]
        for request in requests {
            var plain = Claude(SimulatorConfiguration(seed: UInt64(seed)))
            var streaming = Claude(SimulatorConfiguration(seed: UInt64(seed)))
            let message = try plain.ask(request).message
            let stream = "{\"stream\":true," + request.dropFirst()
            let assembled = try streaming.ask(stream).message
            for name in ["id", "model", "role", "content", "stop_reason", "stop_sequence", "stop_details"] {
                #expect(assembled[name].map { Array($0.raw) } == message[name].map { Array($0.raw) }, "\(name)")
            }
            for name in ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
                #expect(assembled["usage"]?[name]?.int == message["usage"]?[name]?.int)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 10, 50])
    func `max_tokens bounds the answer`(limit: Int) throws {
        var claude = Claude()
        for model in ["claude-haiku-4-5", "claude-opus-5-5"] {
            let reply = claude.ask(WireClient.request("[[simulate words=500]]", model: model, maxTokens: limit))
            #expect(try reply.stopReason == "max_tokens")
            #expect(try reply.message["usage"]?["output_tokens"]?.int == limit)
            #expect(TokenEstimate.text(try self.text(reply).utf8) <= limit)
        }
    }

    @Test func `max_tokens bounds thinking and tool calls too`() throws {
        var claude = Claude()
        let thinking = claude.ask(WireClient.request("[[simulate thinking]]", maxTokens: 5))
        #expect(try thinking.types == ["thinking"])
        #expect(try thinking.stopReason == "max_tokens")
        let tool = claude.ask(WireClient.request("[[simulate tool]]", maxTokens: 5, "\"tools\":\(Self.tools),"))
        #expect(try tool.types == [])
        #expect(try tool.stopReason == "max_tokens")
    }

    @Test func `max_tokens of 0 only warms the cache`() throws {
        var claude = Claude()
        let reply = claude.ask(WireClient.request("Hello", maxTokens: 0))
        #expect(try reply.types == [])
        #expect(try reply.stopReason == "max_tokens")
        #expect(try reply.message["usage"]?["output_tokens"]?.int == 0)
    }

    @Test func `a stop sequence ends the text before itself`() throws {
        var claude = Claude()
        let reply = claude.ask(
            WireClient.request("[[simulate echo]]one two three four", "\"stop_sequences\":[\"four\",\" three\"],"))
        #expect(try self.text(reply) == "one two")
        #expect(try reply.stopReason == "stop_sequence")
        #expect(try reply.message["stop_sequence"]?.string == " three")
    }

    @Test func `a length that is asked for is kept`() throws {
        var claude = Claude()
        let words = try self.text(claude.ask(WireClient.request("[[simulate words=200]]"))).split { $0.isWhitespace }
        #expect((100...210).contains(words.count))
    }

    // MARK: Tools

    private static let tools = """
        [{"name":"weather","input_schema":{"type":"object","properties":{"unit":{"enum":["C","F"]},\
        "place":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":7},"note":{"type":"string"}},\
        "required":["days","place","unit"]}},{"name":"now","input_schema":{"type":"object","properties":{}}}]
        """

    @Test func `tools are called where the choice demands it or the prompt asks for it`() throws {
        var claude = Claude()
        let tools = "\"tools\":\(Self.tools),"
        #expect(try claude.ask(WireClient.request("Hello", tools)).types == ["text"])
        #expect(try claude.ask(WireClient.request("[[simulate tool]]", tools)).types == ["tool_use"])
        for (choice, name) in [(#"{"type":"any"}"#, "weather"), (#"{"type":"tool","name":"now"}"#, "now")] {
            let reply = claude.ask(WireClient.request("Hello", tools + "\"tool_choice\":\(choice),"))
            #expect(try reply.stopReason == "tool_use")
            #expect(try reply.content[0]["name"]?.string == name)
        }
        let none = claude.ask(WireClient.request("[[simulate tool]]", tools + #""tool_choice":{"type":"none"},"#))
        #expect(try none.types == ["text"])
    }

    @Test func `inputs have the required properties in the schema's order`() throws {
        var claude = Claude()
        for _ in 0..<20 {
            let reply = claude.ask(WireClient.request("[[simulate tool=weather]]", "\"tools\":\(Self.tools),"))
            let input = try #require(try reply.content[0]["input"])
            #expect(input.members.map { $0.name.string } == ["unit", "place", "days"])
            #expect(["C", "F"].contains(input["unit"]?.string))
            #expect((1...7).contains(input["days"]?.int ?? 0))
            #expect(input["place"]?.string != nil)
        }
    }

    @Test func `parallel calls have ids of their own, and can be switched off`() throws {
        var claude = Claude()
        let tools = "\"tools\":\(Self.tools),"
        let reply = claude.ask(WireClient.request("[[simulate tools=3]]", tools))
        #expect(try reply.content.compactMap { $0["name"]?.string } == ["weather", "now", "weather"])
        let ids = try reply.content.compactMap { $0["id"]?.string }
        #expect(Set(ids).count == 3)
        #expect(ids.allSatisfy { $0.hasPrefix("toolu_01") })
        let one = claude.ask(
            WireClient.request(
                "[[simulate tools=3]]", tools + #""tool_choice":{"type":"auto","disable_parallel_tool_use":true},"#))
        #expect(try one.types == ["tool_use"])
    }

    @Test func `a call without arguments is a stream of one empty fragment`() throws {
        var claude = Claude()
        let reply = claude.ask(WireClient.request("[[simulate tool=now]]", stream: true, "\"tools\":\(Self.tools),"))
        #expect(reply.text.components(of: "input_json_delta") == 1)
        #expect(try reply.content[0]["input"].map { Array($0.raw) } == Array("{}".utf8))
    }

    @Test func `structured output fits its schema`() throws {
        var claude = Claude()
        let format = """
            "output_config":{"format":{"type":"json_schema","schema":{"type":"object","required":["who","tags","$ref"],\
            "properties":{"who":{"$ref":"#/$defs/person"},"tags":{"type":"array","items":{"type":"string"},"minItems":2},\
            "$ref":{"type":["null","boolean"]}},"$defs":{"person":{"type":"object","required":["mail"],\
            "properties":{"mail":{"type":"string","format":"email"}}}}}}},
            """
        let text = try self.text(claude.ask(WireClient.request("Hello", model: "claude-sonnet-4-6", format)))
        let value = try JSONDocument(Array(text.utf8)).root
        #expect(value["who"]?["mail"]?.string?.hasSuffix("@example.com") == true)
        #expect(value["tags"].map { Array($0.elements).count } ?? 0 >= 2)
        #expect(value["$ref"]?.bool != nil)
    }

    // MARK: Thinking and what else is asked for

    @Test func `thinking comes with a signature, and without its text where the display omits it`() throws {
        var claude = Claude()
        let enabled = #""thinking":{"type":"enabled","budget_tokens":1024},"#
        let old = claude.ask(WireClient.request("Hello", maxTokens: 4_000, enabled))
        #expect(try old.types == ["thinking", "text"])
        #expect(try old.content[0]["thinking"]?.string?.isEmpty == false)
        #expect(try (old.content[0]["signature"]?.string?.utf8.count ?? 0) > 100)
        let adaptive = #""thinking":{"type":"adaptive"},"#
        let new = claude.ask(WireClient.request("Hello", model: "claude-opus-5-5", stream: true, adaptive))
        #expect(try new.content[0]["thinking"]?.string == "")
        #expect(try (new.message["usage"]?["output_tokens_details"]?["thinking_tokens"]?.int ?? 0) > 0)
        #expect(!new.text.contains("thinking_delta"))
        #expect(new.text.contains("signature_delta"))
        let shown = #""thinking":{"type":"adaptive","display":"summarized"},"#
        let summary = claude.ask(WireClient.request("Hello", model: "claude-opus-5-5", shown))
        #expect(try summary.content[0]["thinking"]?.string?.isEmpty == false)
    }

    @Test func `the documented trigger redacts thinking`() throws {
        var claude = Claude()
        let trigger =
            "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"
            + "46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"
        #expect(try claude.ask(WireClient.request(trigger)).types == ["redacted_thinking", "text"])
    }

    @Test func `refusals, stop reasons and empty answers are given on request`() throws {
        var claude = Claude()
        let refusal = claude.ask(WireClient.request("[[simulate refusal=bio]]"))
        #expect(try refusal.stopReason == "refusal")
        #expect(try refusal.types == [])
        #expect(try refusal.message["stop_details"]?["category"]?.string == "bio")
        let pause = claude.ask(WireClient.request("Hello"), headers: ["x-simulator": "stop=pause_turn"])
        #expect(try pause.stopReason == "pause_turn")
        let empty = claude.ask(WireClient.request("[[simulate empty]]"))
        #expect(try empty.types == [])
        #expect(try empty.stopReason == "end_turn")
        let wrong = claude.ask(WireClient.request("[[simulate magic]]"))
        #expect(wrong.status == 400)
    }

    @Test func `a document that asks for citations is cited`() throws {
        var claude = Claude()
        let body = """
            {"model":"claude-haiku-4-5","max_tokens":100,"messages":[{"role":"user","content":[{"type":"document",\
            "source":{"type":"text","media_type":"text/plain","data":"The grass is green."},"title":"T",\
            "citations":{"enabled":true}},{"type":"text","text":"What colour?"}]}]}
            """
        var streaming = Claude()
        let stream = streaming.ask("{\"stream\":true," + body.dropFirst())
        for reply in [claude.ask(body), stream] {
            let citation = try reply.content[0]["citations"]?.elements.first { _ in true }
            #expect(citation?["cited_text"]?.string == "The grass is green.")
            #expect(citation?["document_title"]?.string == "T")
        }
        #expect(stream.text.contains("citations_delta"))
    }

    @Test func `what clients do not know yet can be asked for`() throws {
        var claude = Claude()
        #expect(
            claude.ask(WireClient.request("[[simulate unknown=event]]", stream: true)).text.contains("simulated_event"))
        #expect(
            claude.ask(WireClient.request("[[simulate unknown=delta]]", stream: true)).text.contains("simulated_delta"))
        #expect(try claude.ask(WireClient.request("[[simulate unknown=block]]")).types == ["text", "simulated_block"])
    }
}

extension String {
    /// How often `text` occurs.
    func components(of text: String) -> Int { self.ranges(of: text).count }
}
