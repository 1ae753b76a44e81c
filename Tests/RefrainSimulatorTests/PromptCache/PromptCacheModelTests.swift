import RefrainCore
import RefrainSimulator
import Testing

@Suite struct PromptCacheModelTests {
    private typealias Block = PromptCacheModel.Block

    private static let minute: Int64 = 60_000

    private func at(_ minutes: Double) -> Timestamp { Timestamp(milliseconds: Int64(minutes * 60_000)) }

    private func block(
        _ name: String, _ tokens: Int = 1_000, _ breakpoint: PromptCacheModel.Lifetime? = nil,
        run: PromptCacheModel.Run = .none
    ) -> PromptCacheModel.Block {
        PromptCacheModel.Block(
            content: ContentDigest(Array(name.utf8)), tokens: tokens, run: run, breakpoint: breakpoint)
    }

    private func prompt(
        _ blocks: [PromptCacheModel.Block], who: String = "a", minimum: Int = 512
    ) -> PromptCacheModel.Prompt {
        PromptCacheModel.Prompt(identity: ContentDigest(Array(who.utf8)), minimumTokens: minimum, blocks: blocks)
    }

    /// Tokens read, written for five minutes, written for an hour, and neither.
    private func run(
        _ cache: inout PromptCacheModel, _ prompt: PromptCacheModel.Prompt, at minutes: Double, begins: Bool = true
    ) -> [Int] {
        let outcome = cache.begin(prompt, at: self.at(minutes))
        if begins { cache.responseBegan(outcome.writes) }
        let usage = outcome.usage
        return [usage.cacheReadTokens, usage.cacheWrite5mTokens, usage.cacheWrite1hTokens, usage.inputTokens]
    }

    @Test func `without a breakpoint nothing is written or read`() {
        var cache = PromptCacheModel()
        let plain = self.prompt([self.block("a"), self.block("b", 10)])
        #expect(self.run(&cache, plain, at: 0) == [0, 0, 0, 1_010])
        #expect(self.run(&cache, plain, at: 0) == [0, 0, 0, 1_010])
        #expect(cache.count == 0)
    }

    @Test func `a marked prefix is written once and then read`() {
        var cache = PromptCacheModel()
        let first = self.prompt([self.block("a", 1_000, .fiveMinutes), self.block("x", 10)])
        let second = self.prompt([self.block("a", 1_000, .fiveMinutes), self.block("y", 20)])
        #expect(self.run(&cache, first, at: 0) == [0, 1_000, 0, 10])
        #expect(self.run(&cache, second, at: 1) == [1_000, 0, 0, 20])
    }

    @Test func `an entry below the minimum is not written, and costs nothing`() {
        var cache = PromptCacheModel()
        let short = self.prompt([self.block("a", 511, .fiveMinutes), self.block("x", 10)])
        #expect(self.run(&cache, short, at: 0) == [0, 0, 0, 521])
        #expect(self.run(&cache, short, at: 0) == [0, 0, 0, 521])
        let exact = self.prompt([self.block("b", 512, .fiveMinutes)])
        #expect(self.run(&cache, exact, at: 0) == [0, 512, 0, 0])
    }

    @Test func `an entry lives five minutes from the start of the request that wrote it`() {
        var cache = PromptCacheModel()
        let prompt = self.prompt([self.block("a", 1_000, .fiveMinutes)])
        let outcome = cache.begin(prompt, at: self.at(0))
        // The response takes four minutes to begin: what is left is one.
        cache.responseBegan(outcome.writes)
        #expect(self.run(&cache, prompt, at: 4.99) == [1_000, 0, 0, 0])
        var other = PromptCacheModel()
        _ = self.run(&other, prompt, at: 0)
        #expect(self.run(&other, prompt, at: 5) == [0, 1_000, 0, 0])
    }

    @Test func `an hour is an hour`() {
        var cache = PromptCacheModel()
        let prompt = self.prompt([self.block("a", 1_000, .oneHour)])
        #expect(self.run(&cache, prompt, at: 0) == [0, 0, 1_000, 0])
        #expect(self.run(&cache, prompt, at: 59.9) == [1_000, 0, 0, 0])
        #expect(self.run(&cache, prompt, at: 59.9 + 60) == [0, 0, 1_000, 0])
    }

