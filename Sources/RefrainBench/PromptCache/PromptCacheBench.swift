package import Refrain
package import RefrainCore

/// Computes what the server's prompt cache reads, writes and costs for a trace, by who places the marks.
package enum PromptCacheBench {
    /// How the service is simulated.
    package enum Mode: String, Sendable, CaseIterable {
        /// At its best: no minimum unless one is given, a look-back without limit, a write that can be read at once. In
        /// the bounds a breakpoint may stand at any block.
        case ideal
        /// As it is documented: the model's minimum, four marks, a look-back of twenty blocks, a lifetime that runs from
        /// the start of the request that last wrote or read, a write that can be read once its answer has begun.
        case real
    }

    /// Who places the marks.
    package enum Strategy: Hashable, Sendable {
        /// One of the client's settings. `off` leaves the caller's own marks where they are, as `manual` does.
        case client(PromptCaching)
        /// Nothing is marked, whatever the caller did.
        case nothing
        /// Every block, or in the real mode the ends of tools, system prompt, last turn and prompt, whatever the request.
        case everything(PromptCacheTTL)
        /// For each session, whichever lifetime is the cheaper for all its blocks.
        case bestLifetime
        /// The blocks that will be read again within five minutes, as only someone who knows the future can choose; in the
        /// real mode, those of the marks of ``everything(_:)`` whose writes are read.
        case clairvoyant

        /// Whether it is a bound rather than something a client can do.
        package var isBound: Bool {
            switch self {
            case .client: false
            default: true
            }
        }
    }

    /// What is computed.
    package struct Options: Sendable {
        /// How the service is simulated.
        package var mode: Mode
        /// The strategies and bounds. Where a trace has neither bodies nor blocks, there is nothing to mark, and no row.
        package var strategies: [Strategy]
        /// In the ideal mode: the fewest tokens of a prefix that is read.
        package var minimumTokens: Int
        /// In the ideal mode: whether a prompt below ``minimumTokens`` is not written either, as with the service. The
        /// reference figures were made without this.
        package var writesNeedMinimum: Bool
        /// In the bounds of the ideal mode: whether prompts that the trace has as one text are compared as that, in blocks
        /// of 64 tokens. The reference figures were made so. Otherwise bodies are compared, which may also be cut at the
        /// ends of their blocks, as marks cut them.
        package var usesTexts: Bool
        /// In the real mode: after how long an answer begins, so that what its request wrote can be read.
        package var firstByte: Duration
        /// The lifetime of the response cache whose effect is to be shown; nil for none, `.some(nil)` for ever.
        package var responseCache: Duration??
        /// How the response cache keys.
        package var keying: HitRateBench.Options
        /// The prices and minimums.
        package var models: ModelTable

        /// Creates options: all strategies and bounds, in the ideal mode.
        package init(
            mode: Mode = .ideal, strategies: [Strategy] = Strategy.all, minimumTokens: Int = 0,
            writesNeedMinimum: Bool = true, usesTexts: Bool = false, firstByte: Duration = .seconds(2),
            responseCache: Duration?? = nil,
            keying: HitRateBench.Options = .init(), models: ModelTable = .standard
        ) {
            self.mode = mode
            self.strategies = strategies
            self.minimumTokens = minimumTokens
            self.writesNeedMinimum = writesNeedMinimum
            self.usesTexts = usesTexts
            self.firstByte = firstByte
            self.responseCache = responseCache
            self.keying = keying
            self.models = models
        }
    }

    /// Simulates the prompt cache for each strategy.
    ///
    /// Tokens are the trace's own where it has them. Otherwise a token is four characters of the prompt's text, and in
    /// the real mode an image is 1,500 tokens; where the answer's usage is recorded, the estimates of a prompt are scaled
    /// to its sum.
    ///
    /// - Throws: As ``HitRateBench/run(_:_:)``, where the response cache's effect is asked for.
    package static func run(_ trace: RequestTrace, _ options: Options = Options()) async throws -> PromptCacheReport {
        let simulation = PromptCacheSimulation(trace, options)
        var report = PromptCacheReport(
            trace: trace.name, kind: trace.kind, note: trace.note, mode: options.mode,
            requests: simulation.count, inputTokens: simulation.inputTokens { _ in true },
            withoutPrompt: trace.requests.count - simulation.count, unpriced: simulation.unpriced,
            rows: simulation.rows { _ in true })
        if let lifetime = options.responseCache {
            let saved = try await HitRateBench.savedRequests(of: trace, lifetime: lifetime, options.keying)
            report.afterResponseCache = .init(
                lifetime: lifetime, saved: saved.count { $0 },
                savedInputTokens: simulation.inputTokens { saved[$0] }, rows: simulation.rows { !saved[$0] })
        }
        return report
    }
}

extension PromptCacheBench.Strategy: CustomStringConvertible {
    /// All that the client offers, and all bounds.
    package static let all: [Self] = [
        .nothing, .client(.off), .client(.automatic), .client(.automatic(ttl: .oneHour)),
        .everything(.fiveMinutes), .everything(.oneHour), .bestLifetime, .clairvoyant,
    ]

    /// A short, stable name.
    package var description: String {
        switch self {
        case .client(let setting): setting.description
        case .nothing: "nothing marked"
        case .everything(let lifetime): "everything at \(lifetime.rawValue)"
        case .bestLifetime: "best lifetime per session"
        case .clairvoyant: "clairvoyant"
        }
    }
}
