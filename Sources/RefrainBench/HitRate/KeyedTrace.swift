import RefrainCore
import RefrainKeys

/// A trace with the keys of its requests, as the cache derives them.
struct KeyedTrace: Sendable {
    let trace: RequestTrace
    /// The keys; nil for a request that has none.
    let keys: [RequestKey?]
    /// The numbers of the keys in the order of their first requests, so that they index arrays; -1 without a key.
    let numbers: [Int]
    /// Whether the same key came before.
    let isRepeat: [Bool]
    /// How many requests have no key, by the reason.
    let unkeyed: [String: Int]
    /// When each key comes next; nil for the last time.
    let next: [Timestamp?]
    /// What tells recorded answers apart, for requests whose key comes more than once; nil where none is recorded.
    let fingerprints: [Int?]

    init(_ trace: RequestTrace, _ options: HitRateBench.Options) {
        self.trace = trace
        var derivers: [Variant: KeyDeriver] = [:]
        var unkeyed: [String: Int] = [:]
        self.keys = trace.requests.map { request in
            switch request.content {
            case .unkeyed(let reason):
                unkeyed[reason, default: 0] += 1
                return nil
            case .key(let key): return key
            case .body(let body):
                let variant = Variant(sample: options.keysSample ? request.sample : 0, betas: request.betas)
                let deriver = derivers[variant] ?? KeyDeriver(variant.context(options.keyOptions))
                derivers[variant] = deriver
                switch deriver.derive(body) {
                case .key(let keyed): return keyed.key
                case .bypass(let reason):
                    unkeyed[reason.code.description, default: 0] += 1
                    return nil
                }
            }
        }
        self.unkeyed = unkeyed
        var known: [RequestKey: Int] = [:]
        var isRepeat: [Bool] = []
        self.numbers = self.keys.map { key in
            guard let key else {
                isRepeat.append(false)
                return -1
            }
            isRepeat.append(known[key] != nil)
            let number = known[key] ?? known.count
            known[key] = number
            return number
        }
        self.isRepeat = isRepeat
        var upcoming = [Timestamp?](repeating: nil, count: known.count)
        var next = [Timestamp?](repeating: nil, count: trace.requests.count)
        for index in trace.requests.indices.reversed() where self.numbers[index] >= 0 {
            next[index] = upcoming[self.numbers[index]]
            upcoming[self.numbers[index]] = trace.requests[index].time
        }
        self.next = next
        self.fingerprints = trace.requests.indices.map { index in
            isRepeat[index] || next[index] != nil ? trace.requests[index].answer?.fingerprint : nil
        }
    }

    /// What a key depends on besides the body, of what traces hold.
    private struct Variant: Hashable {
        var sample: Int
        var betas: [String]

        func context(_ options: KeyOptions) -> KeyContext {
            KeyContext(scope: .shared("refrain-bench"), betas: self.betas, sampleIndex: self.sample, options: options)
        }
    }
}
