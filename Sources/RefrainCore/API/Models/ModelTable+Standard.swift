extension ModelTable {
    /// The Claude API's own prices, of the vendor's pricing and prompt-caching pages of the table's date.
    ///
    /// Fable 5.2 and Mythos 5.2 are newer than those pages: their rows repeat what third parties quote.
    public static let standard: ModelTable = {
        var models: [String: ModelFacts] = [:]
        func add(_ ids: String..., price: ModelPrice?, minimum: Int?, isThirdParty: Bool = false) {
            for id in ids {
                models[id] = ModelFacts(price: price, minimumCacheableTokens: minimum, isThirdParty: isThirdParty)
            }
        }
        func price(_ input: Double, _ output: Double, read: Double) -> TokenPrices {
            TokenPrices(
                input: input, output: output, cacheRead: read, cacheWrite5m: input * 1.25, cacheWrite1h: input * 2)
        }

        add(
            "claude-fable-5-2", "claude-mythos-5-2", price: ModelPrice(price(8, 40, read: 0.20)), minimum: 512,
            isThirdParty: true)
        add("claude-fable-5-1", "claude-mythos-5-1", price: ModelPrice(price(10, 50, read: 0.25)), minimum: 512)
        add("claude-fable-5", "claude-mythos-5", price: ModelPrice(price(10, 50, read: 1)), minimum: 512)
        add("claude-mythos-preview", price: nil, minimum: 2048)

        add(
            "claude-opus-5-5", price: ModelPrice(price(4, 20, read: 0.20), fast: price(8, 40, read: 0.40)),
            minimum: 512)
        let opus = price(5, 25, read: 0.50)
        let fastOpus = price(10, 50, read: 1)
        add("claude-opus-5", price: ModelPrice(opus, fast: fastOpus), minimum: 512)
        add("claude-opus-4-8", price: ModelPrice(opus, fast: fastOpus), minimum: 1024)
        add("claude-opus-4-7", price: ModelPrice(opus), minimum: 2048)
        add("claude-opus-4-6", "claude-opus-4-5", price: ModelPrice(opus), minimum: 4096)
        add("claude-opus-4-1", "claude-opus-4", price: ModelPrice(price(15, 75, read: 1.50)), minimum: 1024)

        add("claude-sonnet-5-5", price: ModelPrice(price(2, 10, read: 0.10)), minimum: 512)
        add("claude-sonnet-5", price: ModelPrice(price(2, 10, read: 0.20)), minimum: 1024)
        add(
            "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-sonnet-4", price: ModelPrice(price(3, 15, read: 0.30)),
            minimum: 1024)

        add(
            "claude-haiku-5-5",
            price: ModelPrice(
                price(0.10, 0.50, read: 0.01),
                longContext: .init(threshold: 100_000, prices: price(0.50, 2.50, read: 0.05))),
            minimum: 512)
        add("claude-haiku-4-5", price: ModelPrice(price(1, 5, read: 0.10)), minimum: 4096)
        add(
            "claude-haiku-3-5", "claude-3-5-haiku", price: ModelPrice(price(0.80, 4, read: 0.08)), minimum: 2048)

        return ModelTable(date: "2026-10-08", models: models)
    }()
}
