import RefrainCore
import RefrainKeys
import Synchronization
import Testing

@testable import RefrainRedis

/// A server whose replies to a request for a lease are not in their places.
@Suite(.timeLimit(.minutes(1))) struct LyingLeaseTests {
    @Test func aLeaseThatMayHaveBeenGivenIsNotWaitedForAndIsGivenBack() async throws {
        let token = Locked("")
        let returned = Locked<String?>(nil)
        let server = try await ScriptedRedis.start { peer, command in
            switch command.first {
            case "SET":
                token.withLock { $0 = command[2] }
                peer.bulk(Array(command[2].utf8))
            case "GET": peer.write("+OK\r\n")
            case "EVAL":
                returned.withLock { $0 = command.last }
                peer.write(":1\r\n")
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await StoreFixture.withStore("redis://127.0.0.1:\(server.port)", isReachable: false) { store in
            // Nobody would end a lease whose holder took it for another's: all would wait for its time.
            await #expect(throws: StoreError.self) { try await store.lease(StoreFixture.key) }
            try await StoreFixture.until { returned.withLock { $0 } != nil }
            #expect(returned.withLock { $0 } == token.withLock { $0 })
        }
        try await server.stop()
    }

    /// Redis 6.2 reports what a script ran into as a plain `ERR`; that is no refusal of scripts.
    @Test(
        arguments: [
            ("-ERR Error running script (call to f_6b1b): @user_script:2: -READONLY You can't write against it.", true),
            ("-OOM command not allowed when used memory > 'maxmemory'.", true),
            ("-ERR unknown command `EVAL`, with args beginning with: `if redis`", false),
            ("-NOPERM this user has no permissions to run the 'eval' command", false),
        ])
    func scriptsAreGivenUpOnlyWhereTheyAreRefused(reply: String, goesOn: Bool) async throws {
        let server = try await ScriptedRedis.start { peer, command in
            switch command.first {
            case "EVAL": peer.write("\(reply)\r\n")
            case "PUBLISH": peer.write(":0\r\n")
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await StoreFixture.withStore("redis://127.0.0.1:\(server.port)", isReachable: false) { store in
            // Whether it succeeds is not the question here.
            _ = try? await store.renew(UpstreamLease(key: StoreFixture.key, token: "t"))
            let runsScripts = store.runsScripts.load(ordering: .relaxed)
            #expect(runsScripts == goesOn)
        }
        try await server.stop()
    }

    /// Another asker's replies, in the place of one's own.
    @Test func anotherAskersLeaseIsNotTakenForOnesOwn() async throws {
        let server = try await ScriptedRedis.start { peer, command in
            switch command.first {
            case "SET": peer.write("+OK\r\n")
            case "GET": peer.bulk(Array("another's".utf8))
            case "EVAL": peer.write(":0\r\n")
            case "PING": peer.bulk(Array((command.last ?? "").utf8))
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await StoreFixture.withStore("redis://127.0.0.1:\(server.port)", isReachable: false) { store in
            await #expect(throws: StoreError.self) { _ = try await store.lease(StoreFixture.key) }
            #expect(store.client.statistics.protocolErrors == 0, "this server is in step, it only lies")
        }
        try await server.stop()
    }
}
