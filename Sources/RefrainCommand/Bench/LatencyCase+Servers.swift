import Refrain
import RefrainBench
import RefrainCore
import RefrainGateway
import RefrainKeys
import RefrainRedis

extension LatencyCase {
    /// Runs `body` with cases on a store in Redis, and removes the entries that they wrote.
    ///
    /// - Parameter duration: How long `body` measures each case, so that no entry expires before.
    static func withEntries(
        in store: RedisStore, measuredFor duration: Duration, _ body: ([LatencyCase]) async throws -> Void
    ) async throws {
        let sizes = [("1 KB", 1 << 10), ("4 KB", 4 << 10), ("64 KB", 64 << 10), ("256 KB", 256 << 10)]
        let keys = sizes.map { RequestKey(memoizing: $0.0, in: "benchmark") }
        // What cannot be removed expires ten minutes after all was measured, at the latest.
        let lifetime = Duration.minutes(10) + duration * (2 * sizes.count)
        var failure: (any Error)?
        do {
            let generation = try await store.generation()
            var cases: [LatencyCase] = []
            for (key, (size, bytes)) in zip(keys, sizes) {
                let envelope = SampleAnswer.envelope(
                    key, SampleAnswer.noise(bytes: bytes), form: .bytes, generation: generation, lifetime: lifetime)
                try await store.set(key, envelope)
                cases += Self.redis(store, envelope, size)
            }
            try await body(cases)
        } catch {
            failure = error
        }
        for key in keys {
            do throws(StoreError) {
                try await store.remove(key)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private static func redis(_ store: RedisStore, _ envelope: Envelope, _ size: String) -> [LatencyCase] {
        let absent = RequestKey(memoizing: "absent", in: "benchmark")
        // What a round trip takes. Nothing that a store offers is that of a value without the rest, so writing has no reference.
        let miss = Reference("a look-up that finds nothing") { count in
            for _ in 0..<count {
                guard try await store.get(absent) == nil else { throw wrong("a hit") }
            }
        }
        return [
            LatencyCase(.redis, "get, \(size)", bytes: envelope.body.count, reference: miss) { count in
                for _ in 0..<count {
                    guard try await store.get(envelope.key)?.body.count == envelope.body.count else {
                        throw wrong("a miss")
                    }
                }
            },
            LatencyCase(.redis, "set, \(size)", bytes: envelope.body.count) { count in
                for _ in 0..<count { try await store.set(envelope.key, envelope) }
            },
        ]
    }

    /// Runs `body` with cases on a gateway that listens on a free port of this machine, with an upstream in this process.
    ///
    /// - Throws: What kept the gateway from listening, or what `body` throws.
    static func withGateway(_ body: ([LatencyCase]) async throws -> Void) async throws {
        let upstream = SampleTransport(SampleAnswer.message(bytes: 1_024))
        // The machine's own port is not to be asked for by way of a proxy.
        let client = CurlTransport(CurlTransport.Configuration(proxy: .none))
        var failure: (any Error)?
        do {
            try await Gateway.withServer(
                GatewayConfiguration(port: 0, upstream: "http://upstream.invalid"),
                cache: ResponseCache(memory: MemoryStore()), transport: upstream
            ) { _, port in try await body(Self.gateway(port, client, upstream)) }
        } catch {
            failure = error
        }
        await client.shutdown()
        if let failure { throw failure }
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
