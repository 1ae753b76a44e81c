import Logging
import Refrain
import RefrainBench
import RefrainCore
import RefrainGateway
import RefrainKeys
import RefrainRedis

extension LatencyCase {
    /// Runs `body` with cases on a store in Redis, and removes what they wrote.
    static func withEntries(in store: RedisStore, _ body: ([LatencyCase]) async throws -> Void) async throws {
        let now = TimeSource.system.now()
        let until = now.advanced(by: .minutes(10))
        let absent = RequestKey(memoizing: "absent", in: "benchmark")
        let miss = Reference("a look-up that finds nothing") { count in
            for _ in 0..<count {
                guard try await store.get(absent) == nil else { throw wrong("a hit") }
            }
        }
        var keys: [RequestKey] = []
        var cases: [LatencyCase] = []
        for (size, bytes) in [("1 KB", 1 << 10), ("4 KB", 4 << 10), ("64 KB", 64 << 10)] {
            let key = RequestKey(memoizing: size, in: "benchmark")
            let envelope = Envelope(
                key: key, form: .message, created: now, freshUntil: until, staleUntil: until,
                generation: try await store.generation(), labels: [], details: .init(), headers: [],
                body: SampleAnswer.message(bytes: bytes))
            try await store.set(key, envelope)
            keys.append(key)
            cases.append(
                LatencyCase(.redis, "get, \(size)", bytes: envelope.body.count, reference: miss) { count in
                    for _ in 0..<count {
                        guard try await store.get(key)?.body.count == envelope.body.count else { throw wrong("a miss") }
                    }
                })
            cases.append(
                LatencyCase(.redis, "set, \(size)", bytes: envelope.body.count, reference: miss) { count in
                    for _ in 0..<count { try await store.set(key, envelope) }
                })
        }
        do {
            try await body(cases)
        } catch {
            // What cannot be removed expires in ten minutes.
            for key in keys { try? await store.remove(key) }
            throw error
        }
        for key in keys { try await store.remove(key) }
    }

    /// Runs `body` with cases on a gateway that listens on a free port of this machine, with an upstream in this process.
    static func withGateway(_ body: ([LatencyCase]) async throws -> Void) async throws {
        let upstream = SampleTransport(SampleAnswer.message(bytes: 1_024))
        let cache = ResponseCache(memory: MemoryStore())
        let client = CurlTransport()
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let gateway = try Gateway(
            GatewayConfiguration(port: 0, upstream: "http://upstream.invalid"), cache: cache, transport: upstream,
            logger: Logger(label: "refrain.bench") { _ in SwiftLogNoOpLogHandler() },
            onListening: { listening.yield($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { listening.finish() }
                try await gateway.run()
            }
            for await port in ports {
                try await body(Self.gateway(port, client, upstream))
                break
            }
            group.cancelAll()
        }
        await client.shutdown()
        await cache.shutdown()
    }

    private static func gateway(_ port: Int, _ client: CurlTransport, _ upstream: SampleTransport) -> [LatencyCase] {
        let body = SampleRequest.chat.body(bytes: 1_024)
        let plain = HTTPRequest(
            method: "POST", url: "http://127.0.0.1:\(port)/v1/messages",
            headers: [
                HTTPHeader("content-type", "application/json"), HTTPHeader("x-api-key", "sk-ant-benchmark"),
                HTTPHeader("anthropic-version", "2023-06-01"),
            ], body: .bytes(body))
        let health = HTTPRequest(url: "http://127.0.0.1:\(port)/healthz")
        let reference = Reference("GET /healthz by the same client") { count in
            for _ in 0..<count {
                guard try await client.collect(health).status == 200 else { throw wrong("no health") }
            }
        }
        return [
            LatencyCase(.gateway, "a hit, 1 KB request", bytes: body.count, reference: reference) { count in
                for _ in 0..<count {
                    guard try await client.collect(plain).status == 200 else { throw wrong("no answer") }
                }
                guard upstream.callCount == 1 else { throw wrong("\(upstream.callCount) upstream calls") }
            }
        ]
    }
}
