/// What no cache can exceed on a trace.
package enum EvictionCeiling {
    /// The hit ratio of the best that a cache of `capacity` unit entries can do, knowing all requests and free not to keep
    /// what it was asked for (Belady, IBM Systems Journal 1966; Mattson, Gecsei, Slutz and Traiger, 1970).
    ///
    /// Exact, for traces whose entries all have size 1. O(n log capacity).
    package static func optimal(_ trace: EvictionTrace, capacity: Int) -> Double {
        let next = Self.nextUses(trace)
        var kept = FurthestFirst()
        var nextUse = [Int](repeating: -1, count: trace.keyCount)
        var count = 0
        var hits = 0
        for (time, request) in trace.requests.enumerated() {
            let key = Int(request.key)
            if nextUse[key] == time {
                hits += 1
                count -= 1
            }
            nextUse[key] = -1
            guard next[time] < .max else { continue }
            nextUse[key] = next[time]
            kept.push(key: request.key, time: next[time])
            count += 1
            while count > capacity, let (victim, time) = kept.pop() {
                // What was hit since it was pushed is there under its newer time.
                guard nextUse[Int(victim)] == time else { continue }
                nextUse[Int(victim)] = -1
                count -= 1
            }
        }
        return Double(hits) / Double(max(1, trace.requests.count))
    }

    /// An upper bound on what any cache saves on a trace of entries of different sizes and costs, offline ones among them.
    ///
    /// To answer a request, its entry must have taken its size of the capacity since the last request for it. So space times
    /// time is what hits use up, of which there is capacity times length: the capacity is to be kept on average only, and
    /// not at each moment. Within that, the intervals that save most for what they take are counted, the last one in part.
    /// That is PFOO-L of Berger, Beckmann and Harchol-Balter (POMACS 2018), with costs. Each of the three ratios has a
    /// bound of its own: no one cache reaches all of them.
    package static func averageSpace(_ trace: EvictionTrace, capacity: Int) -> EvictionOutcome {
        EvictionOutcome(
            hitRatio: Self.averageSpace(trace, capacity: capacity) { _ in 1 },
            sizeHitRatio: Self.averageSpace(trace, capacity: capacity) { Double($0.size) },
            savedCostRatio: Self.averageSpace(trace, capacity: capacity) { $0.cost })
    }

    private static func averageSpace(
        _ trace: EvictionTrace, capacity: Int, value: (EvictionTrace.Request) -> Double
    ) -> Double {
        var last = [Int](repeating: -1, count: trace.keyCount)
        var intervals: [(value: Double, space: Double)] = []
        var all = 0.0
        for (time, request) in trace.requests.enumerated() {
            let value = value(request)
            all += value
            let previous = last[Int(request.key)]
            last[Int(request.key)] = time
            guard previous >= 0, Int(request.size) <= capacity else { continue }
            intervals.append((value, Double(request.size) * Double(time - previous)))
        }
        guard all > 0 else { return 0 }
        intervals.sort { $0.value * $1.space > $1.value * $0.space }
        var space = Double(capacity) * Double(trace.requests.count)
        var saved = 0.0
        for interval in intervals {
            guard interval.space <= space else {
                saved += interval.value * space / interval.space
                break
            }
            saved += interval.value
            space -= interval.space
        }
        return saved / all
    }

    /// For each request, the place of the next one for the same key; the greatest number where there is none.
    private static func nextUses(_ trace: EvictionTrace) -> [Int] {
        var next = [Int](repeating: .max, count: trace.requests.count)
        var seen = [Int](repeating: .max, count: trace.keyCount)
        for time in trace.requests.indices.reversed() {
            let key = Int(trace.requests[time].key)
            next[time] = seen[key]
            seen[key] = time
        }
        return next
    }
}

/// Keys by the time of their next use, the furthest first.
private struct FurthestFirst {
    private var heap = PriorityHeap()

    mutating func push(key: Int32, time: Int) { self.heap.push(key, -Double(time)) }

    mutating func pop() -> (key: Int32, time: Int)? { self.heap.popLeast().map { ($0.key, Int(-$0.priority)) } }
}
