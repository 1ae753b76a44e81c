import RefrainCore
import RefrainKeys
import RefrainTesting
import Synchronization
import Testing

@testable import RefrainRedis

/// Three instances on one Redis, under a load whose every answer proves whose it is, while a fault strikes.
///
/// The first instance is as users get it by default. The other two ask Redis again 20 ms after their breaker opened, and
/// reconnect sooner: so that faults strike calls, and not an open breaker.
final class FaultBench: Sendable {
    /// How long a fault lasts.
    struct Extent: Sendable {
        /// How many requests it is to meet.
        var requests: Int
        /// How often it strikes at most, where a few strikes are as good as many.
        var strikes = Int.max
        /// How long it lasts at most, once it has met enough requests.
        var duration = Duration.seconds(3_600)
        /// How long the first instance leaves Redis alone after its breaker opened; by default as users get it.
        var openFor: Duration?

        /// For the table.
        static let figures = Extent(requests: FaultBench.requests)
        /// For every run of the tests.
        static let test = Extent(
            requests: 300, strikes: 20, duration: .milliseconds(400), openFor: .milliseconds(200))
    }

    /// How many requests a fault is to meet for the table.
    static let requests = 2_000
    private static let instances = 3
    /// How many of a lane's keys are asked for between a key and its second time.
    private static let distance = 5
    private static let pace = Duration.milliseconds(20)
    /// The numbers of the keys that all instances ask for at once.
    private static let shared = 1_000_000_000
    static let namespace = "figures"

    /// What came of it.
    struct Outcome: Sendable {
        var struck = 0
        var requests = 0
        var redisHits = 0
        /// Answers that were not the key's own.
        var wrongAnswers = 0
        /// Requests that failed.
        var errors: [String] = []
        /// The worst latency beyond the upstream's own, of keys that one instance asks for.
        var worst = Duration.zero
        /// What one of a hundred exceeds.
        var slow = Duration.zero
        /// The same of keys that all ask for at once, the wait for another's call included.
        var worstShared = Duration.zero
        /// The most upstream calls for a key that all instances asked for at once, twice each.
        var mostCalls = 0
        /// From the end of the fault until every instance had a hit from Redis.
        var healing: Duration?
        var openings = 0
        /// How much more of the machine's memory the process had at the most than before, in bytes; nil where that is not
        /// known.
        var memory: Int?
        /// How many file descriptors more the process had afterwards than before; nil where that is not known.
        var descriptors: Int?
        /// Whether something of the instances was still there afterwards: their stores and caches, which their tasks hold, or
        /// connections to the server.
        var isLeft = false
    }

    private struct State {
        var outcome = Outcome()
        /// The latencies beyond the upstream's own, of keys that one instance asks for.
        var added: [Duration] = []
        var next = 0
        var nextShared = FaultBench.shared
        var calls: [Int: Int] = [:]
        /// Since when the fault strikes, and until when it did.
        var beginning: ContinuousClock.Instant?
        var isOver = false
        var end: ContinuousClock.Instant?
        var healed: [Int: ContinuousClock.Instant] = [:]
    }

    let server: RedisServer
    let proxy: FaultProxy?
    let caches: [ResponseCache]
    private let stores: [RedisStore]
    private let extent: Extent
    private let state = Locked(State())

    init(_ server: RedisServer, through proxy: FaultProxy?, _ extent: Extent = .figures) throws {
        self.server = server
        self.proxy = proxy
        self.extent = extent
        let url = proxy.map { "redis://127.0.0.1:\($0.port)" } ?? server.url
        var (stores, caches): ([RedisStore], [ResponseCache]) = ([], [])
        for instance in 0..<Self.instances {
            var redis = try RedisConfiguration(url: url)
            if instance > 0 {
                redis.commandTimeout = .milliseconds(300)
                redis.reconnectDelay = .milliseconds(5) ... .milliseconds(50)
            }
            let store = try RedisStore(redis, .init(namespace: Self.namespace))
            var tier = ResponseCache.SecondTier.redis(store)
            if instance > 0 {
                tier.openFor = .milliseconds(20)
            } else if let time = extent.openFor {
                tier.openFor = time
            }
            stores.append(store)
            caches.append(
                ResponseCache(
                    memory: MemoryStore(.init(bytes: 64 << 20), generations: store.generations), second: tier))
        }
        self.stores = stores
        self.caches = caches
    }

