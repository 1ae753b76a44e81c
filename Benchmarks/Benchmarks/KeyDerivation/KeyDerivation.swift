import Benchmark
import Crypto
import RefrainKeys

/// The key of a request from its bytes, beside SHA-256 of the same bytes, which no key can be cheaper than.
let benchmarks: @Sendable () -> Void = {
    let deriver = KeyDeriver(KeyContext(scope: .shared("benchmark")))
    for (size, kilobytes) in [("1 KB", 1), ("4 KB", 4), ("16 KB", 16), ("100 KB", 100), ("1 MB", 1024)] {
        for workload in [Workload.chat, .tools] {
            let body = workload.body(bytes: kilobytes * 1024)
            let configuration = Benchmark.Configuration(
                metrics: [.wallClock, .throughput], timeUnits: .nanoseconds, warmupIterations: 3,
                // Small bodies are measured a thousand at a time.
                scalingFactor: kilobytes <= 16 ? .kilo : .one, maxDuration: .seconds(1), maxIterations: 10_000)
            Benchmark("\(workload.rawValue) \(size): key", configuration: configuration) { benchmark in
                for _ in benchmark.scaledIterations { blackHole(deriver.derive(body)) }
            }
            Benchmark("\(workload.rawValue) \(size): SHA-256", configuration: configuration) { benchmark in
                for _ in benchmark.scaledIterations { blackHole(SHA256.hash(data: body)) }
            }
        }
    }
}
