import Refrain
import RefrainCore

/// A trace prepared for the prompt-cache simulation.
struct PromptCacheSimulation {
    private typealias Options = PromptCacheBench.Options
    private typealias Row = PromptCacheReport.Row

    private let trace: RequestTrace
    private let options: PromptCacheBench.Options
    private let prompts: BlockPrompts
    private let turns: TurnSegments?
    /// The prices of each request; nil where they are not known.
    private let prices: [TokenPrices?]
    /// How many tokens a unit of each prompt is.
    private let scale: [Double]

    init(_ trace: RequestTrace, _ options: PromptCacheBench.Options) {
        self.trace = trace
        self.options = options
        self.prompts = BlockPrompts(trace, usesTexts: options.usesTexts)
        self.turns =
            trace.blocks != nil && options.strategies.contains { $0.needsMarks(options.mode) }
            ? TurnSegments(trace, self.prompts) : nil
        self.prices = trace.requests.map { request in
            options.models[request.model]?.price?.prices(inputTokens: request.usage.totalInputTokens)
        }
        let unitsPerToken = self.prompts.unitsPerToken
        self.scale = zip(trace.requests, self.prompts.prompts).map { request, prompt in
            Self.scale(request, units: prompt?.units ?? 0, unitsPerToken)
        }
    }

    /// How many tokens a unit is, so that a prompt has the tokens that the trace tells.
    ///
    /// Where those are more than twice what was estimated, the rest is not in the request (the results of server tools
    /// are not), and counts as plain input.
    private static func scale(_ request: RequestTrace.Request, units: Int, _ unitsPerToken: Int) -> Double {
        guard units > 0 else { return 0 }
        return min(Double(request.usage.totalInputTokens) / Double(units), 2 / Double(unitsPerToken))
    }

    /// The requests that have a prompt.
    var count: Int { self.prompts.groups.reduce(0) { $0 + $1.count } }
    /// The requests that have a prompt and no price.
    var unpriced: Int { zip(self.prompts.prompts, self.prices).count { $0 != nil && $1 == nil } }

    /// The input tokens of the requests that have a prompt.
    func inputTokens(_ isIncluded: (Int) -> Bool) -> Double {
        var tokens = 0.0
        for group in self.prompts.groups {
            for index in group where isIncluded(index) { tokens += self.tokens(of: index) }
        }
        return tokens
    }

    private func tokens(of index: Int) -> Double { Double(self.trace.requests[index].usage.totalInputTokens) }

    /// A row for each strategy that the trace and the mode allow.
    func rows(isSent: (Int) -> Bool) -> [PromptCacheReport.Row] {
        guard !self.prompts.isEmpty else { return [] }
        return self.options.strategies.compactMap { strategy in
            self.divisions(strategy, isSent).map { self.row(strategy, $0, isSent) }
        }
    }

    /// How one prompt divides, in tokens.
    private struct Division {
        var read = 0.0
        var written5m = 0.0
        var written1h = 0.0
    }

    private func row(
        _ strategy: PromptCacheBench.Strategy, _ divisions: [Division], _ isSent: (Int) -> Bool
    ) -> PromptCacheReport.Row {
        var row = Row(strategy: strategy)
        for group in self.prompts.groups {
            for index in group where isSent(index) {
                let division = divisions[index]
                let plain = self.tokens(of: index) - division.read - division.written5m - division.written1h
                row.read += division.read
                row.written5m += division.written5m
                row.written1h += division.written1h
                row.plain += plain
                row.weightedInput += plain + self.weight(of: division, index)
                guard let prices = self.prices[index] else { continue }
                row.dollars += self.dollars(division, plain, index, prices)
            }
        }
        return row
    }

    /// What reads and writes cost, in plain input tokens: by the model's own prices, or the usual multiples.
    private func weight(of division: Division, _ index: Int) -> Double {
        let prices = self.prices[index] ?? TokenPrices(input: 1, output: 5)
        return
            (division.read * prices.cacheRead + division.written5m * prices.cacheWrite5m
            + division.written1h * prices.cacheWrite1h) / prices.input
    }

    private func dollars(_ division: Division, _ plain: Double, _ index: Int, _ prices: TokenPrices) -> Double {
        let output = Double(self.trace.requests[index].usage.outputTokens) * prices.output
        let input = (plain + self.weight(of: division, index)) * prices.input
        return (input + output) / 1_000_000
    }

    // MARK: Strategies

    private func divisions(_ strategy: PromptCacheBench.Strategy, _ isSent: (Int) -> Bool) -> [Division]? {
        switch (strategy, self.options.mode) {
        case (.nothing, _): Array(repeating: Division(), count: self.trace.requests.count)
        case (.client(let setting), _): self.marked(.client(setting), isSent)
        case (.everything(let lifetime), .ideal): self.simulated(.everything, lifetime, isSent)
        case (.everything, .real): self.marked(strategy, isSent)
        case (.bestLifetime, _): self.best(isSent)
        case (.clairvoyant, .ideal): self.simulated(.clairvoyant, .fiveMinutes, isSent)
        case (.clairvoyant, .real): self.clairvoyantMarks(isSent)
        }
    }

