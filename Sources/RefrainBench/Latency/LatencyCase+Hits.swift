import Refrain
import RefrainCore
import RefrainKeys

/// A cache that holds the answer to one request.
struct SampleHit: Sendable {
    let deriver = KeyDeriver(KeyContext(scope: .shared("benchmark")))
    let policy = CachePolicy(ttl: .days(7))
    let cache = ResponseCache(memory: MemoryStore())
    let body: [UInt8]
    let message: [UInt8]
    let request: CacheRequest

    /// - Parameters:
    ///   - requestBytes: About how long the request is.
    ///   - messageBytes: About how long its answer is.
    init(requestBytes: Int, messageBytes: Int) async throws {
        self.body = SampleRequest.chat.body(bytes: requestBytes)
        self.message = SampleAnswer.message(bytes: messageBytes)
        guard let key = self.deriver.derive(self.body).key else { throw LatencyCase.wrong("no key") }
        self.request = CacheRequest(key: key, policy: self.policy, bodyBytes: self.body.count)
        let message = self.message
        _ = try await self.cache.respond(to: self.request) { _ in SampleAnswer.response(message) }
    }

    /// The stored answer's length from the request's bytes; nil where it is no hit.
    func hit() -> Int? {
        guard let key = self.deriver.derive(self.body).key else { return nil }
        return self.cache.lookup(key, policy: self.policy)?.envelope.body.count
    }
}

extension LatencyCase {
    /// Hits in memory.
    static func memory() async throws -> [LatencyCase] {
        let hit = try await SampleHit(requestBytes: 1_024, messageBytes: 1_024)
        let length = hit.message.count
        let key = hit.request.key
        let never: Upstream = { _ in throw wrong("a miss") }
        return [
            LatencyCase(
                .memory, "hit from bytes, 1 KB request", bytes: hit.body.count, reference: .hash(hit.body),
                aim: .median(1_500)
            ) { count in
                for _ in 0..<count where hit.hit() != length { throw wrong("a miss") }
            },
            LatencyCase(.memory, "look-up by key") { count in
                for _ in 0..<count {
                    guard hit.cache.lookup(key, policy: hit.policy)?.envelope.body.count == length else {
                        throw wrong("a miss")
                    }
                }
            },
            LatencyCase(.memory, "respond, a hit by key") { count in
                for _ in 0..<count {
                    guard try await hit.cache.respond(to: hit.request, upstream: never).body.count == length else {
                        throw wrong("another answer")
                    }
                }
            },
            LatencyCase(.memory, "stream, a hit by key") { count in
                for _ in 0..<count {
                    var bytes = 0
                    for try await event in try await hit.cache.stream(hit.request, upstream: never) {
                        bytes += event.count
                    }
                    guard bytes > length else { throw wrong("too few events") }
                }
            },
            try await Self.scattered(entries: 50_000),
        ]
    }

    /// A look-up among many entries, in an order that no cache of the processor foresees.
    private static func scattered(entries: Int) async throws -> LatencyCase {
        let store = MemoryStore()
        let now = TimeSource.system.now()
        let message = SampleAnswer.message(bytes: 1_500)
        var keys: [RequestKey] = []
        for number in 0..<entries {
            let key = RequestKey(memoizing: "\(number)", in: "benchmark")
            let envelope = SampleAnswer.envelope(key, message, generation: store.generation(), created: now)
            guard case .stored = store.insert(envelope, now: now) else { throw wrong("an entry that is not stored") }
            keys.append(key)
        }
        let all = keys
        let state = Locked(UInt64(1))
        return LatencyCase(.memory, "look-up in a store of \(entries) entries, at random") { count in
            var random = state.withLock { $0 }
            for _ in 0..<count {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let at = Int(truncatingIfNeeded: ((random &>> 32) &* UInt64(all.count)) &>> 32)
                guard store.lookup(all[at], now: now) != nil else { throw wrong("a miss") }
            }
            let last = random
            state.withLock { $0 = last }
        }
    }

    /// Calls of the client that memory answers.
    static func client() async throws -> [LatencyCase] {
        let message = SampleAnswer.message(bytes: 2_048)
        let transport = SampleTransport(message)
        let client = try CachedClaude(
            apiKey: .key("sk-ant-benchmark"), scope: .shared("benchmark"),
            configuration: .init(baseURL: "http://upstream.invalid", transport: transport))
        let request = MessagesRequest(
            model: .opus, maxTokens: 1_024, system: "You answer in one paragraph.",
            messages: [.user(SampleRequest.text(bytes: 1_850))])
        let body = request.encoded()
        _ = try await client.messages.create(request)
        return [
            LatencyCase(
                .client, "messages.create typed, 2 KB request", bytes: body.count, reference: .hash(body),
                aim: .median(10_000)
            ) { count in
                for _ in 0..<count {
                    guard case .hit = try await client.messages.create(request).cache else { throw wrong("a miss") }
                }
                guard transport.callCount == 1 else { throw wrong("an upstream call") }
            },
            LatencyCase(
                .client, "messages.create from bytes, 2 KB request", bytes: body.count, reference: .hash(body)
            ) { count in
                for _ in 0..<count {
                    guard case .hit = try await client.messages.create(json: body).cache else { throw wrong("a miss") }
                }
            },
            LatencyCase(
                .client, "messages.cached from bytes, 2 KB request", bytes: body.count, reference: .hash(body)
            ) { count in
                for _ in 0..<count {
                    guard client.messages.cached(json: body) != nil else { throw wrong("a miss") }
                }
            },
        ]
    }
}
