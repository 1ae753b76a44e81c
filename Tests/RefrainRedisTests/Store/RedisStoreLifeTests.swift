import RefrainCore
import RefrainKeys
import RefrainTesting
import Synchronization
import Testing

@testable import RefrainRedis

@Suite(.serialized, .enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(3)))
struct RedisStoreLifeTests {
    private typealias Fixture = StoreFixture

    /// Whoever forgets to shut it down leaves no connection behind.
    @Test func aStoreThatIsFreedClosesItsConnections() async throws {
        try await withRedisServer { server in
            func use() async throws {
                let store = try Fixture.store(server.url)
                try await Fixture.until { (try? await store.generation()) != nil }
                try await Fixture.until { try await server.clients(type: "pubsub").count == 1 }
            }
            try await use()
            try await Fixture.until(.seconds(5)) {
                try await server.clients().isEmpty
            }
        }
    }

    @Test func eraseLeavesWhatOthersCanRead() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.sealing = Sealing(key: .random()) }) { sealed in
                try await Fixture.withStore(server.url) { plain in
                    let purged = Fixture.key(2)
                    try await sealed.set(Fixture.key, try await Fixture.envelope(in: sealed))
                    let envelope = try await Fixture.envelope(purged, in: plain, labels: [.tag("t")])
                    try await plain.set(purged, envelope)
                    for (number, bytes) in [(3, 7), (4, 100_000)] {
                        let garbage = String(repeating: "g", count: bytes)
                        _ = try await server.cli("SET", plain.names.value(Fixture.key(number)), garbage)
                    }
                    try await plain.purge(.label(.tag("t")))
                    #expect(try await plain.get(Fixture.key) == nil)
                    _ = try await plain.erase()
                    #expect(try await server.cli("EXISTS", plain.names.value(purged)) == "0")
                    for number in 3...4 {
                        #expect(try await server.cli("EXISTS", plain.names.value(Fixture.key(number))) == "0")
                    }
                    #expect(try await sealed.get(Fixture.key) != nil)
                }
            }
        }
    }

    /// Where seals are wanted, what has none is left to whoever may read it; what is no envelope at all is damaged there too.
    @Test func eraseTellsGarbageFromWhatHasNoSeal() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { plain in
                try await Fixture.withStore(server.url, { $1.sealing = Sealing(key: .random()) }) { sealed in
                    try await plain.set(Fixture.key, try await Fixture.envelope(in: plain))
                    for (number, bytes) in [(1, 7), (2, 65_536), (3, 100_000)] {
                        let garbage = String(repeating: "g", count: bytes)
                        _ = try await server.cli("SET", plain.names.value(Fixture.key(number)), garbage)
                    }
                    #expect(try await sealed.erase() == 3)
                    #expect(try await plain.get(Fixture.key) != nil)
                    #expect(try await server.cli("DBSIZE") == "2", "the entry and the generation record")
                }
            }
        }
    }

    /// An entry that is stored after a purge of another process, while one erases, is no purged one.
    @Test func eraseHearsOfPurgesThatComeMeanwhile() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { other in
                try await withFaultProxy(to: server.port) { proxy in
                    try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)") { store in
                        for number in 0..<40 {
                            let key = Fixture.key(number)
                            try await store.set(key, try await Fixture.envelope(key, in: store, labels: [.tag("t")]))
                        }
                        try await store.purge(.label(.tag("t")))
                        // Slow enough for another process to purge and to store in between, many times.
                        try await proxy.set(.delay(.milliseconds(20)))
                        async let erased = store.erase()
                        for number in 100..<200 {
                            let key = Fixture.key(number)
                            try await other.purge(.label(.tag("other")))
                            try await other.set(key, try await Fixture.envelope(key, in: other))
                        }
                        #expect(try await erased == 40)
                        for number in 100..<200 { #expect(try await other.get(Fixture.key(number)) != nil) }
                    }
                }
            }
        }
    }

    /// What is deleted is what was seen: an answer that was stored over it meanwhile is not. Without scripts that cannot be told.
    @Test(arguments: [true, false])
    func takesAwayWhatItHasSeen(runsScripts: Bool) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                store.runsScripts.store(runsScripts, ordering: .relaxed)
                let garbage = RESPValue.bulk(Array("garbage".utf8))
                let list = RESPValue.error("WRONGTYPE Operation against a key holding the wrong kind of value")
                let names = (0..<4).map { store.names.value(Fixture.key($0)) }
                _ = try await server.cli("SET", names[0], "garbage")
                _ = try await server.cli("LPUSH", names[1], "x")
                for number in 2...3 {
                    let key = Fixture.key(number)
                    try await store.set(key, try await Fixture.envelope(key, in: store))
                }
                let sights = zip(names, [garbage, list, garbage, list]).map { RedisStore.Sight($0, $1) }
                #expect(try await store.takeAway(sights) == (runsScripts ? 2 : 4))
                for number in 2...3 {
                    let isThere = try await store.get(Fixture.key(number)) != nil
                    #expect(isThere == runsScripts)
                }
            }
        }
    }

    /// What stands in a lease's place keeps everybody from getting one; and it may be larger than any reply that is read.
    @Test(arguments: [true, false], [["LPUSH", "x"], ["SETRANGE", "\(100 << 20)", "x"], ["SETRANGE", "63", "x"]])
    func whatIsNoLeaseIsTakenAway(runsScripts: Bool, command: [String]) async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                store.runsScripts.store(runsScripts, ordering: .relaxed)
                let name = store.names.lease(Fixture.key)
                let words = [command[0], name] + command.dropFirst()
                func put() async throws { try await server.call(words.map { Array($0.utf8) }) }
                try await put()
                #expect(try await store.lease(Fixture.key).holder == .everybody)
                try await Fixture.until { try await server.cli("EXISTS", name) == "0" }
                guard case .asker(let lease) = try await store.lease(Fixture.key).holder else {
                    throw Fixture.TimedOut()
                }
                try await server.cli("DEL", name)
                try await put()
                if command[0] == "SETRANGE" {
                    #expect(try await !store.renew(lease))
                } else {
                    await #expect(throws: StoreError.self) { try await store.renew(lease) }
                }
                #expect(store.client.statistics.protocolErrors == 0)
            }
        }
    }

    /// It may be a lease of another version.
    @Test func whatMayBeALeaseIsWaitedFor() async throws {
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                try await server.cli("SETRANGE", store.names.lease(Fixture.key), "62", "x")
                #expect(try await store.lease(Fixture.key).holder == .other)
                #expect(store.examined.withLock { $0.isEmpty })
            }
        }
    }

    /// What was made for one purpose leaves nothing behind but what expires by itself.
    @Test func discardingLeavesNoRecord() async throws {
        try await withRedisServer { server in
            let store = try Fixture.store(server.url)
            try await store.set(Fixture.key, try await Fixture.envelope(in: store))
            try await store.remove(Fixture.key)
            try await store.discard()
            #expect(try await server.cli("DBSIZE") == "0")
            await #expect(throws: StoreError.self) { _ = try await store.get(Fixture.key) }
        }
    }

    /// After a purge of everything, all entries are of an epoch that is over.
    @Test func eraseAsksOnceAboutAnEpochThatIsOver() async throws {
        let (count, delay) = (400, Duration.milliseconds(10))
        try await withRedisServer { server in
            try await Fixture.withStore(server.url) { store in
                for number in 0..<count {
                    try await store.set(Fixture.key(number), try await Fixture.envelope(Fixture.key(number), in: store))
                }
            }
            try await withFaultProxy(to: server.port) { proxy in
                try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)") { far in
                    try await far.purge(.all)
                    try await proxy.set(.delay(delay))
                    let start = ContinuousClock.now
                    #expect(try await far.erase() == count)
                    #expect(ContinuousClock.now - start < delay * 2 * count)
                }
            }
        }
    }

    /// Entries are looked at many at a time: a server that is far away makes that no slower than it must be.
    @Test func eraseLooksAtManyEntriesAtOnce() async throws {
        let (count, delay) = (400, Duration.milliseconds(10))
        try await withRedisServer { server in
            try await Fixture.withStore(server.url, { $1.sealing = Sealing(key: .random()) }) { sealed in
                try await Fixture.withStore(server.url) { plain in
                    for number in 0..<count {
                        let key = Fixture.key(number)
                        switch number % 4 {
                        case 0, 1:
                            let labels = [Label.tag(number % 4 == 0 ? "old" : "new")]
                            try await plain.set(key, try await Fixture.envelope(key, in: plain, labels: labels))
                        case 2: try await sealed.set(key, try await Fixture.envelope(key, in: sealed))
                        default:
                            // Each of these takes a command of its own.
                            guard number % 40 == 3 else { continue }
                            try await server.cli("SET", plain.names.value(key), "garbage")
                        }
                    }
                    try await plain.purge(.label(.tag("old")))
                }
                try await withFaultProxy(to: server.port) { proxy in
                    try await Fixture.withStore("redis://127.0.0.1:\(proxy.port)") { far in
                        try await proxy.set(.delay(delay))
                        let start = ContinuousClock.now
                        #expect(try await far.erase() == count / 4 + count / 40)
                        // One after the other they would take twice the delay each.
                        #expect(ContinuousClock.now - start < delay * 2 * count)
                    }
                }
                let left = try await server.cli("KEYS", "refrain:test:*:v").split(separator: "\n").map(String.init)
                let kept = (0..<count).filter { (1...2).contains($0 % 4) }
                #expect(Set(left) == Set(kept.map { sealed.names.value(Fixture.key($0)) }))
            }
        }
    }

    /// The connection that listens keeps to the clock that the store was given, as everything else does.
    @Test func listensByItsOwnClock() async throws {
        let asked = Locked<[Duration]>([])
        let system = TimeSource.system
        let time = TimeSource(now: system.now, monotonicNanoseconds: system.monotonicNanoseconds) { duration in
            asked.withLock { $0.append(duration) }
            try await system.sleep(duration)
        }
        try await withRedisServer { server in
            let store = try Fixture.store(server.url, time: time)
            try await Fixture.until { asked.withLock { $0.contains(Listener.heartbeat) } }
            await store.shutdown()
        }
    }
}