    @Test func `a read starts the time anew`() {
        var cache = PromptCacheModel()
        let prompt = self.prompt([self.block("a", 1_000, .fiveMinutes)])
        _ = self.run(&cache, prompt, at: 0)
        for minutes in stride(from: 4.5, through: 45, by: 4.5) {
            #expect(self.run(&cache, prompt, at: minutes) == [1_000, 0, 0, 0])
        }
        #expect(self.run(&cache, prompt, at: 50.1) == [0, 1_000, 0, 0])
    }

    @Test func `a read refreshes the earlier marked prefixes that it covers, and no others`() {
        var cache = PromptCacheModel()
        let marked = self.prompt([self.block("a", 1_000, .fiveMinutes), self.block("b", 1_000, .fiveMinutes)])
        let last = self.prompt([self.block("a", 1_000), self.block("b", 1_000, .fiveMinutes)])
        let onlyFirst = self.prompt([self.block("a", 1_000, .fiveMinutes), self.block("c", 1_000)])
        _ = self.run(&cache, marked, at: 0)
        _ = self.run(&cache, marked, at: 4)
        #expect(self.run(&cache, onlyFirst, at: 8) == [1_000, 0, 0, 1_000])
        var other = PromptCacheModel()
        _ = self.run(&other, marked, at: 0)
        _ = self.run(&other, last, at: 4)
        #expect(self.run(&other, onlyFirst, at: 8) == [0, 1_000, 0, 1_000])
    }

    @Test func `an entry is not readable before its response begins`() {
        var cache = PromptCacheModel()
        let prompt = self.prompt([self.block("a", 1_000, .fiveMinutes)])
        let first = cache.begin(prompt, at: self.at(0))
        #expect(first.usage.cacheWrite5mTokens == 1_000)
        // A parallel request pays for the write again.
        #expect(self.run(&cache, prompt, at: 0.01, begins: false) == [0, 1_000, 0, 0])
        cache.responseBegan(first.writes)
        #expect(self.run(&cache, prompt, at: 0.02) == [1_000, 0, 0, 0])
    }

    @Test func `a response that never begins writes nothing`() {
        var cache = PromptCacheModel()
        let prompt = self.prompt([self.block("a", 1_000, .fiveMinutes)])
        _ = self.run(&cache, prompt, at: 0, begins: false)
        #expect(cache.count == 0)
    }

    @Test(arguments: [(19, true), (20, false)])
    func `a breakpoint looks back over twenty positions, itself included`(added: Int, isRead: Bool) {
        // The documentation's example: an entry at block 15 and a breakpoint at 35 miss by one.
        var cache = PromptCacheModel()
        let blocks = (1...15).map { self.block("\($0)", 100) }
        var first = blocks
        first[14].breakpoint = .fiveMinutes
        #expect(self.run(&cache, self.prompt(first), at: 0) == [0, 1_500, 0, 0])
        var second = blocks + (16..<16 + added).map { self.block("\($0)", 100) }
        second[second.count - 1].breakpoint = .fiveMinutes
        let expected = isRead ? [1_500, added * 100, 0, 0] : [0, 1_500 + added * 100, 0, 0]
        #expect(self.run(&cache, self.prompt(second), at: 1) == expected)
    }

    @Test func `an earlier breakpoint has a window of its own`() {
        var cache = PromptCacheModel()
        var first = (1...15).map { self.block("\($0)", 100) }
        first[14].breakpoint = .fiveMinutes
        _ = self.run(&cache, self.prompt(first), at: 0)
        var second = (1...60).map { self.block("\($0)", 100) }
        second[59].breakpoint = .fiveMinutes
        second[30].breakpoint = .fiveMinutes
        #expect(self.run(&cache, self.prompt(second), at: 1) == [1_500, 4_500, 0, 0])
    }

