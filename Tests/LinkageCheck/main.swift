// A program of RefrainCore alone. `scripts/linkage` looks at what it links; that it keeps an entry and finds it again
// proves that the memory cache is in it.
import RefrainCore
import RefrainKeys

let cache = ResponseCache(memory: MemoryStore())
let key = RequestKey(memoizing: "linkage", in: "check")
for _ in 0..<2 { _ = try await cache.memoize(key) { [1, 2, 3] } }
let statistics = cache.statistics
print("\(statistics.upstreamCalls) call, \(statistics.memoryHits) hit")
guard statistics.upstreamCalls == 1, statistics.memoryHits == 1 else {
    throw CacheError(.incomplete, "a repeat was not a hit")
}
