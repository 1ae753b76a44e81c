import RefrainCore
import Testing

@Suite struct ModelTableTests {
    private let table = ModelTable.standard
    private let million = Usage(
        inputTokens: 1_000_000, outputTokens: 1_000_000, cacheReadTokens: 1_000_000, cacheWrite5mTokens: 1_000_000,
        cacheWrite1hTokens: 1_000_000)

    /// Input, five-minute write, one-hour write, read and output, as the vendor's page lists them.
    @Test(
        arguments: [
            ("claude-fable-5-2", 8, 10, 16, 0.20, 40), ("claude-mythos-5-1", 10, 12.50, 20, 0.25, 50),
            ("claude-fable-5", 10, 12.50, 20, 1, 50), ("claude-opus-5-5", 4, 5, 8, 0.20, 20),
            ("claude-opus-4-6", 5, 6.25, 10, 0.50, 25), ("claude-opus-4-1", 15, 18.75, 30, 1.50, 75),
            ("claude-sonnet-5-5", 2, 2.50, 4, 0.10, 10), ("claude-sonnet-5", 2, 2.50, 4, 0.20, 10),
            ("claude-sonnet-4-5-20250929", 3, 3.75, 6, 0.30, 15), ("claude-haiku-4-5-20251001", 1, 1.25, 2, 0.10, 5),
            ("claude-3-5-haiku-20241022", 0.80, 1, 1.60, 0.08, 4),
        ] as [(String, Double, Double, Double, Double, Double)])
    func listsThePrices(
        _ model: String, _ input: Double, _ write5m: Double, _ write1h: Double, _ read: Double, _ output: Double
    ) throws {
        let prices = try #require(self.table[model]?.price?.standard)
        #expect(prices.input == input)
        #expect(abs(prices.cacheWrite5m - write5m) < 1e-12)
        #expect(abs(prices.cacheWrite1h - write1h) < 1e-12)
        #expect(prices.cacheRead == read)
        #expect(prices.output == output)
        let cost = try #require(self.table.cost(of: self.million, model: model))
        #expect(abs(cost - (input + write5m + write1h + read + output)) < 1e-9)
    }

    @Test(arguments: [
        "claude-fable-5-9", "claude-opus", "claude-sonnet-4-5-2025", "claude-sonnet-4-5-latest", "", "gpt-4o",
        "claude-haiku-4-5-20251001-20251001", "claude-mythos-preview",
    ]) func anUnknownPriceIsNotGuessed(_ model: String) {
        #expect(self.table.cost(of: Usage(), model: model) == nil)
        #expect(self.table.saving(of: Usage(), model: model) == nil)
    }

    @Test func aLongPromptChangesThePriceOfAllItsTokens() throws {
        let short = Usage(inputTokens: 50_000, outputTokens: 1000, cacheReadTokens: 50_000)
        let long = Usage(inputTokens: 50_000, outputTokens: 1000, cacheReadTokens: 50_001)
        let model = ClaudeModel.haiku5_5.rawValue
        #expect(abs(try #require(self.table.cost(of: short, model: model)) - 0.006) < 1e-12)
        #expect(abs(try #require(self.table.cost(of: long, model: model)) - 0.03000005) < 1e-12)
    }

    @Test func termsChangeThePrice() throws {
        let usage = Usage(inputTokens: 1_000_000, cacheReadTokens: 1_000_000)
        func cost(_ model: String, _ terms: BillingTerms) -> Double? {
            self.table.cost(of: usage, model: model, terms: terms)
        }
        #expect(cost("claude-opus-5-5", .init()) == 4.2)
        #expect(cost("claude-opus-5-5", .init(isBatch: true)) == 2.1)
        #expect(abs(try #require(cost("claude-opus-5-5", .init(isUSOnly: true))) - 4.62) < 1e-9)
        #expect(cost("claude-opus-5-5", .init(isFast: true)) == 8.4)
        #expect(cost("claude-opus-5-5", .init(webSearches: 3)) == 4.23)
        #expect(cost("claude-sonnet-5-5", .init(isFast: true)) == nil)
        #expect(cost("claude-opus-5-5", .init(isBatch: true, isFast: true)) == nil)
        #expect(cost("claude-opus-5-5", .init(hasUnknownCharges: true)) == nil)
        #expect(cost("claude-opus-5-5", .init(additions: [.init(usage: usage)])) == 8.4)
        #expect(cost("claude-opus-5-5", .init(additions: [.init(model: "claude-haiku-9", usage: usage)])) == nil)
    }

