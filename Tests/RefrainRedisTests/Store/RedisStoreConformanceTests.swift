import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

@Suite(.enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(5)))
struct RedisStoreConformanceTests {
    @Test func conforms() async throws {
        try await withRedisServer { server in
            let number = Locked(0)
            let conformance = StoreConformance { time in
                let namespace = number.withLock { number in
                    number += 1
                    return "conformance-\(number)"
                }
                // Timers by the machine's clock: the suite's own stands still while it waits for the server.
                return try StoreFixture.store(server.url, namespace: namespace, time: time.withSystemTimers)
            }
            for check in StoreConformance.Check.all {
                await #expect(throws: Never.self, "\(check)") { try await conformance.run(check) }
            }
        }
    }

    @Test func conformsWhenSealedAndUncompressed() async throws {
        try await withRedisServer { server in
            let number = Locked(0)
            let key = try SealingKey(bytes: [UInt8](repeating: 7, count: 32))
            let conformance = StoreConformance { time in
                let namespace = number.withLock { number in
                    number += 1
                    return "sealed-\(number)"
                }
                return try StoreFixture.store(server.url, namespace: namespace, time: time.withSystemTimers) {
                    $1.sealing = Sealing(key: key)
                    $1.compression = .off
                }
            }
            for check in StoreConformance.Check.all {
                await #expect(throws: Never.self, "\(check)") { try await conformance.run(check) }
            }
        }
    }
}

extension TimeSource {
    /// The same wall clock, and the machine's own timers.
    var withSystemTimers: TimeSource {
        TimeSource(
            now: self.now, monotonicNanoseconds: TimeSource.system.monotonicNanoseconds, sleep: TimeSource.system.sleep)
    }
}
