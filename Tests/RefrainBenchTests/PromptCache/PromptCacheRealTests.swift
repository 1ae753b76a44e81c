import Refrain
import RefrainBench
import RefrainCore
import Testing

@Suite("The prompt cache as it is") struct PromptCacheRealTests {
    /// About 2,000 tokens: above the minimum of Claude Sonnet 4.5, which is 1,024.
    private static let long = String(repeating: "abcdefg ", count: 1_000)

    private func body(
        system: String? = nil, _ messages: [(role: String, blocks: [String])], marked: [Int] = [], extra: String = ""
    ) -> String {
        var number = -1
        let messages = messages.map { role, blocks in
            let blocks = blocks.map { text in
                number += 1
                let mark = marked.contains(number) ? #","cache_control":{"type":"ephemeral"}"# : ""
                return #"{"type":"text","text":"\#(text)"\#(mark)}"#
            }
            return #"{"role":"\#(role)","content":[\#(blocks.joined(separator: ","))]}"#
        }
        let system = system.map { #""system":"\#($0)","# } ?? ""
        return
            #"{"model":"claude-sonnet-4-5","max_tokens":9,\#(extra)\#(system)"messages":[\#(messages.joined(separator: ","))]}"#
    }

    private func run(
        _ bodies: [(seconds: Double, body: String)], _ strategy: PromptCacheBench.Strategy,
        _ mode: PromptCacheBench.Mode = .real
    ) async throws -> PromptCacheReport.Row {
        let requests = bodies.map {
            SampleTraces.request(at: $0.seconds, body: $0.body, input: ($0.body.count + 3) / 4)
        }
        let report = try await PromptCacheBench.run(
            SampleTraces.trace(requests), .init(mode: mode, strategies: [strategy]))
        return try #require(report.rows.first)
    }

    private func question(_ text: String) -> [(role: String, blocks: [String])] { [("user", [text])] }

    @Test("The client marks a system prompt, and the next request reads it")
    func automatic() async throws {
        let bodies = ["one", "two"].enumerated().map { index, text in
            (Double(index) * 60, self.body(system: Self.long, self.question(text)))
        }
        let row = try await self.run(bodies, .client(.automatic))
        #expect(row.read > 1_900)
        #expect(row.written5m > 1_900)
        #expect(row.written1h == 0)
        let hour = try await self.run(bodies, .client(.automatic(ttl: .oneHour)))
        #expect(hour.read == row.read)
        #expect(hour.written1h == row.written5m)
        let off = try await self.run(bodies, .client(.off))
        #expect(off.read == 0)
        #expect(off.inputCost == 1)
    }

    @Test("A prefix below the model's minimum is neither written nor read, but ideally it is")
    func minimum() async throws {
        // About 650 tokens by the estimate here, and 1,300 by the planner's, which errs high.
        let short = String(repeating: "abcdefg ", count: 325)
        let bodies = [0.0, 60].map { ($0, self.body(system: short, self.question("\($0)"))) }
        let real = try await self.run(bodies, .client(.automatic))
        #expect(real.read == 0)
        #expect(real.written5m == 0)
        #expect(try await self.run(bodies, .client(.automatic), .ideal).read > 600)
    }

    @Test("What a request writes cannot be read before its answer begins")
    func delay() async throws {
        let bodies = [0.0, 1, 3].map { ($0, self.body(system: Self.long, self.question("\($0)"))) }
        let real = try await self.run(bodies, .client(.automatic))
        let ideal = try await self.run(bodies, .client(.automatic), .ideal)
        #expect(abs(ideal.read - 2 * real.read) < 10)
        #expect(abs(real.written5m - 2 * ideal.written5m) < 10)
    }

    @Test("The lifetime runs from the last read's start")
    func lifetime() async throws {
        let bodies = [0.0, 290, 580, 881].map { ($0, self.body(system: Self.long, self.question("\($0)"))) }
        let row = try await self.run(bodies, .client(.automatic))
        #expect(abs(row.read - row.written5m) < 10)
    }

    @Test("A mark looks back over twenty blocks, itself included", arguments: [(19, true), (20, false)])
    func lookBack(_ added: Int, _ isFound: Bool) async throws {
        let first = [Self.long]
        let second = first + (0..<added).map { "block \($0)" }
        let bodies = [
            (0.0, self.body([("user", first)], marked: [0])), (60.0, self.body([("user", second)], marked: [added])),
        ]
        #expect((try await self.run(bodies, .client(.off)).read > 0) == isFound)
        #expect(try await self.run(bodies, .client(.off), .ideal).read > 0)
    }

    @Test("The caller's marks count with every setting, and are left out where nothing is to be marked")
    func callerMarks() async throws {
        let bodies = [0.0, 60].map { ($0, self.body([("user", [Self.long, "\($0)"])], marked: [0])) }
        for setting in [PromptCaching.off, .manual, .automatic] {
            #expect(try await self.run(bodies, .client(setting)).read > 1_900)
        }
        #expect(try await self.run(bodies, .nothing).read == 0)
    }

    @Test("A conversation reads its earlier turns; the same text as a string and as a block is one")
    func conversation() async throws {
        let turns: [(role: String, blocks: [String])] = [
            ("user", [Self.long]), ("assistant", ["a"]), ("user", ["b"]), ("assistant", ["c"]), ("user", ["d"]),
        ]
        let bodies = [1, 3, 5].map { (Double($0) * 30, self.body(Array(turns.prefix($0)))) }
        // The first is a single shot and not marked; the second writes, the third reads.
        let row = try await self.run(bodies, .client(.automatic))
        #expect(row.read > 1_900 && row.read < 2_200)
        let asString = self.body(Array(turns.prefix(3)))
            .replacing(#"[{"type":"text","text":"a"}]"#, with: #""a""#)
        let mixed = try await self.run([bodies[0], (90, asString), bodies[2]], .client(.automatic))
        #expect(abs(mixed.read - row.read) < 20)
    }

    @Test("What changes the messages' part of the cache leaves the system prompt's")
    func parameters() async throws {
        let turns: [(role: String, blocks: [String])] = [("user", [Self.long]), ("assistant", ["a"]), ("user", ["b"])]
        let plain = self.body(system: Self.long, turns)
        let thinking = self.body(system: Self.long, turns, extra: #""thinking":{"type":"adaptive"},"#)
        let same = try await self.run([(0, plain), (60, plain)], .client(.automatic))
        let other = try await self.run([(0, plain), (60, thinking)], .client(.automatic))
        #expect(same.read > 3_900)
        #expect(other.read > 1_900 && other.read < 2_100)
        // Another speed leaves nothing, since there are no tools before the system prompt.
        let fast = self.body(system: Self.long, turns, extra: #""speed":"fast","#)
        #expect(try await self.run([(0, plain), (60, fast)], .client(.automatic)).read == 0)
    }

    @Test("Marks everywhere also write what is never read")
    func everything() async throws {
        let bodies = [0.0, 60].map { ($0, self.body(system: Self.long, self.question("\($0)" + Self.long))) }
        let everything = try await self.run(bodies, .everything(.fiveMinutes))
        let automatic = try await self.run(bodies, .client(.automatic))
        #expect(everything.read > 1_900)
        #expect(everything.written5m > automatic.written5m + 3_900)
        #expect(everything.weightedInput > automatic.weightedInput)
    }

    @Test("Who knows the future writes what is read, and keeps alive what will be")
    func clairvoyant() async throws {
        // Two conversations of one system prompt, which the first keeps alive for the second; then one more request.
        let turns: [(role: String, blocks: [String])] = [
            ("user", [Self.long]), ("assistant", ["a"]), ("user", ["b"]), ("assistant", ["c"]), ("user", ["d"]),
        ]
        var bodies = [1, 3, 5].map { (Double($0) * 100, self.body(system: Self.long, Array(turns.prefix($0)))) }
        bodies.append((700, self.body(system: Self.long, self.question("another"))))
        let everything = try await self.run(bodies, .everything(.fiveMinutes))
        let clairvoyant = try await self.run(bodies, .clairvoyant)
        #expect(clairvoyant.read == everything.read)
        #expect(clairvoyant.read > 9_900)
        #expect(clairvoyant.written5m < everything.written5m)
        #expect(clairvoyant.plain > 0)
    }

    @Test("The turns of a block trace: the client marks conversations, and not single shots")
    func turns() async throws {
        // Sixteen blocks of 100 tokens are above the minimum. The second prompt goes on from the first.
        let trace = SampleTraces.blocks([
            (0, 0, [0..<16]), (60, 0, [0..<30]), (120, 0, [0..<40]), (180, 0, [100..<140]),
        ])
        let report = try await PromptCacheBench.run(
            trace, .init(mode: .real, strategies: [.client(.automatic), .everything(.fiveMinutes)]))
        #expect(report.rows[0].read == 3_000)
        #expect(report.rows[0].written5m == 4_000)
        #expect(report.rows[1].read == 1_600 + 3_000)
        #expect(report.rows[1].written5m == 4_000 + 4_000)
    }

    @Test("What the response cache answers is not sent")
    func afterResponseCache() async throws {
        let bodies = [0.0, 60, 120].map { ($0, self.body(system: Self.long, self.question("the same"))) }
        let requests = bodies.map { SampleTraces.request(at: $0.0, body: $0.1, input: 2_050) }
        let report = try await PromptCacheBench.run(
            SampleTraces.trace(requests),
            .init(mode: .real, strategies: [.nothing, .client(.automatic)], responseCache: .some(.days(1))))
        let after = try #require(report.afterResponseCache)
        #expect(after.saved == 2)
        #expect(after.savedInputTokens == 4_100)
        #expect(after.rows[1].read == 0)
        #expect(after.rows[1].input == 2_050)
        #expect(report.rows[1].read > 0)
        #expect(after.rows[0].dollars < report.rows[0].dollars / 2)
    }

    @Test("Requests without a prompt are left out and counted")
    func withoutPrompts() async throws {
        let request = RequestTrace.Request(
            time: Timestamp(milliseconds: 0), content: .unkeyed("none"), model: "claude-sonnet-4-5",
            usage: Usage(inputTokens: 5))
        let report = try await PromptCacheBench.run(SampleTraces.trace([request]))
        #expect(report.withoutPrompt == 1)
        #expect(report.requests == 0)
        #expect(report.rows.isEmpty)
    }
}
