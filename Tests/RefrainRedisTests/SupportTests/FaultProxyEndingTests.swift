import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct FaultProxyEndingTests {
    /// A reply of a little more than 64 KiB.
    private static let reply = Array("$65536\r\n".utf8) + (0..<65_536).map { UInt8(truncatingIfNeeded: $0) } + [13, 10]

    @Test(arguments: [0, 1, 8, 1_024, 65_537], [FaultProxy.Ending.reset, .finish])
    func endsInTheMiddleOfAReply(after bytes: Int, _ how: FaultProxy.Ending) async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.end(how, after: bytes)
            try await pair.server.send(Self.reply)
            #expect(try await pair.client.bytes(bytes) == Array(Self.reply.prefix(bytes)))
            // Not a byte more came before the end.
            await #expect(throws: WireConnection.Ended.self) { try await pair.client.bytes(1) }
            #expect(try await pair.client.end() == (how == .reset ? .reset : .finished))
            _ = try await pair.server.end()
            let tally = try await pair.proxy.tally
            #expect(tally[how == .reset ? .reset : .finished] == 1)
            #expect(tally.bytes[.toClient, default: 0] == bytes)
            // It was for one connection.
            let other = try await pair.another()
            try await other.server.send(Self.reply)
            #expect(try await other.client.reply() == .bulk(Array(Self.reply.dropFirst(8).dropLast(2))))
        }
    }

    @Test func countsFromNow() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.server.send("+before\r\n")
            #expect(try await pair.client.reply() == .simple("before"))
            try await pair.proxy.end(.reset, after: 3)
            try await pair.server.send("+after\r\n")
            #expect(try await pair.client.text(3) == "+af")
            #expect(try await pair.client.end() == .reset)
        }
    }

    @Test func endsInTheMiddleOfARequest() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.end(.finish, after: 4, .toServer)
            try await pair.client.send("*1\r\n$4\r\nPING\r\n")
            #expect(try await pair.server.text(4) == "*1\r\n")
            #expect(try await pair.server.end() == .finished)
            #expect(try await pair.client.end() == .finished)
        }
    }

    @Test func endsAsManyAsAskedFor() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.end(.reset, after: 0, times: 2)
            try await pair.server.send("+1\r\n")
            #expect(try await pair.client.end() == .reset)
            let second = try await pair.another()
            try await second.server.send("+2\r\n")
            #expect(try await second.client.end() == .reset)
            let third = try await pair.another()
            try await third.server.send("+3\r\n")
            #expect(try await third.client.reply() == .simple("3"))
            #expect(try await pair.proxy.tally[.reset] == 2)
        }
    }

    @Test func endsNow() async throws {
        try await ProxiedConnection.with { pair in
            let second = try await pair.another()
            try await pair.proxy.end(.reset, on: 2)
            #expect(try await second.client.end() == .reset)
            #expect(try await second.server.end() == .reset)
            #expect(pair.client.isOpen)
            try await pair.proxy.end(.finish)
            #expect(try await pair.client.end() == .finished)
            #expect(try await pair.server.end() == .finished)
            try await pair.proxy.until { $0.open == 0 }
        }
    }

    @Test func anEndThatDoesNotComeIsForgotten() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.end(.reset, after: 1_000)
            try await pair.server.send("+1\r\n")
            #expect(try await pair.client.reply() == .simple("1"))
            try await pair.proxy.heal()
            try await pair.server.send(Self.reply)
            #expect(try await pair.client.bytes(Self.reply.count) == Self.reply)
        }
    }

    @Test func endsInTheMiddleOfSlices() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.slice(1...7), .toClient)
            try await pair.proxy.end(.finish, after: 500)
            try await pair.server.send(Self.reply)
            #expect(try await pair.client.bytes(500) == Array(Self.reply.prefix(500)))
            #expect(try await pair.client.end() == .finished)
            #expect(try await pair.proxy.tally.bytes[.toClient] == 500)
        }
    }
}
