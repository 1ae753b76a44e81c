import RefrainCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

@Suite(.timeLimit(.minutes(1))) struct WakeupsTests {
    private let names = RedisNames(namespace: "test")
    private let key = StoreFixture.key

    /// Where the server lets nobody listen, there is never a connection to forget the keys of.
    @Test func nothingIsKeptWithoutAConnection() async {
        let wakeups = Wakeups(names: self.names, time: .system)
        for number in 0..<100 { await wakeups.wait(for: StoreFixture.key(number), atMost: .zero) }
        #expect(wakeups.topicCount == 0)
    }

    /// A caller that comes to a channel while that is being unsubscribed from is not left without its message.
    @Test(.enabled(if: RedisServer.isAvailable, "needs redis-server"))
    func whoeverComesWhileAChannelIsLeftIsWoken() async throws {
        try await withRedisServer { server in
            try await withRedisClient(server.url) { client in
                let monotonic = Locked<UInt64>(0)
                let wakeups = Wakeups(
                    names: self.names,
                    time: TimeSource(
                        now: TimeSource.system.now, monotonicNanoseconds: { monotonic.withLock { $0 } },
                        sleep: TimeSource.system.sleep))
                let connection = try await client.dedicated { message in
                    guard case .array(let parts?) = message, case .bulk(let channel?) = parts[1] else { return }
                    wakeups.told(on: String(decoding: channel, as: UTF8.self))
                }
                wakeups.listens(on: connection)
                let channel = self.names.channel(self.key)
                // Asked for rather than counted by publishing: a message still under way would wake the next to wait.
                func subscribers() async throws -> String? {
                    try await server.cli("PUBSUB", "NUMSUB", channel).split(separator: "\n").last.map(String.init)
                }
                // It returns when the channel is subscribed to.
                await wakeups.wait(for: self.key, atMost: .seconds(60))
                #expect(try await subscribers() == "1")
                monotonic.withLock { $0 += 6_000_000_000 }
                let idle = wakeups.idleChannels()
                #expect(idle == [channel])
                async let first: Void = wakeups.wait(for: self.key, atMost: .seconds(60))
                try await StoreFixture.until { wakeups.waiterCount == 1 }
                _ = try await connection.send(RESPCommand("UNSUBSCRIBE", .text(channel)))
                wakeups.forget(channel)
                await first
                await wakeups.wait(for: self.key, atMost: .seconds(60))
                #expect(try await subscribers() == "1")
                async let second: Void = wakeups.wait(for: self.key, atMost: .seconds(60))
                try await StoreFixture.until { wakeups.waiterCount == 1 }
                #expect(try await server.cli("PUBLISH", channel, "ended") == "1")
                await second
            }
        }
    }
}