    @Test func aSavingPricesWritesAsReads() {
        let usage = Usage(
            inputTokens: 1_000_000, outputTokens: 1_000_000, cacheWrite5mTokens: 1_000_000,
            cacheWrite1hTokens: 1_000_000)
        #expect(self.table.cost(of: usage, model: "claude-haiku-4-5") == 1 + 5 + 1.25 + 2)
        #expect(self.table.saving(of: usage, model: "claude-haiku-4-5") == 1 + 5 + 0.2)
    }

    @Test func readsTheTermsOfAResponse() throws {
        let summary = try MessageSummary(
            json: Array(
                #"{"type":"message","model":"claude-opus-4-6","content":[],"usage":{"input_tokens":682,"output_tokens":1320,"service_tier":"batch","inference_geo":"us","speed":"fast","server_tool_use":{"web_search_requests":2},"iterations":[{"type":"compaction","input_tokens":60385,"output_tokens":592},{"type":"message","input_tokens":682,"output_tokens":1320},{"type":"advisor_message","model":"claude-opus-4-7","input_tokens":5,"output_tokens":6}]}}"#
                    .utf8))
        #expect(
            summary.billing
                == BillingTerms(
                    isBatch: true, isFast: true, isUSOnly: true, webSearches: 2,
                    additions: [
                        .init(usage: Usage(inputTokens: 60_385, outputTokens: 592)),
                        .init(model: "claude-opus-4-7", usage: Usage(inputTokens: 5, outputTokens: 6)),
                    ]))
        #expect(summary.iterationKinds == ["compaction", "message", "advisor_message"])
        #expect(summary.hasCompaction)
    }

    @Test(
        arguments: [
            ("claude-opus-5-5", 512), ("claude-sonnet-4-6", 1024), ("claude-opus-4-7", 2048),
            ("claude-mythos-preview", 2048), ("claude-haiku-4-5-20251001", 4096), ("claude-opus-9", nil),
        ] as [(String, Int?)]) func knowsTheShortestCacheablePrefix(_ model: String, _ tokens: Int?)
    {
        #expect(self.table.minimumCacheableTokens(of: model) == tokens)
    }

    @Test func everyNamedModelIsInTheTable() {
        let named: [ClaudeModel] = [
            .fable, .mythos, .opus, .sonnet, .haiku, .fable5_2, .fable5_1, .fable5, .mythos5_2, .mythos5_1, .mythos5,
            .mythosPreview, .opus5_5, .opus5, .opus4_8, .opus4_7, .opus4_6, .opus4_5, .sonnet5_5, .sonnet5, .sonnet4_6,
            .sonnet4_5, .haiku5_5, .haiku4_5,
        ]
        for model in named { #expect(self.table[model.rawValue] != nil, "\(model)") }
        #expect(self.table.date == "2026-10-08")
        #expect(self.table["claude-fable-5-2"]?.isThirdParty == true)
        #expect(self.table["claude-fable-5-1"]?.isThirdParty == false)
    }

    @Test func canBeOverridden() throws {
        let json =
            #"{"date":"2027-01-01","web_search":0.02,"models":{"claude-haiku-5-5":{"input":1,"output":2,"cache_read":0.5,"minimum_cacheable_tokens":7,"long_context":{"above":10,"input":3,"output":4}},"house-model":{}}}"#
        let table = self.table.overridden(by: try ModelTable(json: Array(json.utf8)))
        #expect(table.date == "2027-01-01")
        #expect(table.cost(of: Usage(inputTokens: 1_000_000), model: "claude-haiku-5-5") == 3)
        #expect(table.cost(of: Usage(inputTokens: 10), model: "claude-haiku-5-5") == 0.00001)
        #expect(table["claude-haiku-5-5"]?.price?.standard.cacheWrite5m == 1.25)
        #expect(table["claude-haiku-5-5"]?.price?.standard.cacheRead == 0.5)
        #expect(table.minimumCacheableTokens(of: "claude-haiku-5-5") == 7)
        #expect(table.cost(of: Usage(), model: "house-model") == nil)
        #expect(table["claude-opus-5-5"] == self.table["claude-opus-5-5"])
    }

    @Test(arguments: [
        "", "{}", #"{"date":"d","models":[]}"#, #"{"date":"d","models":{"a":1}}"#,
        #"{"date":"d","models":{"a":{"input":-1,"output":1}}}"#,
        #"{"date":"d","models":{"a":{"input":"1","output":1}}}"#,
        #"{"date":"d","models":{"a":{"input":1,"output":1,"fast":{}}}}"#,
    ]) func refusesATableOfAnotherShape(_ json: String) {
        #expect(throws: WireError.self) { try ModelTable(json: Array(json.utf8)) }
    }
}
