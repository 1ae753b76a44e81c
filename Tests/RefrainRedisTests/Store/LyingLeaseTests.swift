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
            if peer.answersRecord(command) { return }
            switch command.first {
            case "SET":
                token.withLock { $0 = command[2] }
                peer.bulk(Array(command[2].utf8))
            case "GETRANGE" where command[1].hasSuffix(":l"): peer.write("+OK\r\n")
            case "EVAL":
                returned.withLock { $0 = command.last }
                peer.write(":1\r\n")
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await StoreFixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            // Nobody would end a lease whose holder took it for another's: all would wait for its time.
            await #expect {
                try await store.lease(StoreFixture.key)
            } throws: {
                ($0 as? StoreError)?.code == .corrupt
            }
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

    enum Replies: CaseIterable {
        case own
        /// `OK`, and then another's token: it was given, taken away and given to another, or a reply is another asker's.
        case anothers
        /// `OK`, and then nothing: given and evicted, or flushed.
        case gone
        /// An error that belongs to another command stands in front of one's own replies.
        case slipped
    }

    @Test(arguments: Replies.allCases)
    func onlyWhoeverFindsTheirTokenHoldsTheLease(replies: Replies) async throws {
        let token = Locked("")
        let returned = Locked<String?>(nil)
        let server = try await ScriptedRedis.start { peer, command in
            if peer.answersRecord(command) { return }
            switch command[0] {
            case "SET":
                token.withLock { $0 = command[2] }
                if replies == .slipped { peer.write("-ERR of another command\r\n") }
                peer.write("+OK\r\n")
            case "GETRANGE" where command[1].hasSuffix(":l"):
                switch replies {
                case .own, .slipped: peer.bulk(Array(token.withLock { $0 }.utf8))
                case .anothers: peer.bulk(Array("another's".utf8))
                case .gone: peer.write("$0\r\n\r\n")
                }
            case "EVAL":
                returned.withLock { $0 = command.last }
                peer.write(":1\r\n")
            case "PING": peer.bulk(Array(command[1].utf8))
            default: peer.write("$0\r\n\r\n")
            }
        }
        try await StoreFixture.withStore("redis://127.0.0.1:\(server.port)") { store in
            switch replies {
            case .own:
                let answer = try await store.lease(StoreFixture.key)
                #expect(answer.holder == .asker(UpstreamLease(key: StoreFixture.key, token: token.withLock { $0 })))
                #expect(returned.withLock { $0 } == nil)
            case .anothers, .gone:
                // Nobody is waited for, and no call is put off.
                #expect(try await store.lease(StoreFixture.key).holder == .everybody)
            case .slipped:
                await #expect(throws: StoreError.self) { _ = try await store.lease(StoreFixture.key) }
            }
            if replies != .own {
                try await StoreFixture.until { returned.withLock { $0 } != nil }
                #expect(returned.withLock { $0 } == token.withLock { $0 })
            }
            // This server's replies are in their places but for the one that has slipped, which is found out by itself.
            store.client.checkSteps()
            try await StoreFixture.until { !store.client.isCheckingSteps }
            if replies != .slipped { #expect(store.client.statistics.protocolErrors == 0) }
        }
        try await server.stop()
    }
}
