package import RefrainCore
package import RefrainKeys

/// Replays traces through the real cache, with real keys, on a virtual clock.
package enum HitRateBench {
    /// What is replayed, and how.
    package struct Options: Sendable {
        /// The lifetimes to try; nil is an infinite one.
        package var lifetimes: [Duration?]
        /// The bounds of the memory store to try, in bytes; nil is none.
        package var sizes: [Int?]
        /// Whether the sample index is part of the key, as it is where a caller names it.
        package var keysSample: Bool
        /// Which requests are keyed that by default are not.
        package var keyOptions: KeyOptions
        /// Whether the money is reckoned too. It takes two runs of the prompt-cache simulation for each row.
        package var reckonsMoney: Bool
        /// The prices.
        package var models: ModelTable

        /// Creates options: the lifetimes that people choose among, one store without a bound.
        package init(
            lifetimes: [Duration?] = [.minutes(5), .hours(1), .days(1), .days(7), nil], sizes: [Int?] = [nil],
            keysSample: Bool = true, keyOptions: KeyOptions = KeyOptions(), reckonsMoney: Bool = true,
            models: ModelTable = .standard
        ) {
            self.lifetimes = lifetimes
            self.sizes = sizes
            self.keysSample = keysSample
            self.keyOptions = keyOptions
            self.reckonsMoney = reckonsMoney
            self.models = models
        }
    }

    /// Replays `trace` once for each lifetime and size.
    ///
    /// Every request comes at its recorded time. A miss calls a scripted upstream, which answers what was recorded, or a
    /// text of the recorded length, after the recorded time, or after half a second and ten milliseconds for each output
    /// token; in a trace without times it answers at once. So requests that come meanwhile join.
    ///
    /// - Parameter onRow: Called after each replay with the number of rows that are done.
    /// - Throws: `CancellationError` when the calling task is cancelled, and whatever the cache throws that is no answer.
    package static func run(
        _ trace: RequestTrace, _ options: Options = Options(), onRow: (Int) -> Void = { _ in }
    ) async throws -> HitRateReport {
        let keyed = KeyedTrace(trace, options)
        var report = HitRateReport(
            trace: trace.name, kind: trace.kind, note: trace.note, total: .init(), bound: .init(),
            unkeyed: keyed.unkeyed, rows: [])
        for (index, request) in trace.requests.enumerated() {
            report.total.add(request)
            if keyed.isRepeat[index] { report.bound.add(request) }
        }
        let ledger = options.reckonsMoney ? MoneyLedger(trace, models: options.models) : nil
        for lifetime in options.lifetimes {
            for size in options.sizes {
                let replay = Replay(keyed, lifetime: lifetime, bytes: size)
                let outcomes = try await replay.run()
                var row = HitRateReport.Row(lifetime: lifetime, bytes: size)
                row.count(outcomes, of: trace)
                let memory = await replay.statistics.memory
                row.evictions = memory.evictions
                row.bytesHeld = memory.bytes
                row.money = ledger?.money { outcomes[$0].isSaved }
                report.rows.append(row)
                onRow(report.rows.count)
            }
        }
        return report
    }

    /// Which requests of a trace a cache without a bound answers, by their indices.
    static func savedRequests(
        of trace: RequestTrace, lifetime: Duration?, _ options: Options
    ) async throws -> [Bool] {
        let replay = Replay(KeyedTrace(trace, options), lifetime: lifetime, bytes: nil)
        return try await replay.run().map(\.isSaved)
    }
}

/// How one request of a replay was answered.
struct ReplayOutcome: Sendable {
    enum Kind: Sendable {
        case hit, joined
        /// Upstream was called; the key had not come before.
        case first
        /// Upstream was called although the key had come before: why.
        case expired, evicted, refused
        /// The request has no key.
        case unkeyed
    }

    var kind: Kind
    /// Whether the answer given is the recorded one; nil where none was given from the cache, or none is recorded.
    var isRight: Bool?

    var isSaved: Bool { self.kind == .hit || self.kind == .joined }
}

extension HitRateReport.Row {
    mutating func count(_ outcomes: [ReplayOutcome], of trace: RequestTrace) {
        for (outcome, request) in zip(outcomes, trace.requests) {
            switch outcome.kind {
            case .hit: self.hits.add(request)
            case .joined: self.joined.add(request)
            case .expired: self.lostToExpiry.add(request)
            case .evicted: self.lostToSize.add(request)
            case .refused: self.lostToPolicy.add(request)
            case .first, .unkeyed: break
            }
            if let isRight = outcome.isRight {
                self.judged += 1
                if !isRight { self.wrong += 1 }
            }
        }
    }
}
