import NIOCore
import Testing

/// A real server behind the proxy.
@Suite(.enabled(if: RedisServer.isAvailable, "needs redis-server"), .timeLimit(.minutes(1)))
struct FaultyRedisTests {
    @Test func aSwapIsADesync() async throws {
        try await withRedisServer { server in
            try await server.cli("MSET", "a", "value of a", "b", "value of b")
            try await withFaultProxy(to: server.port) { proxy in
                let client = try await WireConnection.connect(port: proxy.port)
                try await proxy.arm(.swap)
                #expect(
                    try await client.pipeline([["GET", "a"], ["GET", "b"]]).map(\.text) == ["value of b", "value of a"])
                try await proxy.arm(.swallow)
                try await client.send("*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
                #expect(try await client.command(["GET", "b"]).text == "value of b")
            }
        }
    }

    @Test func aKilledServerEndsInTheMiddleOfAPipeline() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                let client = try await WireConnection.connect(port: proxy.port)
                // What it has answered by then is all that arrives.
                try await proxy.set(.blackhole(.holding), .toServer)
                let replies = Task { try await client.pipeline([[String]](repeating: ["PING"], count: 100)) }
                await server.kill()
                try await proxy.set(.pass)
                await #expect(throws: WireConnection.Ended.self) { try await replies.value }
                try await server.restart()
                let again = try await WireConnection.connect(port: proxy.port)
                #expect(try await again.command(["PING"]) == .simple("PONG"))
            }
        }
    }

    @Test func theSubscribersConnectionAloneIsHalfOpen() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                let client = try await WireConnection.connect(port: proxy.port)
                let subscriber = try await WireConnection.connect(port: proxy.port)
                _ = try await subscriber.command(["SUBSCRIBE", "channel"])
                let port = try #require(try await server.clients(type: "pubsub").first?.port)
                let connection = try #require(try await proxy.connections.first { $0.portAtServer == port })
                try await proxy.set(.blackhole(.losing), on: connection.id)
                #expect(try await client.command(["PUBLISH", "channel", "text"]) == .integer(1))
                try await proxy.until { $0[.lost] > 0 }
                #expect(try await subscriber.pieces.count == 1)
            }
        }
    }

    @Test func carriesManySmallReplies() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.port) { proxy in
                let batches = 25
                let pongs = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            let client = try await WireConnection.connect(port: proxy.port)
                            var pongs = 0
                            for _ in 0..<batches {
                                pongs += try await client.pipeline([[String]](repeating: ["PING"], count: 500))
                                    .count { $0 == .simple("PONG") }
                            }
                            return pongs
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(pongs == 4 * batches * 500)
                #expect(try await proxy.tally.replies == 4 * batches * 500)
            }
        }
    }
}
