import Foundation
import Testing

/// A fault that strikes a ``FaultBench``.
struct FaultScenario: Sendable, CustomTestStringConvertible {
    /// Where the plan of faults has it.
    let id: String
    let name: String
    var options = RedisServer.Options()
    /// Whether the instances reach the server through a proxy.
    var isProxied = false
    /// Whether purges may get lost, so that whatever was stored before becomes unreadable, in memory too.
    var losesRecord = false
    /// Whether a lease that was given up may be there again, so that somebody waits until it ends by itself.
    var bringsBackLeases = false
    /// Whether it is in every run of the tests: see ``everyRun``.
    private(set) var isInEveryRun = false
    /// Brings the fault about and ends it, and says how often it has struck.
    let strike: @Sendable (FaultBench) async throws -> Int

    init(
        id: String, name: String, options: RedisServer.Options = .init(), isProxied: Bool = false,
        losesRecord: Bool = false, bringsBackLeases: Bool = false,
        strike: @escaping @Sendable (FaultBench) async throws -> Int
    ) {
        self.id = id
        self.name = name
        self.options = options
        self.isProxied = isProxied
        self.losesRecord = losesRecord
        self.bringsBackLeases = bringsBackLeases
        self.strike = strike
    }

    var testDescription: String { "\(self.id) \(self.name)" }

    /// The same, in every run.
    private var inEveryRun: Self {
        var scenario = self
        scenario.isInEveryRun = true
        return scenario
    }

    /// All there are; what takes minutes where `REFRAIN_FIGURES_LONG` is set.
    static let all: [FaultScenario] = {
        var all = [.none] + Self.process + Self.network + Self.replies + Self.commands + Self.callers
        if RedisServer.limitsDescriptors { all.append(.exhausted) }
        if ProcessInfo.processInfo.environment["REFRAIN_FIGURES_LONG"] != nil {
            // Longer than memory goes on serving by itself.
            all.append(.frozen(.seconds(120), times: 1, losesRecord: true))
        }
        return all
    }()

    /// One of each kind, each of which is over in a second or two.
    static let everyRun = Self.all.filter(\.isInEveryRun)

    /// None, for comparison.
    static let none = FaultScenario(id: "-", name: "no fault") { bench in
        try await bench.last()
        return 0
    }

    /// A fault of the server that lasts from one command until another.
    private static func lasting(
        _ id: String, _ name: String, _ options: RedisServer.Options = .init(), losesRecord: Bool = false,
        from begin: [[String]], to end: [[String]]
    ) -> FaultScenario {
        FaultScenario(id: id, name: name, options: options, losesRecord: losesRecord) { bench in
            try await bench.server.run(begin)
            try await bench.last(.seconds(2))
            try await bench.server.run(end)
            return 1
        }
    }

    /// Commands that do their harm at once, again and again.
    private static func repeated(
        _ id: String, _ name: String, times: Int, every pause: Duration, losesRecord: Bool = false,
        _ commands: [[String]]
    ) -> FaultScenario {
        FaultScenario(id: id, name: name, losesRecord: losesRecord) { bench in
            try await bench.repeatedly(times) {
                try await bench.server.run(commands)
                try await Task.sleep(for: pause)
            }
        }
    }

