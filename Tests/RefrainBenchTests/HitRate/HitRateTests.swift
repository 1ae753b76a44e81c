import RefrainBench
import RefrainCore
import Testing

@Suite("Hit rates") struct HitRateTests {
    private func run(
        _ requests: [RequestTrace.Request], lifetimes: [Duration?] = [nil], sizes: [Int?] = [nil],
        keysSample: Bool = true
    ) async throws -> HitRateReport {
        try await HitRateBench.run(
            SampleTraces.trace(requests), .init(lifetimes: lifetimes, sizes: sizes, keysSample: keysSample))
    }

    @Test("A repeat is a hit until the answer's lifetime is over, which a hit does not extend")
    func lifetime() async throws {
        let report = try await self.run(
            [0, 200, 299, 300, 500].map { SampleTraces.request(at: $0, "a") },
            lifetimes: [.minutes(5), nil])
        #expect(report.total.requests == 5)
        #expect(report.bound.requests == 4)
        // 300 s after the first answer it is asked anew, though it was given a second before.
        #expect(report.rows[0].hits.requests == 3)
        #expect(report.rows[0].lostToExpiry.requests == 1)
        #expect(report.rows[1].hits.requests == 4)
        #expect(report.rows[1].hits.inputTokens == 400)
        #expect(report.rows[1].hits.outputTokens == 40)
    }

    @Test("Requests that come while an equal one is under way join it")
    func joining() async throws {
        let requests = [0, 1, 2, 5].map { SampleTraces.request(at: $0, "a", latency: .seconds(4)) }
        let row = try await self.run(requests).rows[0]
        #expect(row.joined.requests == 2)
        #expect(row.hits.requests == 1)
        #expect(row.saved.requests == 3)
    }

    @Test("Of two equal requests at one moment the second joins")
    func sameMoment() async throws {
        let requests = [0, 0, 0].map { SampleTraces.request(at: $0, "a", latency: .seconds(1)) }
        #expect(try await self.run(requests).rows[0].joined.requests == 2)
    }

    @Test("A store that is too small loses repeats to size")
    func size() async throws {
        let answer = SampleTraces.text(String(repeating: "x", count: 20_000))
        let requests = [0, 1, 2, 3, 0, 1, 2, 3].enumerated().map { index, name in
            SampleTraces.request(at: Double(index), "\(name)", answer: answer)
        }
        let report = try await self.run(requests, sizes: [50_000, 1 << 20, nil])
        // No entry of 20 KB fits in a 32nd of 50 KB.
        #expect(report.rows[0].lostToSize.requests == 4)
        #expect(report.rows[0].hits.requests == 0)
        #expect(report.rows[1].hits.requests == 4)
        #expect(report.rows[2].hits.requests == 4)
        #expect(report.rows[2].bytesHeld > 80_000)
    }

    @Test("An evicted answer is lost to size, and counted as evicted")
    func eviction() async throws {
        let answer = SampleTraces.text(String(repeating: "x", count: 20_000))
        let names = Array(0..<200) + Array(0..<200)
        let requests = names.enumerated().map { SampleTraces.request(at: Double($0), "\($1)", answer: answer) }
        let row = try await self.run(requests, sizes: [1 << 20]).rows[0]
        #expect(row.lostToSize.requests + row.hits.requests == 200)
        #expect(row.lostToSize.requests > 100)
        #expect(row.evictions > 200)
    }

