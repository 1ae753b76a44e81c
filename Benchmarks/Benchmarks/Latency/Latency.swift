import Benchmark
import CAllocationCounter
import Dispatch
import RefrainBench

/// What `refrain bench latency` measures, one benchmark each for an operation and its reference, with the heap allocations of
/// the thread that runs it.
let benchmarks: @Sendable () -> Void = {
    for measured in cases() {
        register(measured.name, measured, measured.operation)
        if let reference = measured.reference {
            register("\(measured.name): \(reference.name)", measured, reference.operation)
        }
    }
}

private func register(_ name: String, _ measured: LatencyCase, _ operation: @escaping LatencyCase.Operation) {
    let allocations = BenchmarkMetric.custom("Allocations", polarity: .prefersSmaller, useScalingFactor: true)
    // Callers that share a call run on several threads: no one thread's count is theirs.
    let counts = refrain_allocations_are_counted() && measured.part != .flights
    let isShort = (measured.bytes ?? 0) <= 16 << 10 && measured.part != .flights
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput] + (counts ? [allocations] : []), timeUnits: .nanoseconds,
        warmupIterations: 3,
        // What is short is done a thousand times for each sample.
        scalingFactor: isShort ? .kilo : .one, maxDuration: .milliseconds(500), maxIterations: 10_000)
    Benchmark(name, configuration: configuration) { benchmark in
        let before = refrain_allocations_of_this_thread()
        try await operation(benchmark.scaledIterations.count)
        // What was resumed on another thread has that one's count, which may be the smaller.
        let made = Int(truncatingIfNeeded: refrain_allocations_of_this_thread() &- before)
        if counts { benchmark.measurement(allocations, max(0, made)) }
    }
}

/// The cases are made by async functions; benchmarks are registered before anything async may run.
private func cases() -> [LatencyCase] {
    // Written before the semaphore is raised, and read after: never by two threads at once.
    nonisolated(unsafe) var result: Result<[LatencyCase], any Error> = .success([])
    let done = DispatchSemaphore(value: 0)
    // Detached, since this thread waits: a task of its own context might wait for it in turn.
    Task.detached {
        do {
            result = .success(try await LatencyCase.inProcess())
        } catch {
            result = .failure(error)
        }
        done.signal()
    }
    done.wait()
    do {
        return try result.get()
    } catch {
        // Nobody could catch it here, and a test excludes it.
        fatalError("cannot make the samples: \(error)")
    }
}
