/// Patterns of requests for answers with sizes and costs, generated from a seed.
package enum EvictionWorkload: String, CaseIterable, Sendable {
    /// Popularity by Zipf's law with an exponent of 0.9 over 40,000 keys, and four of ten requests for keys that never
    /// come again.
    case zipf
    /// An evaluation of 20,000 requests, run over and over, in 35 of a hundred requests; the others as ``zipf``, without
    /// the keys that never come again.
    case evaluation
    /// Popularity by Zipf's law with an exponent of 1 over 5,000 keys, whose ranks move on by one key each 12 requests:
    /// what is popular today is not tomorrow.
    case drift
    /// ``zipf`` without the keys that never come again, interrupted by scans: after each 10,000 requests, 5,000 keys are
    /// requested once each, in order, the same ones in every second scan.
    case scans
    /// Each key is requested two to nine times within some 4,000 requests, and then no more: retries and work in
    /// progress.
    case bursts
    /// ``drift``, ``evaluation``, ``bursts`` and ``zipf``, a quarter of the requests each.
    case phases

    /// Generates the workload; equal seeds give equal workloads.
    ///
    /// - Parameters:
    ///   - requests: The number of requests.
    ///   - seed: Determines every draw.
    package func trace(requests: Int, seed: UInt64) -> EvictionTrace {
        var keys = KeySequence(seed: seed)
        let names = keys.names(of: self, count: requests)
        var random = TrafficRandomness(seed: seed &+ 1)
        var numbers: [UInt64: Int32] = [:]
        var shapes: [AnswerShape] = []
        var result: [EvictionTrace.Request] = []
        result.reserveCapacity(names.count)
        for name in names {
            let number = numbers[name] ?? Int32(shapes.count)
            if number == shapes.count {
                numbers[name] = number
                shapes.append(AnswerShape(drawnBy: &random))
            }
            let shape = shapes[Int(number)]
            result.append(EvictionTrace.Request(key: number, size: shape.size, cost: shape.cost ?? 0))
        }
        return EvictionTrace(name: self.rawValue, requests: result)
    }
}

/// Draws the names of keys.
private struct KeySequence {
    private var random: TrafficRandomness
    /// The next name that nothing else uses.
    private var fresh: UInt64 = 1 << 40

    init(seed: UInt64) { self.random = TrafficRandomness(seed: seed) }

    private mutating func freshName() -> UInt64 {
        self.fresh += 1
        return self.fresh
    }

    mutating func names(of workload: EvictionWorkload, count: Int) -> [UInt64] {
        switch workload {
        case .zipf: return self.zipf(count, onceShare: 0.4)
        case .evaluation:
            let zipf = ZipfRanks(count: 40_000, exponent: 0.9)
            var position: UInt64 = 0
            return (0..<count).map { _ in
                guard self.random.unit() < 0.35 else { return UInt64(zipf.rank(&self.random)) }
                position += 1
                return 1 << 32 | position % 20_000
            }
        case .drift:
            let zipf = ZipfRanks(count: 5_000, exponent: 1)
            return (0..<count).map { UInt64(2 << 32 | ($0 / 12 + zipf.rank(&self.random))) }
        case .scans: return self.scans(count)
        case .bursts: return self.bursts(count)
        case .phases:
            let parts: [EvictionWorkload] = [.drift, .evaluation, .bursts, .zipf]
            return parts.flatMap { self.names(of: $0, count: count / parts.count) }
        }
    }

    private mutating func zipf(_ count: Int, onceShare: Double) -> [UInt64] {
        let zipf = ZipfRanks(count: 40_000, exponent: 0.9)
        return (0..<count).map { _ in
            self.random.unit() < onceShare ? self.freshName() : UInt64(zipf.rank(&self.random))
        }
    }

    private mutating func scans(_ count: Int) -> [UInt64] {
        let zipf = ZipfRanks(count: 40_000, exponent: 0.9)
        var names: [UInt64] = []
        var scan = 0
        while names.count < count {
            for _ in 0..<10_000 { names.append(UInt64(zipf.rank(&self.random))) }
            let first: UInt64 = scan.isMultiple(of: 2) ? 3 << 32 : UInt64(4 + scan) << 32
            names.append(contentsOf: (0..<5_000).map { first | $0 })
            scan += 1
        }
        return Array(names.prefix(count))
    }

    private mutating func bursts(_ count: Int) -> [UInt64] {
        // Requests are put at places drawn beforehand; places that stay empty are filled with keys of one request.
        var places = [UInt64?](repeating: nil, count: count)
        var filled = 0
        while filled < count * 9 / 10 {
            let start = Int(self.random.next() % UInt64(count))
            let name = self.freshName()
            for _ in 0..<2 + Int(self.random.next() % 8) {
                var place = min(count - 1, start + Int(self.random.unit() * self.random.unit() * 4_000))
                while place < count, places[place] != nil { place += 1 }
                guard place < count else { continue }
                places[place] = name
                filled += 1
            }
        }
        return places.map { $0 ?? self.freshName() }
    }
}