    @Test(arguments: [PromptCacheModel.Run.toolUse, .toolResult])
    func `a run of tool calls or of results is one position`(kind: PromptCacheModel.Run) {
        var cache = PromptCacheModel()
        var blocks = [self.block("start", 1_000, .fiveMinutes)]
        _ = self.run(&cache, self.prompt(blocks), at: 0)
        blocks[0].breakpoint = nil
        blocks += (0..<40).map { self.block("call \($0)", 10, run: kind) }
        blocks += (0..<17).map { self.block("text \($0)", 10) }
        blocks.append(self.block("end", 10, .fiveMinutes))
        #expect(self.run(&cache, self.prompt(blocks), at: 1) == [1_000, 580, 0, 0])
    }

    @Test func `runs of different kinds are positions apart`() {
        var cache = PromptCacheModel()
        var blocks = [self.block("start", 1_000, .fiveMinutes)]
        _ = self.run(&cache, self.prompt(blocks), at: 0)
        blocks[0].breakpoint = nil
        for index in 0..<10 {
            blocks.append(self.block("call \(index)", 10, run: .toolUse))
            blocks.append(self.block("result \(index)", 10, run: .toolResult))
        }
        blocks[20].breakpoint = .fiveMinutes
        #expect(self.run(&cache, self.prompt(blocks), at: 1)[0] == 0)
    }

    @Test func `a conversation whose mark moves forward reads what it wrote before`() {
        var cache = PromptCacheModel()
        var blocks = [self.block("system", 1_000)]
        var total = 0
        for turn in 0..<8 {
            for index in blocks.indices { blocks[index].breakpoint = nil }
            blocks += [self.block("question \(turn)", 50), self.block("answer \(turn)", 50)]
            blocks[blocks.count - 1].breakpoint = .fiveMinutes
            let now = blocks.reduce(0) { $0 + $1.tokens }
            #expect(self.run(&cache, self.prompt(blocks), at: Double(turn)) == [total, now - total, 0, 0])
            total = now
        }
    }

    @Test func `a change takes with it all that follows`() {
        var cache = PromptCacheModel()
        let original = [
            self.block("tools", 1_000, .fiveMinutes), self.block("system", 1_000, .fiveMinutes),
            self.block("message", 1_000, .fiveMinutes),
        ]
        _ = self.run(&cache, self.prompt(original), at: 0)
        for (index, read) in [(0, 0), (1, 1_000), (2, 2_000)] {
            var copy = cache
            var changed = original
            changed[index].content = ContentDigest([0])
            #expect(self.run(&copy, self.prompt(changed), at: 1) == [read, 3_000 - read, 0, 0])
        }
    }

    @Test func `what others wrote is not read`() {
        var cache = PromptCacheModel()
        let blocks = [self.block("a", 1_000, .fiveMinutes)]
        _ = self.run(&cache, self.prompt(blocks, who: "a"), at: 0)
        #expect(self.run(&cache, self.prompt(blocks, who: "b"), at: 0) == [0, 1_000, 0, 0])
        #expect(self.run(&cache, self.prompt(blocks, who: "a"), at: 0) == [1_000, 0, 0, 0])
    }

    @Test func `mixed lifetimes are billed from the hit to the last hour mark, and from there to the last mark`() {
        var cache = PromptCacheModel()
        let tools = self.block("tools", 1_000, .oneHour)
        let system = self.block("system", 2_000, .oneHour)
        let history = self.block("history", 4_000, .fiveMinutes)
        let question = self.block("question", 8)
        #expect(self.run(&cache, self.prompt([tools, system, history, question]), at: 0) == [0, 4_000, 3_000, 8])
        // After six minutes the hour's prefix is there, and the other is not.
        #expect(self.run(&cache, self.prompt([tools, system, history, question]), at: 6) == [3_000, 4_000, 0, 8])
        let other = self.block("other system", 2_000, .oneHour)
        #expect(self.run(&cache, self.prompt([tools, other, history, question]), at: 7) == [1_000, 4_000, 2_000, 8])
    }

    @Test func `expired entries are forgotten in the end`() {
        var cache = PromptCacheModel()
        for index in 0..<5_000 {
            let prompt = self.prompt([self.block("\(index)", 1_000, .fiveMinutes)])
            _ = self.run(&cache, prompt, at: Double(index))
        }
        #expect(cache.count < 2_048)
    }
}
