import CAllocationCounter
import Dispatch
import Refrain
import RefrainCore
import RefrainKeys
import Testing

/// What a hit from bytes may take: no task, no actor, no suspension, and hardly any heap.
@Suite struct HitPathTests {
    private static let body = Wire.body("Hi", more: #","system":"\#(String(repeating: "word ", count: 800))""#)

    @Test func aHitSuspendsNowhere() async throws {
        let claude = try CachedClaude.scripted(ScriptedTransport())
        _ = try await claude.messages.create(json: Self.body)
        let executor = CountingExecutor()
        let jobs = try await Task(executorPreference: executor) {
            let before = executor.jobs
            for _ in 0..<100 { _ = try await claude.messages.create(json: Self.body) }
            return executor.jobs - before
        }.value
        #expect(jobs == 0)
    }

    /// With sanitizers, and without glibc, allocations cannot be counted.
    @Test(.enabled(if: refrain_allocations_are_counted())) func aHitAllocatesWhatItsHashDoes() async throws {
        let claude = try CachedClaude.scripted(ScriptedTransport())
        _ = try await claude.messages.create(json: Self.body)
        let deriver = KeyDeriver(KeyContext(scope: claude.scope))
        func allocations(in body: () -> Bool) -> UInt64 {
            // What happens once in a process comes first.
            for _ in 0..<3 where !body() { Issue.record("no hit") }
            let before = refrain_allocations_of_this_thread()
            let isDone = body()
            let after = refrain_allocations_of_this_thread()
            if !isDone { Issue.record("no hit") }
            return after - before
        }
        let body = Self.body
        let hash = allocations { deriver.derive(body).key != nil }
        let hit = allocations { claude.messages.cached(json: body) != nil }
        #expect(hit <= hash)

        // The asynchronous way in has frames of its own, which the task keeps room for.
        for _ in 0..<3 { _ = try await claude.messages.create(json: body) }
        let before = refrain_allocations_of_this_thread()
        let reply = try await claude.messages.create(json: body)
        let after = refrain_allocations_of_this_thread()
        guard case .hit = reply.cache else {
            Issue.record("\(reply.cache)")
            return
        }
        #expect(after - before <= hash + 2)
    }
}

/// Runs jobs on a queue of its own and counts them.
private final class CountingExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "counting")
    private let count = Locked(0)

    var jobs: Int { self.count.withLock { $0 } }

    func enqueue(_ job: consuming ExecutorJob) {
        self.count.withLock { $0 += 1 }
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