    private static func frozen(_ duration: Duration, times: Int, losesRecord: Bool = false) -> FaultScenario {
        FaultScenario(id: "F2", name: "frozen (SIGSTOP) for \(duration)", losesRecord: losesRecord) { bench in
            try await bench.repeatedly(times) {
                bench.server.freeze()
                try await Task.sleep(for: duration)
                bench.server.thaw()
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }

    private static let dropConnections = [
        ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"], ["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"],
    ]

    // MARK: The process

    static let process: [FaultScenario] = [
        FaultScenario(id: "F1", name: "killed (kill -9) for 300 ms, restarted empty", losesRecord: true) { bench in
            try await bench.repeatedly(5) {
                await bench.server.kill()
                try await Task.sleep(for: .milliseconds(300))
                try await bench.server.restart(.nothing)
                try await Task.sleep(for: .milliseconds(300))
            }
        }.inEveryRun,
        FaultScenario(id: "F1", name: "killed (kill -9) for 10 s, restarted empty", losesRecord: true) { bench in
            await bench.server.kill()
            try await bench.last(.seconds(10))
            try await bench.server.restart(.nothing)
            return 1
        },
        Self.frozen(.seconds(1), times: 3).inEveryRun,
        Self.frozen(.seconds(10), times: 1),
        FaultScenario(
            id: "F3", name: "saved, killed, restarted with its snapshot", losesRecord: true, bringsBackLeases: true
        ) { bench in
            try await bench.repeatedly(5) {
                try await bench.server.restart(.saved)
                try await Task.sleep(for: .milliseconds(300))
            }
        },
        FaultScenario(
            id: "F3", name: "restarted, LOADING each key for 5 ms", losesRecord: true, bringsBackLeases: true
        ) { bench in
            try await bench.repeatedly(2) {
                try await bench.server.restart(.saved, loadingEachKeyIn: .milliseconds(5), until: .answering)
                try await bench.server.waitUntil(.serving)
                try await Task.sleep(for: .milliseconds(300))
            }
        },
    ]

    // MARK: Commands

    static let commands: [FaultScenario] = [
        Self.repeated("F5", "CLIENT PAUSE 1 s", times: 3, every: .milliseconds(1_300), [["CLIENT", "PAUSE", "1000"]]),
        FaultScenario(id: "F5", name: "DEBUG SLEEP 1 s", options: .init(allowsDebug: true)) { bench in
            try await bench.repeatedly(3) {
                try await bench.server.cli("DEBUG", "SLEEP", "1")
                try await Task.sleep(for: .milliseconds(300))
            }
        },
        Self.lasting(
            "F7", "OOM: full, noeviction", .init(configuration: ["maxmemory-policy noeviction"]),
            from: [["CONFIG", "SET", "maxmemory", "1"]], to: [["CONFIG", "SET", "maxmemory", "0"]]
        ).inEveryRun,
        FaultScenario(
            id: "F7", name: "full, allkeys-lru thrashing",
            options: .init(configuration: ["maxmemory-policy allkeys-lru"]),
            losesRecord: true
        ) { bench in
            let used = try await bench.server.info("used_memory").flatMap { Int($0) } ?? 0
            let before = try await bench.server.info("evicted_keys").flatMap { Int($0) } ?? 0
            try await bench.server.cli("CONFIG", "SET", "maxmemory", "\(used + 50_000)")
            try await bench.last(.seconds(2))
            try await bench.server.cli("CONFIG", "SET", "maxmemory", "0")
            return (try await bench.server.info("evicted_keys").flatMap { Int($0) } ?? 0) - before
        },
        Self.lasting(
            "F8", "READONLY: demoted to a replica", losesRecord: true, from: [["REPLICAOF", "127.0.0.1", "1"]],
            to: [["REPLICAOF", "NO", "ONE"]]
        ).inEveryRun,
        FaultScenario(
            id: "F8", name: "failover to a replica, and back", isProxied: true, losesRecord: true,
            bringsBackLeases: true, strike: Self.failOver
        ),
        Self.lasting(
            "F8", "NOREPLICAS", from: [["CONFIG", "SET", "min-replicas-to-write", "1"]],
            to: [["CONFIG", "SET", "min-replicas-to-write", "0"]]),
        FaultScenario(id: "F9", name: "MISCONF: snapshots fail") { bench in
            try await bench.server.breakSnapshots()
            try await bench.last(.seconds(2))
            try await bench.server.repairSnapshots()
            return 1
        },
        FaultScenario(
            id: "F9", name: "BUSY: a script for 500 ms", options: .init(configuration: ["lua-time-limit 20"])
        ) { bench in
            try await bench.repeatedly(5) {
                let other = try await bench.server.connect()
                async let reply = other.command(["EVAL", "while true do end", "0"])
                try await Task.sleep(for: .milliseconds(500))
                try await bench.server.cli("SCRIPT", "KILL")
                _ = try await reply
                await other.close()
                try await Task.sleep(for: .milliseconds(300))
            }
        },
        Self.lasting(
            "F9", "no more clients are taken", from: [["CONFIG", "SET", "maxclients", "1"]] + Self.dropConnections,
            to: [["CONFIG", "SET", "maxclients", "10000"]]
        ).inEveryRun,
        FaultScenario(id: "F9", name: "WRONGTYPE at entries and leases") { bench in
            var next = 0
            return try await bench.repeatedly(1_000) {
                next = max(next, bench.nextNumber) + 1
                try await bench.server.cli(
                    "EVAL", "redis.call('del', KEYS[1]) redis.call('rpush', KEYS[1], 'x')", "1",
                    FaultBench.name(next, next % 2 == 0 ? "v" : "l"))
                try await Task.sleep(for: .milliseconds(1))
            }
        }.inEveryRun,
        Self.lasting(
            "F10", "the password is another (NOAUTH)",
            from: [["CONFIG", "SET", "requirepass", "other"]] + Self.dropConnections,
            to: [["CONFIG", "SET", "requirepass", ""], ["ACL", "SETUSER", "default", "nopass"]]),
        Self.lasting(
            "F10", "NOPERM for every key", from: [["ACL", "SETUSER", "default", "resetkeys", "~other:*"]],
            to: [["ACL", "SETUSER", "default", "allkeys"]]
        ).inEveryRun,
        Self.repeated(
            "F10", "CLIENT KILL of all, 10 times a second", times: 50, every: .milliseconds(100), Self.dropConnections
        ).inEveryRun,
        Self.repeated(
            "F16", "CLIENT KILL of the listening connections", times: 20, every: .milliseconds(100),
            [["CLIENT", "KILL", "TYPE", "pubsub"]]),
        Self.repeated("F17", "FLUSHALL", times: 20, every: .milliseconds(100), losesRecord: true, [["FLUSHALL"]])
            .inEveryRun,
        Self.repeated(
            "F17", "FLUSHDB ASYNC", times: 20, every: .milliseconds(100), losesRecord: true, [["FLUSHDB", "ASYNC"]]),
        Self.repeated(
            "F17", "all entries expire at once", times: 20, every: .milliseconds(100),
            [
                [
                    "EVAL",
                    "for _, k in ipairs(redis.call('keys', 'refrain:*:v')) do redis.call('pexpire', k, 1) end", "0",
                ]
            ]),
    ]

    /// Clients connect, to the kernel, and are not accepted.
    private static let exhausted = FaultScenario(id: "F9", name: "no more file descriptors (EMFILE)") { bench in
        let limit = try await bench.server.limitDescriptors(to: "1")
        try await bench.server.run(Self.dropConnections)
        try await bench.last(.seconds(2))
        try await bench.server.limitDescriptors(to: limit)
        return 1
    }

    /// Promotes a replica, moves the address there, and makes a replica of what it was at before; an even number of times,
    /// so that it is at the bench's own server in the end.
    private static func failOver(_ bench: FaultBench) async throws -> Int {
        let options = RedisServer.Options(configuration: ["replicaof 127.0.0.1 \(bench.server.port)"])
        return try await withRedisServer(options) { replica in
            try await bench.repeatedly(3) {
                for (from, to) in [(bench.server, replica), (replica, bench.server)] {
                    try await StoreFixture.until { try await to.info("master_link_status") == "up" }
                    try await to.cli("REPLICAOF", "NO", "ONE")
                    try await bench.proxy?.redirect(to: .port(to.port))
                    try await from.cli("REPLICAOF", "127.0.0.1", "\(to.port)")
                    try await Task.sleep(for: .milliseconds(300))
                }
            } * 2
        }
    }

    // MARK: The way

    /// A fault of the proxy that lasts, and what it counts.
    private static func way(
        _ id: String, _ name: String, _ kinds: FaultProxy.Kind..., losesRecord: Bool = false,
        begin: @escaping @Sendable (FaultProxy) async throws -> Void
    ) -> FaultScenario {
        FaultScenario(id: id, name: name, isProxied: true, losesRecord: losesRecord) { bench in
            guard let proxy = bench.proxy else { return 0 }
            let before = try await proxy.tally
            try await begin(proxy)
            try await bench.last(.seconds(3))
            try await proxy.heal()
            let after = try await proxy.tally
            return kinds.map { after[$0] - before[$0] }.reduce(0, +)
        }
    }

    static let network: [FaultScenario] = [
        Self.way("F4", "black hole, both ways", .lost) { try await $0.set(.blackhole(.losing)) },
        Self.way("F4", "black hole, replies only", .lost) { try await $0.set(.blackhole(.losing), .toClient) }
            .inEveryRun,
        FaultScenario(id: "F4", name: "half-open, then all that was held flows", isProxied: true) { bench in
            try await bench.repeatedly(3) {
                try await bench.proxy?.set(.blackhole(.holding), .toClient)
                try await Task.sleep(for: .seconds(1))
                try await bench.proxy?.heal()
                try await Task.sleep(for: .milliseconds(300))
            }
        },
        Self.way("F4", "connections refused and cut", .reset) { proxy in
            try await proxy.refuseConnections()
            try await proxy.end(.reset)
        }.inEveryRun,
        Self.way("F5", "each piece 20 ms later", .delayed) { try await $0.set(.delay(.milliseconds(20))) },
        Self.way("F5", "each piece 120 ms later", .delayed) { try await $0.set(.delay(.milliseconds(120))) }.inEveryRun,
        Self.way("F5", "each piece 500 ms later", .delayed) { try await $0.set(.delay(.milliseconds(500))) },
        Self.way("F5", "each piece 2 s later", .delayed) { try await $0.set(.delay(.seconds(2))) },
        Self.way("F5", "10 KB/s", .limited) { try await $0.set(.bandwidth(bytesPerSecond: 10_000)) },
        Self.way("F5", "a byte each 50 ms", .dripped) {
            try await $0.set(.drip(bytes: 1, every: .milliseconds(50)), .toClient)
        },
        Self.way("F5", "a byte each 200 ms", .dripped) {
            try await $0.set(.drip(bytes: 1, every: .milliseconds(200)), .toClient)
        },
        Self.way("F6", "slices of 1 to 7 bytes", .sliced) { try await $0.set(.slice(1...7)) }.inEveryRun,
        Self.way("F6", "reset after 500 bytes", .reset) {
            try await $0.end(.reset, after: 500, .toClient, times: 1_000)
        }.inEveryRun,
        Self.way("F6", "ended (FIN) after 500 bytes", .finished) {
            try await $0.end(.finish, after: 500, .toClient, times: 1_000)
        },
    ]

    // MARK: Replies

    static let replies: [FaultScenario] = [
        Self.way("F12", "swallowed replies", .swallowed) { try await $0.arm(.swallow, next: 500) }.inEveryRun,
        Self.way("F12", "duplicated replies", .duplicated) { try await $0.arm(.duplicate, next: 500) }.inEveryRun,
        Self.way("F12", "two replies swapped", .swapped) { try await $0.arm(.swap, next: 500) }.inEveryRun,
        Self.way("F12", "a bit flipped in 1 reply of 5", .flipped, losesRecord: true) {
            try await $0.arm(.flip(probability: 0.2), next: 5_000)
        }.inEveryRun,
        Self.way("F12", "a bit flipped in every value", .flipped) {
            try await $0.arm(.flipPayload(atLeast: 64, probability: 1), next: 100_000)
        },
        Self.way("F12", "HTTP on the port", .injected) {
            try await $0.arm(.inject("HTTP/1.1 400 Bad Request\r\n\r\n"), next: 500)
        },
        Self.way("F12", "RESP3 pushed in between", .injected) {
            try await $0.arm(.inject(">2\r\n+a\r\n+b\r\n"), next: 500)
        }.inEveryRun,
        Self.way("F11", "a length of 512 MB", .injected) {
            try await $0.arm(.inject("$536870912\r\n"), next: 500)
        },
        Self.way("F12", "a length of 9 * 10^18", .injected) {
            try await $0.arm(.inject("$9223372036854775807\r\n"), next: 500)
        },
        Self.way("F12", "an array of 2^31 - 1", .injected) { try await $0.arm(.inject("*2147483647\r\n"), next: 500) },
    ]

    // MARK: Callers

    static let callers: [FaultScenario] = [
        FaultScenario(id: "F13", name: "requests cancelled after 0 to 5 ms") { bench in
            try await bench.repeatedly(4_000) {
                let number = bench.nextNumber
                let request = Task { await bench.ask(number, Int.random(in: 0..<bench.caches.count)) }
                try await Task.sleep(for: .microseconds(Int.random(in: 0...5_000)))
                request.cancel()
            }
        }.inEveryRun
    ]
}

extension RedisServer {
    /// Runs commands one after the other.
    func run(_ commands: [[String]]) async throws {
        for command in commands { try await self.call(command.map { Array($0.utf8) }) }
    }
}