    /// Runs the load, lets the fault strike, and waits until Redis answers every instance again.
    func run(_ strike: @Sendable (FaultBench) async throws -> Int) async throws -> Outcome {
        for store in self.stores { try await StoreFixture.until { (try? await store.generation()) != nil } }
        let before = ProcessHoldings.memory()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watchMemory(from: before) }
            for instance in 0..<Self.instances {
                for _ in 0..<4 { group.addTask { try await self.ownLane(instance) } }
            }
            for _ in 0..<4 { group.addTask { try await self.sharedLane() } }
            do {
                // What connects and warms up is not the fault's.
                try await StoreFixture.until { self.isServing }
                self.state.withLock { $0.beginning = .now }
                let struck = try await strike(self)
                self.state.withLock { state in
                    state.outcome.struck = struck
                    state.end = .now
                    state.healed = [:]
                }
                try await StoreFixture.until(.seconds(60)) { self.isServing }
            } catch {
                self.stop()
                throw error
            }
            self.stop()
            try await group.waitForAll()
        }
        for cache in self.caches { await cache.shutdown() }
        return self.state.withLock { state in
            var outcome = state.outcome
            if let end = state.end, let last = state.healed.values.max() { outcome.healing = last - end }
            outcome.mostCalls = state.calls.values.max() ?? 0
            outcome.openings = self.caches.map(\.statistics.breakerOpenings).reduce(0, +)
            outcome.slow = Figures.percentile(0.99, of: state.added.sorted())
            return outcome
        }
    }

    /// Whether something of it is still there, a task of its stores for one: to be asked when nobody holds it any more.
    var isLeft: @Sendable () -> Bool {
        let stores = self.stores.map { store in
            { @Sendable [weak store, weak client = store.client, weak keeper = store.keeper] in
                store != nil || client != nil || keeper != nil
            }
        }
        let caches = self.caches.map { cache in { @Sendable [weak cache] in cache != nil } }
        return { (stores + caches).contains { $0() } }
    }

    /// Looks again and again how much memory the process has.
    private func watchMemory(from before: Int?) async throws {
        guard let before else { return }
        while !self.isOver {
            let more = (ProcessHoldings.memory() ?? before) - before
            self.state.withLock { $0.outcome.memory = max($0.outcome.memory ?? 0, more) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Whether every instance had a hit from Redis since that was last asked for.
    private var isServing: Bool { self.state.withLock { $0.healed.count == Self.instances } }

    private func stop() { self.state.withLock { $0.isOver = true } }
    private var isOver: Bool { self.state.withLock { $0.isOver } }

    // MARK: For faults

    /// How many requests the fault has met.
    var met: Int { self.state.withLock { $0.outcome.requests } }

    /// The number of the next key that nobody has asked for.
    var nextNumber: Int { self.state.withLock { $0.next } }

    /// Strikes again and again: so often at least, and until the fault has met enough requests.
    func repeatedly(_ times: Int, _ strike: () async throws -> Void) async throws -> Int {
        let times = min(times, self.extent.strikes)
        var struck = 0
        while struck < times || self.met < self.extent.requests {
            try await strike()
            struck += 1
        }
        return struck
    }

    /// Lets a fault that has begun last: so long at least, and until it has met enough requests.
    func last(_ duration: Duration = .seconds(1)) async throws {
        let end = ContinuousClock.now + min(duration, self.extent.duration)
        while ContinuousClock.now < end || self.met < self.extent.requests {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    // MARK: The load

    /// Asks for one new key after the other, and for each again when it has had time to get to Redis, past memory.
    private func ownLane(_ instance: Int) async throws {
        var recent: [Int] = []
        while !self.isOver {
            let number = self.state.withLock { state in
                state.next += 1
                return state.next - 1
            }
            await self.ask(number, instance)
            recent.append(number)
            if recent.count > Self.distance {
                let older = recent.removeFirst()
                self.caches[instance].memory.remove(StoreFixture.key(older))
                await self.ask(older, instance)
            }
            try await Task.sleep(for: Self.pace)
        }
    }

    /// Asks for one key after the other, each of all instances at once, twice.
    private func sharedLane() async throws {
        while !self.isOver {
            let number = self.state.withLock { state in
                state.nextShared += 1
                return state.nextShared
            }
            await withTaskGroup(of: Void.self) { group in
                for asker in 0..<2 * Self.instances {
                    group.addTask { await self.ask(number, asker % Self.instances) }
                }
            }
            try await Task.sleep(for: Self.pace)
        }
    }

    /// Asks for an answer and judges it. A task that is cancelled may get none.
    func ask(_ number: Int, _ instance: Int) async {
        let upstream = Locked(Duration.zero)
        let start = ContinuousClock.now
        let result: Result<CachedResponse, any Error>
        do {
            result = .success(
                try await self.caches[instance].respond(to: CacheRequest(key: StoreFixture.key(number))) { _ in
                    let began = ContinuousClock.now
                    self.called(number)
                    try await Task.sleep(for: .milliseconds(1))
                    let response = HTTPResponse(
                        status: 200, headers: [HTTPHeader("content-type", "application/json")],
                        body: ByteStream(Self.answer(number)))
                    upstream.withLock { $0 = ContinuousClock.now - began }
                    return response
                })
        } catch {
            result = .failure(error)
        }
        let added = ContinuousClock.now - start - upstream.withLock { $0 }
        self.judge(result, number, instance, began: start, added: added)
    }

    private func judge(
        _ result: Result<CachedResponse, any Error>, _ number: Int, _ instance: Int,
        began: ContinuousClock.Instant, added: Duration
    ) {
        let isRight =
            switch result {
            case .success(let answer): answer.body == Self.answer(number)
            case .failure: true
            }
        let wasCancelled = Task.isCancelled
        self.state.withLock { state in
            if !isRight { state.outcome.wrongAnswers += 1 }
            switch result {
            case .success(let answer):
                if case .hit(.redis, _) = answer.cache {
                    if state.beginning != nil { state.outcome.redisHits += 1 }
                    if state.healed[instance] == nil, began >= state.end ?? began { state.healed[instance] = .now }
                }
            case .failure(let error): if !wasCancelled { state.outcome.errors.append("\(error)") }
            }
            guard let beginning = state.beginning, began >= beginning, began < state.end ?? .now else { return }
            state.outcome.requests += 1
            guard !wasCancelled else { return }
            if number >= Self.shared {
                state.outcome.worstShared = max(state.outcome.worstShared, added)
            } else {
                state.added.append(added)
                state.outcome.worst = max(state.outcome.worst, added)
            }
        }
    }

    private func called(_ number: Int) {
        guard number >= Self.shared else { return }
        self.state.withLock { $0.calls[number, default: 0] += 1 }
    }

    /// The one right answer to a key.
    static func answer(_ number: Int) -> [UInt8] {
        SampleMessage.json("answer \(number): " + String(repeating: "\(number) ", count: 20 + number % 60))
    }

    /// The name of an entry in Redis.
    static func name(_ number: Int, _ suffix: String = "v") -> String {
        "refrain:\(Self.namespace):{\(StoreFixture.key(number).hex)}:\(suffix)"
    }
}
