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
            let now = self.time.now()
            start = self.time.monotonicNanoseconds()
            for _ in 0..<count { bytes += self.cache.memory.lookup(CacheFixture.key, now: now)?.body.count ?? 0 }
            self.report("  of which the memory store", count, since: start)
            start = self.time.monotonicNanoseconds()
            for _ in 0..<count { bytes &+= Int(self.time.now().milliseconds & 1) }
            self.report("  of which the clock", count, since: start)

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

    /// 1,000 streams that share a call: when each has its first event after upstream has sent it, and how long it takes
    /// until all have the other events, which upstream then sends at once.
    @Test func joinedStreams() async throws {
        for round in 0..<5 {
            let events = try CoalescingTests.events(200)
            let (opening, rest) = (Gate(), Gate())
            let upstream = ScriptedUpstream(
                .stream(steps: [.wait(opening), .bytes(events[0]), .wait(rest), .bytes(Array(events[1...].joined()))]))
            let request = CacheRequest(key: RequestKey(memoizing: "joined \(round)", in: "costs"))
            let started = Locked(0)
            let (start, times, end) = try await withThrowingTaskGroup(of: (isLeader: Bool, first: UInt64).self) {
                group in
                for _ in 0..<1_000 {
                    group.addTask {
                        let stream = try await self.cache.stream(request, upstream: upstream.call)
                        var first: UInt64 = 0
                        for try await _ in stream where first == 0 {
                            first = self.time.monotonicNanoseconds()
                            started.withLock { $0 += 1 }
                        }
                        return (stream.cache != .joined, first)
                    }
                }
                await until { self.cache.table.withLock { $0.flight(for: request.key) }?.callerCount == 1_000 }
                // The headers were sent at once; all have them when nothing but the events is waited for.
                for _ in 0..<10_000 { await Task.yield() }
                let start = self.time.monotonicNanoseconds()
                opening.open()
                await until { started.withLock { $0 } == 1_000 }
                let middle = self.time.monotonicNanoseconds()
                rest.open()
                let times = try await group.reduce(into: [(isLeader: Bool, first: UInt64)]()) { $0.append($1) }
                return (start, times, self.time.monotonicNanoseconds() - middle)
            }
            #expect(upstream.callCount == 1 && times.count == 1_000)
            let leader = times.filter(\.isLeader).map { ($0.first - start) / 1_000 }
            let first = times.filter { !$0.isLeader }.map { ($0.first - start) / 1_000 }.sorted()
            print(
                """
                1,000 joined streams, \(upstream.callCount) upstream call: the first event reaches the leader after \
                \(leader) us, followers p50 \(first[first.count / 2]) us, p99 \(first[first.count * 99 / 100]) us, the last \
                \(first[first.count - 1]) us; the other \(events.count - 1) events reach all after \(end / 1_000_000) ms
                """)
        }
    }
}
