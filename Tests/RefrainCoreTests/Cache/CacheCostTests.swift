import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Measures, and asserts nothing about time. Skipped unless asked for, since figures are of a release build only:
/// `REFRAIN_MEASURE=1 swift test -c release -Xswiftc -enable-testing --filter CacheCostTests`
@Suite(.serialized, .enabled(if: getenv("REFRAIN_MEASURE") != nil)) struct CacheCostTests {
    let time = TimeSource.system
    let cache = ResponseCache(memory: MemoryStore())
    let message = SampleMessage.json(String(repeating: "All work and no play. ", count: 90))

    func fill() async throws -> ScriptedUpstream {
        let upstream = ScriptedUpstream(message: self.message)
        _ = try await self.cache.respond(to: CacheRequest(key: CacheFixture.key), upstream: upstream.call)
        return upstream
    }

    func report(_ name: String, _ count: Int, since start: UInt64) {
        let nanoseconds = Double(self.time.monotonicNanoseconds() - start) / Double(count)
        print("\(name): \(Int(nanoseconds.rounded())) ns each, of \(count)")
    }

    @Test func hits() async throws {
        let upstream = try await self.fill()
        let policy = CachePolicy()
        for _ in 0..<2 {
            let count = 2_000_000
            var start = self.time.monotonicNanoseconds()
            var bytes = 0
            for _ in 0..<count {
                bytes += self.cache.lookup(CacheFixture.key, policy: policy)?.envelope.body.count ?? 0
            }
            self.report("lookup", count, since: start)
            #expect(bytes == count * self.message.count)

            let request = CacheRequest(key: CacheFixture.key)
            let call = upstream.call
            start = self.time.monotonicNanoseconds()
            for _ in 0..<count / 4 { bytes += try await self.cache.respond(to: request, upstream: call).body.count }
            self.report("respond, a hit", count / 4, since: start)

            start = self.time.monotonicNanoseconds()
            for _ in 0..<count / 100 {
                for try await event in try await self.cache.stream(request, upstream: call) { bytes += event.count }
            }
            self.report("stream, a hit of \(self.message.count) bytes", count / 100, since: start)
        }
        #expect(upstream.callCount == 1)
    }

    @Test func misses() async throws {
        let upstream = ScriptedUpstream(message: self.message)
        let count = 20_000
        let start = self.time.monotonicNanoseconds()
        for number in 0..<count {
            let key = RequestKey(memoizing: "\(number)", in: "misses")
            _ = try await self.cache.respond(to: CacheRequest(key: key), upstream: upstream.call)
        }
        self.report("respond, a miss with an upstream that answers at once", count, since: start)
    }

    /// 1,000 streams that share a call: when each has its first event, and its last, after upstream has sent it.
    @Test func joinedStreams() async throws {
        for round in 0..<3 {
            let events = try CoalescingTests.events(200)
            let gate = Gate()
            let upstream = ScriptedUpstream(.stream(events, after: [.wait(gate)]))
            let request = CacheRequest(key: RequestKey(memoizing: "joined \(round)", in: "costs"))
            let times = try await withThrowingTaskGroup(of: (isLeader: Bool, first: UInt64, last: UInt64).self) {
                group in
                for _ in 0..<1_000 {
                    group.addTask {
                        let stream = try await self.cache.stream(request, upstream: upstream.call)
                        var first: UInt64 = 0
                        for try await _ in stream where first == 0 { first = self.time.monotonicNanoseconds() }
                        return (stream.cache != .joined, first, self.time.monotonicNanoseconds())
                    }
                }
                await until { self.cache.table.withLock { $0.flight(for: request.key) }?.callerCount == 1_000 }
                let start = self.time.monotonicNanoseconds()
                gate.open()
                return try await group.reduce(into: [(isLeader: Bool, first: UInt64, last: UInt64)]()) {
                    $0.append(($1.isLeader, $1.first - start, $1.last - start))
                }
            }
            #expect(upstream.callCount == 1 && times.count == 1_000)
            let leader = times.first { $0.isLeader }
            let first = times.filter { !$0.isLeader }.map { $0.first / 1_000 }.sorted()
            let last = times.map { $0.last / 1_000 }.sorted()
            print(
                """
                1,000 joined streams of \(events.count) events: upstream calls \(upstream.callCount); first event after \
                upstream sent it: leader \((leader?.first ?? 0) / 1_000) us, followers p50 \(first[first.count / 2]) us, \
                p99 \(first[first.count * 99 / 100]) us, last \(first[first.count - 1]) us; all 1,000 have all events \
                after \(last[last.count - 1] / 1_000) ms
                """)
        }
    }
}
