import RefrainCore
import RefrainKeys

/// What the gateway has done since it was started, as far as it is shown: a value without a lock or a clock.
struct GatewayLedger: Sendable {
    typealias Result = RequestRecord.Result

    /// Sums over requests.
    struct Totals: Sendable {
        var requests = 0
        var saved = 0
        var spentUSD = 0.0
        var savedUSD = 0.0
        /// What a cache would have saved where it is observed only.
        var wouldSaveUSD = 0.0
        /// Requests whose price is not known.
        var unpriced = 0

        mutating func add(_ record: RequestRecord) {
            self.requests += 1
            if record.result.isSaved { self.saved += 1 }
            self.savedUSD += record.saved ?? 0
            self.wouldSaveUSD += record.wouldSave ?? 0
            if record.result.isSaved, record.saved == nil { self.unpriced += 1 }
        }

        /// Counts what a call cost; nil where that is not known.
        mutating func add(cost: Double?) {
            if let cost { self.spentUSD += cost } else { self.unpriced += 1 }
        }
    }

    /// Ten seconds.
    struct Bucket: Sendable {
        /// When it began, in whole intervals since 1970.
        var number: Int64
        var results = [Int](repeating: 0, count: Result.allCases.count)
        var spentUSD = 0.0
        var savedUSD = 0.0
    }

    static let bucketSeconds: Int64 = 10
    /// An hour of buckets.
    private static let bucketCount = 360
    private static let recentCount = 100
    /// The most names that a table keeps. What comes later is counted as ``others``.
    private static let nameCount = 200
    static let others = "(others)"

    private(set) var totals = Totals()
    private(set) var results = [Int](repeating: 0, count: Result.allCases.count)
    private(set) var reasons: [Result: [String: Int]] = [:]
    private(set) var latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Result.allCases.count)
    private(set) var millisecondsSaved = 0
    /// The tokens that were paid for.
    private(set) var billed = Usage()
    /// The tokens that were not.
    private(set) var spared = Usage()
    private(set) var models: [String: Totals] = [:]
    private(set) var tags: [String: Totals] = [:]
    /// Requests that went through as they came, by the first two parts of their path.
    private(set) var routes: [String: Int] = [:]
    private(set) var upstreamStatuses: [Int: Int] = [:]
    private var buckets: [Bucket] = []
    private var recent: [RequestRecord] = []
    private var nextRecent = 0

    /// Counts a request of `/v1/messages`. What calls cost is counted by ``addCall(_:cost:model:at:)``: a call may go on when
    /// the request that began it is over.
    mutating func add(_ record: RequestRecord) {
        let index = record.result.index
        self.totals.add(record)
        self.results[index] += 1
        self.latencies[index].add(nanoseconds: record.nanoseconds)
        if let reason = record.reason {
            Self.raise(&self.reasons[record.result, default: [:]], reason) {
                $0 += 1
            } new: {
                0
            }
        }
        self.millisecondsSaved = self.millisecondsSaved.addingAtMost(max(0, record.millisecondsSaved))
        if let usage = record.usage, record.result.isSaved { self.spared = self.spared + usage }
        if !record.model.isEmpty {
            Self.raise(&self.models, record.model) {
                $0.add(record)
            } new: {
                Totals()
            }
        }
        for tag in record.tags {
            Self.raise(&self.tags, tag) {
                $0.add(record)
            } new: {
                Totals()
            }
        }
        let last = self.bucket(at: record.time)
        self.buckets[last].results[index] += 1
        self.buckets[last].savedUSD += record.saved ?? 0
        if self.recent.count < Self.recentCount {
            self.recent.append(record)
        } else {
            self.recent[self.nextRecent] = record
        }
        self.nextRecent = (self.nextRecent + 1) % Self.recentCount
    }

    /// Counts what a call to upstream used, as far as its answer told.
    ///
    /// - Parameters:
    ///   - cost: In US dollars; nil where that is not known.
    ///   - model: The model that was asked for; empty where that is not known.
    mutating func addCall(_ usage: Usage, cost: Double?, model: String, at time: Timestamp) {
        self.billed = self.billed + usage
        self.totals.add(cost: cost)
        if !model.isEmpty {
            Self.raise(&self.models, model) {
                $0.add(cost: cost)
            } new: {
                Totals()
            }
        }
        let last = self.bucket(at: time)
        self.buckets[last].spentUSD += cost ?? 0
    }

    /// Which bucket a time belongs to.
    private mutating func bucket(at time: Timestamp) -> Int {
        let number = time.milliseconds / (Self.bucketSeconds * 1_000)
        if self.buckets.last.map({ $0.number < number }) ?? true {
            if self.buckets.count == Self.bucketCount { self.buckets.removeFirst() }
            self.buckets.append(Bucket(number: number))
        }
        // A clock that was set back counts towards the last bucket.
        return self.buckets.count - 1
    }

    /// Counts a request that went through as it came.
    mutating func addPassed(route: String) {
        Self.raise(&self.routes, route) {
            $0 += 1
        } new: {
            0
        }
    }

    /// Counts an answer of upstream's to a request of `/v1/messages`.
    mutating func addUpstream(status: Int) { self.upstreamStatuses[status, default: 0] += 1 }

    /// How many requests were answered so.
    subscript(result: Result) -> Int { self.results[result.index] }

    /// How long requests took that were answered so.
    func latency(of result: Result) -> LatencyHistogram { self.latencies[result.index] }

    /// The last requests, the newest first.
    var newest: [RequestRecord] {
        guard self.recent.count == Self.recentCount else { return self.recent.reversed() }
        return (self.recent[self.nextRecent...] + self.recent[..<self.nextRecent]).reversed()
    }

    /// The buckets of the hour before `now`, those without a request left out, the oldest first.
    func series(until now: Timestamp) -> [Bucket] {
        let first = now.milliseconds / (Self.bucketSeconds * 1_000) - Int64(Self.bucketCount)
        return self.buckets.filter { $0.number > first }
    }

    private static func raise<Value>(
        _ table: inout [String: Value], _ name: String, _ change: (inout Value) -> Void, new: () -> Value
    ) {
        let name = table.count < Self.nameCount || table[name] != nil ? name : Self.others
        change(&table[name, default: new()])
    }
}

extension RequestRecord.Result {
    /// Its place in tables.
    var index: Int {
        switch self {
        case .hitMemory: 0
        case .hitRedis: 1
        case .hitDisk: 2
        case .joined: 3
        case .stale: 4
        case .miss: 5
        case .bypass: 6
        case .error: 7
        case .observedHit: 8
        case .observedJoin: 9
        case .observedMiss: 10
        }
    }
}
