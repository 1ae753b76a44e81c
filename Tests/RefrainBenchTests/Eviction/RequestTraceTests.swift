import RefrainBench
import RefrainCore
import RefrainKeys
import Testing

@Suite("Eviction traces of requests") struct RequestTraceTests {
    private static func message(_ text: String, stop: String = "end_turn", model: String = "m") -> [UInt8] {
        Array(
            """
            {"id":"msg_1","type":"message","role":"assistant","model":"\(model)","content":[{"type":"text","text":"\(text)"}],\
            "stop_reason":"\(stop)","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}
            """.utf8)
    }

    @Test("A key has the size and the cost that it had first")
    func firstAnswers() throws {
        let trace = try EvictionTrace(
            SampleTraces.trace([
                SampleTraces.request(at: 0, "a", answer: SampleTraces.text("one"), input: 1_000, output: 100),
                SampleTraces.request(at: 1, "b", answer: SampleTraces.text("one and more"), input: 2_000, output: 0),
                SampleTraces.request(
                    at: 2, "a", answer: SampleTraces.text("something long"), input: 5_000, output: 500),
            ]))
        #expect(trace.requests.map(\.key) == [0, 1, 0])
        #expect(trace.requests[0] == trace.requests[2])
        #expect(trace.requests[1].size - trace.requests[0].size == 9)
        // Sonnet 4.5: 3 and 15 dollars a million tokens.
        #expect(abs(trace.requests[0].cost - 0.0045) < 1e-12 && abs(trace.requests[1].cost - 0.006) < 1e-12)
        #expect(trace.kind == .live && trace.name == "sample")
    }

    @Test("Sizes are of the recorded bytes, or of four bytes to an output token")
    func sizes() throws {
        let message = Self.message("an answer")
        let trace = try EvictionTrace(
            SampleTraces.trace([
                SampleTraces.request(at: 0, "a", answer: .message(message)),
                SampleTraces.request(at: 1, "b", answer: .message(message + Array("       ".utf8))),
                SampleTraces.request(at: 2, "c", output: 10), SampleTraces.request(at: 3, "d", output: 35),
                SampleTraces.request(at: 4, "e", output: .max), SampleTraces.request(at: 5, "f", output: .min),
                SampleTraces.request(at: 6, "g", output: 0),
            ]))
        let sizes = trace.requests.map(\.size)
        #expect(sizes[1] - sizes[0] == 7 && sizes[3] - sizes[2] == 100)
        #expect(sizes[4] > 1 << 30 && sizes[5] == sizes[6])
        #expect(trace.requests.allSatisfy { $0.cost >= 0 && $0.size > 0 })
    }

    @Test("The price is that of the model that answered")
    func prices() throws {
        let answer = Self.message("an answer", model: "claude-haiku-4-5-20251001")
        let trace = try EvictionTrace(
            SampleTraces.trace([
                SampleTraces.request(
                    at: 0, "a", answer: .message(answer), model: "claude-haiku-latest", input: 1_000, output: 0),
                SampleTraces.request(at: 1, "b", model: "claude-haiku-latest"),
            ]))
        #expect(trace.requests.map(\.cost) == [0.001, 0])
        #expect(trace.note.contains("1 are of models whose price is not known"))
    }

    @Test("A stream is stored as the message that it assembles to, and what is not whole is not")
    func streams() throws {
        let events = """
            event: message_start
            data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m",\
            "content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"an answer"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}}


            """
        let whole = events + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        let trace = try EvictionTrace(
            SampleTraces.trace([
                SampleTraces.request(at: 0, "a", answer: .events(Array(whole.utf8))),
                SampleTraces.request(at: 1, "b", answer: .events(Array(events.utf8))),
                SampleTraces.request(at: 2, "c", answer: .message(Self.message("an answer"))),
            ]))
        #expect(trace.requests.map(\.key) == [0, 1])
        #expect(trace.requests[0].size == trace.requests[1].size)
        #expect(trace.note.contains("left out: 1 not-a-message"))
    }

    @Test("Requests without a key, errors and answers that are not stored are left out, and counted")
    func leftOut() throws {
        let search = #"{"model":"m","max_tokens":9,"messages":[],"tools":[{"type":"web_search_20250305","name":"w"}]}"#
        var requests = [
            SampleTraces.request(at: 0, "a", answer: .failure(status: 529, [])),
            SampleTraces.request(at: 1, "b"), SampleTraces.request(at: 2, "a"),
            SampleTraces.request(at: 3, "a", answer: .failure(status: 500, [])),
            SampleTraces.request(at: 4, "c", answer: .message(Self.message("cut", stop: "max_tokens"))),
            SampleTraces.request(at: 5, body: search), SampleTraces.request(at: 6, "a", model: "unheard-of"),
        ]
        let trace = try EvictionTrace(SampleTraces.trace(requests))
        #expect(trace.requests.map(\.key) == [0, 1, 2])
        let more = try EvictionTrace(SampleTraces.trace(requests), storable: [.default, .maxTokens])
        #expect(more.requests.count == 4 && !more.note.contains("max-tokens"))
        #expect(trace.requests[2].cost == 0)
        #expect(trace.note.hasPrefix("3 requests for 3 keys, which take "))
        #expect(trace.note.contains("left out: 2 status, 1 max-tokens, 1 server-tool"), "\(trace.note)")
        #expect(trace.note.contains("1 are of models whose price is not known"))
        // A request log has keys alone, or the reason for having none.
        for index in requests.indices { requests[index].content = .unkeyed("no-key") }
        let error = #expect(throws: BenchError.self) { try EvictionTrace(SampleTraces.trace(requests)) }
        #expect(error?.code == .nothingToStore)
        #expect(error?.message == "sample has no request whose answer a cache would store: 7 no-key")
        requests[0].content = .key(RequestKey(memoizing: "a", in: "test"))
        requests[0].answer = nil
        #expect(try EvictionTrace(SampleTraces.trace(requests)).requests.count == 1)
        #expect(throws: BenchError.self) { try EvictionTrace(SampleTraces.trace([])) }
    }

    @Test("The sample index is part of the key, unless it is not wanted")
    func samples() throws {
        let requests = [0, 1, 0].map { sample in
            var request = SampleTraces.request(at: 0, "a")
            request.sample = sample
            return request
        }
        #expect(try EvictionTrace(SampleTraces.trace(requests)).requests.map(\.key) == [0, 1, 0])
        #expect(try EvictionTrace(SampleTraces.trace(requests), keysSample: false).requests.map(\.key) == [0, 0, 0])
    }

    @Test("Each kind of traffic has tables of its own")
    func kinds() throws {
        let requests = ["a", "b", "a"].enumerated().map { SampleTraces.request(at: Double($0), $1) }
        var other = SampleTraces.trace(requests)
        other.name = "other"
        other.kind = .search
        let traces = [try EvictionTrace(other), try EvictionTrace(SampleTraces.trace(requests))]
        let report = BenchReport(
            eviction: [], priced: EvictionBench.run(traces: traces, shares: [0.5, 1], policies: [.lru, .fifo]))
        #expect(report.sections.map(\.label) == ["live", "live", "live", "search", "search", "search"])
        #expect(report.sections[0].notes.filter { $0.hasPrefix("sample: 3 requests for 2 keys") }.count == 1)
        #expect(!report.sections[1].notes.contains { $0.hasPrefix("sample") })
        #expect(!report.sections[0].notes.contains { $0.hasPrefix("other") })
        #expect(report.sections.allSatisfy { $0.table.rows.count == 2 })
    }
}
