import RefrainCore
import RefrainKeys
import RefrainTesting
import Synchronization
import Testing

@testable import RefrainRedis

/// How long a purge takes to reach other instances.
@Suite(.serialized, .enabled(if: Figures.areWanted))
struct PurgeFigures {
    private static let repeats = 200
    private static let policy = CachePolicy(tags: ["t"])

    /// An instance as users get it by default.
    private struct Instance {
        let store: RedisStore
        let cache: ResponseCache

        init(_ url: String) throws {
            self.store = try RedisStore(RedisConfiguration(url: url), .init(namespace: FaultBench.namespace))
            self.cache = ResponseCache(
                memory: MemoryStore(.init(bytes: 16 << 20), generations: self.store.generations),
                second: .redis(self.store))
        }

        var serves: Bool { self.cache.lookup(StoreFixture.key, policy: PurgeFigures.policy) != nil }
    }

    @Test(arguments: [false, true])
    func latency(cut: Bool) async throws {
        try await withRedisServer { server in
            let instances = try (0..<3).map { _ in try Instance(server.url) }
            var (sinceCall, sinceDone): ([Duration], [Duration]) = ([], [])
            for _ in 0..<Self.repeats {
                try await Self.fill(instances, server)
                if cut { try await server.cli("CLIENT", "KILL", "TYPE", "pubsub") }
                let call = ContinuousClock.now
                try await instances[0].cache.purge(.label(.tag("t")))
                let done = ContinuousClock.now
                #expect(!instances[0].serves)
                while instances[1].serves || instances[2].serves { try await Task.sleep(for: .microseconds(100)) }
                let gone = ContinuousClock.now
                sinceCall.append(gone - call)
                sinceDone.append(max(.zero, gone - done))
            }
            print(
                "purge, \(cut ? "listening connections cut each time" : "listening connections healthy"), "
                    + "\(Self.repeats) times: the last of two others stops after p50 / p99 / max "
                    + "\(Figures.spread(sinceCall)) from the call, \(Figures.spread(sinceDone)) from its being done"
            )
            for instance in instances { await instance.cache.shutdown() }
        }
    }

    /// Every instance listens, and has the answer in memory.
    private static func fill(_ instances: [Instance], _ server: RedisServer) async throws {
        try await StoreFixture.until { try await server.clients(type: "pubsub").count == instances.count }
        let upstream = ScriptedUpstream(message: SampleMessage.json("answer"))
        for instance in instances {
            try await StoreFixture.until {
                _ = try await instance.cache.respond(
                    to: CacheRequest(key: StoreFixture.key, policy: Self.policy), upstream: upstream.call)
                return instance.serves
            }
        }
    }

    /// A thousand readers of one key in three instances, while that is purged again and again: none who begins after
    /// the purge in the instance that purges, or two seconds after it in another, gets an answer from before.
    @Test func underReaders() async throws {
        try await withRedisServer { server in
            let instances = try (0..<3).map { _ in try Instance(server.url) }
            try await Self.fill(instances, server)
            let readers = Readers()
            let purges = 50
            await withTaskGroup(of: Void.self) { group in
                for reader in 0..<999 {
                    group.addTask { await readers.read(instances[reader % 3].cache, isPurger: reader % 3 == 0) }
                }
                for _ in 0..<purges {
                    await readers.purge(instances[0].cache)
                }
                readers.stop()
            }
            let outcome = readers.outcome
            print(
                "\(purges) purges of a key under 999 readers: \(outcome.reads) reads, \(outcome.old) of an answer from "
                    + "before, \(outcome.errors) errors, \(outcome.calls) upstream calls, "
                    + "\(outcome.unacknowledged) purges not acknowledged in time")
            #expect(outcome.old == 0 && outcome.errors == 0)
            // Each instance by itself at the worst, and once more for what began before a purge and may not be stored.
            #expect(outcome.calls <= (purges + 1) * 6)
            for instance in instances { await instance.cache.shutdown() }
        }
    }

    /// Readers of answers that tell which call they are from.
    private final class Readers: Sendable {
        struct Outcome {
            var reads = 0
            var old = 0
            var errors = 0
            /// Purges that failed, as they do where the machine is too busy; they are repeated, and judge no read.
            var unacknowledged = 0
            var calls = 0
        }

        private struct State {
            var outcome = Outcome()
            /// For each purge that is done: the last call that began before it, and when it was done.
            var floors: [(call: Int, done: ContinuousClock.Instant)] = []
            var isOver = false
        }

        private let state = Locked(State())

        var outcome: Outcome { self.state.withLock { $0.outcome } }

        func stop() { self.state.withLock { $0.isOver = true } }

        func purge(_ cache: ResponseCache) async {
            let reads = self.outcome.reads
            let calls = self.outcome.calls
            do {
                try await cache.purge(.label(.tag("t")))
                self.state.withLock { $0.floors.append((calls, .now)) }
            } catch {
                self.state.withLock { $0.outcome.unacknowledged += 1 }
            }
            // Each purge is met by as many reads again.
            while self.outcome.reads < reads + 2_000 {
                do { try await Task.sleep(for: .milliseconds(1)) } catch { return }
            }
        }

        func read(_ cache: ResponseCache, isPurger: Bool) async {
            while !self.state.withLock({ $0.isOver }) {
                let now = ContinuousClock.now
                let floor = self.state.withLock { state in
                    state.floors.last { isPurger || now - $0.done > .seconds(2) }?.call ?? 0
                }
                do {
                    let answer = try await cache.respond(
                        to: CacheRequest(key: StoreFixture.key, policy: PurgeFigures.policy)
                    ) { _ in
                        let call = self.state.withLock { state in
                            state.outcome.calls += 1
                            return state.outcome.calls
                        }
                        try await Task.sleep(for: .milliseconds(1))
                        return HTTPResponse(
                            status: 200,
                            headers: [
                                HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "\(call)"),
                            ],
                            body: ByteStream(SampleMessage.json("call", id: "\(call)")))
                    }
                    let id = try MessageSummary(json: answer.body).id
                    self.state.withLock { state in
                        state.outcome.reads += 1
                        if (Int(id) ?? 0) <= floor, floor > 0 { state.outcome.old += 1 }
                    }
                    try await Task.sleep(for: .milliseconds(20))
                } catch {
                    self.state.withLock { $0.outcome.errors += 1 }
                }
            }
        }
    }
}