    @Test("What is not stored is lost to policy: errors, and answers that were cut off")
    func policy() async throws {
        let failure = RequestTrace.Answer.failure(
            status: 529, Array(#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#.utf8))
        let cut = RequestTrace.Answer.message(
            Array(
                """
                {"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"half"}],\
                "stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}
                """.utf8))
        for answer in [failure, cut] {
            let report = try await self.run([0, 1, 2].map { SampleTraces.request(at: $0, "a", answer: answer) })
            #expect(report.bound.requests == 2)
            #expect(report.rows[0].lostToPolicy.requests == 2)
            #expect(report.rows[0].hits.requests == 0)
        }
    }

    @Test("Those that joined a call that failed are lost to policy")
    func joinedFailure() async throws {
        let failure = RequestTrace.Answer.failure(
            status: 400,
            Array(#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#.utf8))
        let row = try await self.run(
            [0, 1].map { SampleTraces.request(at: $0, "a", answer: failure, latency: .seconds(3)) }
        ).rows[0]
        #expect(row.lostToPolicy.requests == 1)
        #expect(row.joined.requests == 0)
    }

    @Test("A hit is wrong where the trace holds another answer than the one that is given")
    func wrongHits() async throws {
        let answers = ["one", "one", "two", nil].enumerated().map { index, answer in
            SampleTraces.request(at: Double(index), "a", answer: answer.map(SampleTraces.text))
        }
        let row = try await self.run(answers).rows[0]
        #expect(row.hits.requests == 3)
        #expect(row.judged == 2)
        #expect(row.wrong == 1)
    }

    @Test("A stream's recorded answer and the same message are one answer")
    func streams() async throws {
        let events = [
            #"message_start {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            #"content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            #"content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            #"content_block_stop {"type":"content_block_stop","index":0}"#,
            #"message_delta {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}"#,
            #"message_stop {"type":"message_stop"}"#,
        ].map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return "event: \(parts[0])\ndata: \(parts[1])\n\n"
        }
        let stream = RequestTrace.Answer.events(Array(events.joined().utf8))
        let broken = RequestTrace.Answer.events(Array(events.dropLast().joined().utf8))
        let row = try await self.run([0, 1].map { SampleTraces.request(at: $0, "a", answer: stream) }).rows[0]
        #expect(row.hits.requests == 1)
        #expect(row.judged == 1)
        #expect(row.wrong == 0)
        let cut = try await self.run([0, 1].map { SampleTraces.request(at: $0, "a", answer: broken) }).rows[0]
        #expect(cut.lostToPolicy.requests == 1)
    }

    @Test("An answer whose tool call stands in the request already is not given")
    func repeatedToolUse() async throws {
        let body = #"""
            {"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"n","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"r"}]}]}
            """#
        let answer = RequestTrace.Answer.message(
            Array(
                #"""
                {"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"toolu_1","name":"n","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}
                """#.utf8))
        let row = try await self.run([0, 1].map { SampleTraces.request(at: $0, body: body, answer: answer) }).rows[0]
        #expect(row.lostToPolicy.requests == 1)
    }

    @Test("Requests without a key are counted by the reason, and have no part in the bound")
    func unkeyed() async throws {
        let body = #"""
            {"model":"claude-sonnet-4-5","max_tokens":9,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"a"}]}
            """#
        let report = try await self.run([0, 1].map { SampleTraces.request(at: $0, body: body) })
        #expect(report.unkeyed == ["server-tool": 2])
        #expect(report.bound.requests == 0)
        #expect(report.total.requests == 2)
    }

    @Test("Samples of one prompt are different requests, unless the sample is left out of the key")
    func samples() async throws {
        var requests = [0, 1, 2].map { SampleTraces.request(at: $0, "a") }
        for index in requests.indices { requests[index].sample = index }
        #expect(try await self.run(requests).bound.requests == 0)
        #expect(try await self.run(requests, keysSample: false).bound.requests == 2)
    }

    @Test("Requests that differ in spelling alone share a key")
    func spelling() async throws {
        let report = try await self.run([
            SampleTraces.request(
                at: 0, body: #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#),
            SampleTraces.request(
                at: 1,
                body:
                    #"{"messages":[{"content":[{"text":"\u0061","type":"text"}],"role":"user"}],"max_tokens":1,"model":"m","stream":true}"#
            ),
        ])
        #expect(report.rows[0].hits.requests == 1)
    }

    @Test("Whoever waits hears of each row")
    func progress() async throws {
        var heard: [Int] = []
        _ = try await HitRateBench.run(
            SampleTraces.trace([SampleTraces.request(at: 0, "a")]),
            .init(lifetimes: [.hours(1), nil], sizes: [1 << 20, nil])
        ) { heard.append($0) }
        #expect(heard == [1, 2, 3, 4])
    }

    @Test("A cancelled run ends")
    func cancellation() async {
        let trace = GeneratedTraffic.bursts.trace(scale: 0.02)
        let task = Task { try await HitRateBench.run(trace, .init(reckonsMoney: false)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("Hits, joined and lost requests are all that an infinite cache could have answered")
    func sums() async throws {
        for workload in [GeneratedTraffic.questions, .bursts, .continuousIntegration] {
            let report = try await HitRateBench.run(
                workload.trace(scale: 0.05),
                .init(lifetimes: [.minutes(5), .days(1), nil], sizes: [40_000, nil], reckonsMoney: false))
            #expect(report.bound.requests > 0)
            for row in report.rows {
                let parts = [row.hits, row.joined, row.lostToExpiry, row.lostToSize, row.lostToPolicy]
                #expect(parts.reduce(0) { $0 + $1.requests } == report.bound.requests)
                #expect(parts.reduce(0) { $0 + $1.inputTokens } == report.bound.inputTokens)
            }
        }
    }
}
