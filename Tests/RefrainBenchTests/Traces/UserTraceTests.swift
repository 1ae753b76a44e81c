import RefrainBench
import RefrainCore
import RefrainKeys
import Testing

@Suite("Traces of users") struct UserTraceTests {
    private let body =
        #"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"abcdefgh"}]}"#

    private func read(_ lines: String...) throws(BenchError) -> RequestTrace {
        try UserTrace.read(Array(lines.joined(separator: "\n").utf8), name: "mine.jsonl", kind: .rerun)
    }

    private func failure(_ lines: String...) -> BenchError? {
        #expect(throws: BenchError.self) {
            try UserTrace.read(Array(lines.joined(separator: "\n").utf8), name: "mine.jsonl", kind: .live)
        }
    }

    private func body(of request: RequestTrace.Request) -> String? {
        guard case .body(let body) = request.content else { return nil }
        return String(decoding: body, as: UTF8.self)
    }

    @Test("Lines are request bodies, byte for byte, at a fixed distance")
    func bodies() throws {
        let trace = try self.read(self.body, "", "  \(self.body)  ")
        #expect(trace.requests.count == 2)
        #expect(trace.kind == .rerun)
        #expect(!trace.isTimed)
        #expect(self.body(of: trace.requests[1]) == self.body)
        #expect(trace.requests[1].time.since(trace.requests[0].time) == RequestTrace.untimedInterval)
        #expect(trace.requests[0].model == "claude-sonnet-4-5")
        #expect(trace.requests[0].usage.inputTokens == (self.body.count + 3) / 4)
    }

    @Test("Lines of a message batch")
    func batch() throws {
        let trace = try self.read(#"{"custom_id":"one","params":\#(self.body)}"#)
        #expect(self.body(of: trace.requests[0]) == self.body)
    }

    @Test("Times in words and numbers, in the order of the times")
    func times() throws {
        let trace = try self.read(
            #"{"time":"2026-10-08T14:00:00.250+02:00","body":\#(self.body)}"#,
            #"{"time":1791460799,"body":\#(self.body)}"#,
            #"{"timestamp":1791460801000,"custom_id":"x","params":\#(self.body)}"#)
        #expect(trace.isTimed)
        #expect(
            trace.requests.map(\.time.milliseconds) == [1_791_460_799_000, 1_791_460_800_250, 1_791_460_801_000])
    }

    @Test("What stands beside a body: sample, session, beta, latency and the answer")
    func members() throws {
        let response =
            #"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":3}}"#
        let line =
            #"{"body":\#(self.body),"sample":2,"session":"s","beta":"a-2025-01-01","latency_ms":1500,"response":\#(response)}"#
        let request = try self.read(line).requests[0]
        #expect(request.sample == 2)
        #expect(request.betas == ["a-2025-01-01"])
        #expect(request.latency == .milliseconds(1_500))
        #expect(request.usage == Usage(inputTokens: 7, outputTokens: 3))
        #expect(request.answer != nil)
    }

    @Test("Records of the gateway's request log are replayed by their keys")
    func requestLog() async throws {
        let key = String(repeating: "ab", count: 32)
        func record(_ time: String, _ result: String, _ key: String, _ status: Int = 200) -> String {
            """
            {"time":"\(time)","key":\(key),"scope":"scope-1","model":"claude-sonnet-4-5","stream":false,\
            "status":\(status),"result":"\(result)","reason":"absent","latency_ms":900.5,"request_bytes":10,\
            "response_bytes":20,"input_tokens":1000,"output_tokens":50,"cache_read_tokens":200,\
            "cache_write_5m_tokens":0,"cache_write_1h_tokens":0,"spent_usd":0.1,"saved_usd":null,"saved_ms":0}
            """
        }
        let trace = try self.read(
            record("2026-10-08T12:00:00.000Z", "miss", "\"\(key)\""),
            record("2026-10-08T12:00:10.000Z", "hit-memory", "\"\(key)\""),
            record("2026-10-08T12:00:20.000Z", "bypass", "null"))
        #expect(trace.isTimed)
        #expect(trace.requests[0].usage.totalInputTokens == 1_200)
        #expect(trace.requests[0].latency == .milliseconds(900))
        let report = try await HitRateBench.run(trace, .init(lifetimes: [.seconds(5), nil]))
        #expect(report.unkeyed == ["absent": 1])
        #expect(report.rows[0].lostToExpiry.requests == 1)
        #expect(report.rows[1].hits.requests == 1)
        #expect(report.rows[1].hits.inputTokens == 1_200)
    }

    @Test("A bad line is named by file and line")
    func badLines() {
        #expect(self.failure(self.body, "", "{oops")?.message.hasPrefix("mine.jsonl:3: not JSON") == true)
        #expect(self.failure("[1]")?.message.hasPrefix("mine.jsonl:1:") == true)
        #expect(self.failure(#"{"a":1}"#)?.message.hasPrefix("mine.jsonl:1:") == true)
        #expect(self.failure(#"{"params":3}"#)?.message.hasPrefix("mine.jsonl:1:") == true)
        #expect(self.failure(#"{"time":"yesterday","body":\#(self.body)}"#)?.message.contains("time") == true)
        #expect(self.failure(#"{"time":"2026-10-08T12:00:00Z","key":"zz","result":"miss"}"#)?.code == .malformed)
    }

    @Test("Times on some lines and not on others are refused, and so is a file without requests")
    func incompleteFiles() {
        #expect(self.failure(self.body, #"{"time":5,"body":\#(self.body)}"#)?.message.contains("1 of 2") == true)
        #expect(self.failure("", "")?.code == .malformed)
    }

    @Test("A file that is not there")
    func missingFile() {
        let error = #expect(throws: BenchError.self) {
            try UserTrace.read("/nowhere/mine.jsonl", kind: .live)
        }
        #expect(error?.code == .missingData)
    }
}
