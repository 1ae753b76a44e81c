import Refrain
import RefrainCore

/// Reckons what a response cache saves, in money.
struct MoneyLedger {
    private let trace: RequestTrace
    private let models: ModelTable
    private let simulation: PromptCacheSimulation
    /// What all requests cost with the prompt cache at its best, where the trace has prompts.
    private let promptCacheOnly: Double?
    private let hasPrices: Bool

    init(_ trace: RequestTrace, models: ModelTable) {
        self.trace = trace
        self.models = models
        self.simulation = PromptCacheSimulation(
            trace, .init(mode: .ideal, strategies: [.clairvoyant], models: models))
        self.promptCacheOnly = self.simulation.rows { _ in true }.first?.dollars
        self.hasPrices = trace.requests.contains { models[$0.model]?.price != nil }
    }

    /// The sums for the requests of which `isSaved` is true.
    func money(isSaved: (Int) -> Bool) -> HitRateReport.Money? {
        guard self.hasPrices else { return nil }
        var money = HitRateReport.Money()
        var logged = 0.0
        var spared = 0.0
        var hasSaved = false
        for (index, request) in self.trace.requests.enumerated() {
            let plain = Usage(inputTokens: request.usage.totalInputTokens, outputTokens: request.usage.outputTokens)
            guard let cost = self.models.cost(of: plain, model: request.model) else {
                money.unpriced += 1
                continue
            }
            money.uncached += cost
            logged += self.models.cost(of: request.usage, model: request.model) ?? 0
            guard isSaved(index) else { continue }
            hasSaved = true
            money.gross += cost
            spared += self.models.saving(of: request.usage, model: request.model) ?? 0
        }
        if let promptCacheOnly {
            money.promptCacheOnly = promptCacheOnly
            let rest = hasSaved ? self.simulation.rows { !isSaved($0) }.first?.dollars : promptCacheOnly
            money.both = rest ?? 0
        } else {
            // Without prompts: what the requests were billed, and what a hit spares of that at least.
            money.promptCacheOnly = logged
            money.both = logged - spared
        }
        return money
    }
}
