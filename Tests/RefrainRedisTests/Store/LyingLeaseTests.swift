import RefrainCore
import RefrainKeys
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
}