    private func simulated(
        _ placement: BlockSimulator.Placement, _ lifetime: PromptCacheTTL, _ isSent: (Int) -> Bool
    ) -> [Division] {
        let simulator = BlockSimulator(
            prompts: self.prompts, lifetime: lifetime.milliseconds,
            minimum: self.options.minimumTokens * self.prompts.unitsPerToken,
            writesNeedMinimum: self.options.writesNeedMinimum)
        return zip(simulator.divisions(placement, isSent: isSent), self.scale).map { division, scale in
            let written = Double(division.written) * scale
            return Division(
                read: Double(division.read) * scale, written5m: lifetime == .fiveMinutes ? written : 0,
                written1h: lifetime == .oneHour ? written : 0)
        }
    }

    /// For each session the cheaper of the two lifetimes.
    private func best(_ isSent: (Int) -> Bool) -> [Division]? {
        guard let short = self.divisions(.everything(.fiveMinutes), isSent),
            let long = self.divisions(.everything(.oneHour), isSent)
        else { return nil }
        var gain: [Int: Double] = [:]
        for group in self.prompts.groups {
            for index in group where isSent(index) {
                let price = self.prices[index]?.input ?? 1
                let cost = [short, long].map { divisions in
                    let division = divisions[index]
                    let read = division.read + division.written5m + division.written1h
                    return (self.weight(of: division, index) - read) * price
                }
                gain[self.trace.requests[index].session, default: 0] += cost[0] - cost[1]
            }
        }
        return self.trace.requests.indices.map { index in
            (gain[self.trace.requests[index].session] ?? 0) > 0 ? long[index] : short[index]
        }
    }

    // MARK: Marks

    /// The divisions of prompts with marks; nil where the trace does not tell where marks could stand.
    private func marked(_ strategy: PromptCacheBench.Strategy, _ isSent: (Int) -> Bool) -> [Division]? {
        let prompts = self.placed(strategy, isSent)
        return prompts.isEmpty ? nil : self.sent(prompts).divisions
    }

    /// The prompts that are sent, each with the index of its request.
    private func placed(
        _ strategy: PromptCacheBench.Strategy, _ isSent: (Int) -> Bool
    ) -> [(Int, [ServerCache.Segment])] {
        self.trace.requests.indices.compactMap { index in
            guard self.prompts.prompts[index] != nil, isSent(index) else { return nil }
            let segments = self.segments(index, self.trace.requests[index], strategy)
            return (segments.last?.units ?? 0) > 0 ? (index, segments) : nil
        }
    }

    /// Of the marks for five minutes everywhere, those whose write is read, as only someone who knows the future can
    /// choose; and those that write nothing, since they are free and keep alive what they find.
    private func clairvoyantMarks(_ isSent: (Int) -> Bool) -> [Division]? {
        var prompts = self.placed(.everything(.fiveMinutes), isSent)
        guard !prompts.isEmpty else { return nil }
        let cache = self.sent(prompts).cache
        for number in prompts.indices {
            for segment in prompts[number].1.indices where segment > cache.found[number] {
                guard !cache.readWrites.contains(.init(prompt: number, segment: segment)) else { continue }
                prompts[number].1[segment].mark = nil
            }
        }
        return self.sent(prompts).divisions
    }

    /// Sends prompts, each with the index of its request, through a cache of their own.
    private func sent(_ prompts: [(Int, [ServerCache.Segment])]) -> (divisions: [Division], cache: ServerCache) {
        let isReal = self.options.mode == .real
        var cache = ServerCache(isReal ? .real(delay: self.options.firstByte.wholeMilliseconds) : .ideal)
        var divisions = [Division](repeating: Division(), count: self.trace.requests.count)
        for (index, segments) in prompts {
            let request = self.trace.requests[index]
            let scale = Self.scale(request, units: segments.last?.units ?? 0, self.prompts.unitsPerToken)
            let minimum = isReal ? self.options.models.minimumCacheableTokens(of: request.model) ?? 512 : 0
            let division = cache.send(
                segments, minimum: scale > 0 ? Int((Double(minimum) / scale).rounded(.up)) : .max,
                at: request.time.milliseconds)
            divisions[index] = Division(
                read: Double(division.read) * scale, written5m: Double(division.written5m) * scale,
                written1h: Double(division.written1h) * scale)
        }
        return (divisions, cache)
    }

    private func segments(
        _ index: Int, _ request: RequestTrace.Request, _ strategy: PromptCacheBench.Strategy
    ) -> [ServerCache.Segment] {
        if self.trace.blocks != nil {
            guard let turns = self.turns else { return [] }
            switch strategy {
            case .client(.automatic): return turns.segments(index, .automatic(.fiveMinutes))
            case .client(.automatic(ttl: .oneHour)): return turns.segments(index, .automatic(.oneHour))
            case .everything(let lifetime): return turns.segments(index, .everything(lifetime))
            default: return turns.segments(index, .none)
            }
        }
        guard case .body(let body) = request.content else { return [] }
        switch strategy {
        case .client(let setting):
            let planner = PromptCachePlanner(setting, models: self.options.models)
            return BodySegments(planner.apply(to: body).body, model: request.model)?.segments ?? []
        case .everything(let lifetime):
            return BodySegments(body, model: request.model)?.everythingMarked(lifetime) ?? []
        default: return BodySegments(body, model: request.model)?.unmarked ?? []
        }
    }
}

extension PromptCacheBench.Strategy {
    /// Whether it places marks rather than writing by the block.
    fileprivate func needsMarks(_ mode: PromptCacheBench.Mode) -> Bool {
        switch self {
        case .client: true
        case .everything, .bestLifetime, .clairvoyant: mode == .real
        case .nothing: false
        }
    }
}
