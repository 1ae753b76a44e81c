import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct FaultProxyFlowTests {
    @Test func passesBothWaysAndEnds() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.client.send("PING")
            #expect(try await pair.server.text(4) == "PING")
            try await pair.server.send("+PONG\r\n")
            #expect(try await pair.client.reply() == .simple("PONG"))
            await pair.client.close()
            #expect(try await pair.server.end() == .finished)
            let tally = try await pair.proxy.tally
            #expect(tally.accepted == 1 && tally.open == 0 && tally.replies == 1)
            #expect(tally.bytes == [.toServer: 4, .toClient: 7])
        }
    }

    @Test func passesOnResetsAndHalfClosing() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.server.reset()
            #expect(try await pair.client.end() == .reset)
            let other = try await pair.another()
            try await other.client.reset()
            #expect(try await other.server.end() == .reset)
            try await pair.proxy.until { $0.open == 0 }
        }
    }

    @Test func passesMuchThatIsReadLate() async throws {
        try await ProxiedConnection.with { pair in
            let sent = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try await pair.server.setReading(false)
            async let sending: Void = pair.client.send(sent)
            // More than the proxy and the kernel hold passes only when it is read.
            try await pair.proxy.until { $0.bytes[.toServer, default: 0] > 1 << 16 }
            try await pair.server.setReading(true)
            #expect(try await pair.server.bytes(sent.count) == sent)
            try await sending
        }
    }

    @Test func aServerThatIsNotThereResets() async throws {
        try await withFaultProxy(to: try FreePorts.next()) { proxy in
            // The reset may come before the client knows that it is connected.
            let client = try? await WireConnection.connect(port: proxy.port)
            if let client { #expect(try await client.end() == .reset) }
            try await proxy.until { $0.accepted == 1 && $0.open == 0 }
        }
    }

    @Test func delaysInOrder() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.delay(.milliseconds(50)), .toClient)
            let begin = ContinuousClock.now
            for number in 0..<10 { try await pair.server.send(":\(number)\r\n") }
            for number in 0..<10 { #expect(try await pair.client.reply() == .integer(number)) }
            #expect(ContinuousClock.now - begin >= .milliseconds(50))
            #expect(try await pair.proxy.tally[.delayed] > 0)
            // What waits is not overtaken when the flow changes.
            try await pair.proxy.set(.delay(.seconds(1_000)))
            try await pair.server.send("+late\r\n")
            try await pair.client.send("late")
            try await pair.proxy.heal()
            try await pair.server.send("+later\r\n")
            #expect(try await pair.client.reply() == .simple("late"))
            #expect(try await pair.client.reply() == .simple("later"))
            #expect(try await pair.server.text(4) == "late")
        }
    }

    @Test func drips() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.drip(bytes: 2, every: .milliseconds(10)), .toClient)
            let begin = ContinuousClock.now
            try await pair.server.send("+01234567\r\n")
            #expect(try await pair.client.reply() == .simple("01234567"))
            // Six portions: five pauses.
            #expect(ContinuousClock.now - begin >= .milliseconds(50))
            #expect(try await pair.proxy.tally[.dripped] == 6)
        }
    }

    @Test func limitsTheBandwidth() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.bandwidth(bytesPerSecond: 10_000), .toServer)
            let begin = ContinuousClock.now
            try await pair.client.send([UInt8](repeating: 7, count: 1_000))
            #expect(try await pair.server.bytes(1_000).count == 1_000)
            #expect(ContinuousClock.now - begin >= .milliseconds(90))
            #expect(try await pair.proxy.tally[.limited] == 20)
        }
    }

    @Test func slicesAsTheSeedSays() async throws {
        let sent = (0..<2_000).map { UInt8(truncatingIfNeeded: $0) }
        var counts: [Int] = []
        for seed: UInt64 in [5, 5, 6] {
            try await ProxiedConnection.with(seed: seed) { pair in
                try await pair.proxy.set(.slice(1...7), .toClient)
                // It is one piece for the proxy only if it comes as one.
                try await pair.proxy.set(.blackhole(.holding), .toClient)
                try await pair.server.send(sent)
                try await pair.proxy.set(.slice(1...7), .toClient)
                #expect(try await pair.client.bytes(sent.count) == sent)
                counts.append(try await pair.proxy.tally[.sliced])
                #expect(try await pair.client.pieces.count > 1)
            }
        }
        #expect(counts[0] == counts[1])
        #expect(counts.allSatisfy { $0 > sent.count / 7 })
    }

    @Test func aBlackholeHoldsOrLoses() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.blackhole(.losing), .toServer)
            try await pair.client.send("lost")
            try await pair.proxy.until { $0[.lost] > 0 }
            try await pair.proxy.set(.blackhole(.holding), .toServer)
            try await pair.client.send("held")
            // The other direction is not concerned.
            try await pair.server.send("+here\r\n")
            #expect(try await pair.client.reply() == .simple("here"))
            #expect(try await pair.proxy.tally.bytes[.toServer] == nil)
            try await pair.proxy.heal()
            #expect(try await pair.server.text(4) == "held")
        }
    }

    @Test func aBlackholeHidesTheEnd() async throws {
        try await ProxiedConnection.with { pair in
            // The proxy's own connection must be up: one that is reset while it is being made counts as refused.
            try await pair.client.send("x")
            #expect(try await pair.server.text(1) == "x")
            try await pair.proxy.set(.blackhole(.holding), .toClient)
            try await pair.server.reset()
            await #expect(throws: WireConnection.TooLate.self) {
                try await pair.client.end(within: .milliseconds(100))
            }
            let other = try await pair.another()
            await other.server.close()
            #expect(other.client.isOpen)
            try await pair.proxy.heal()
            #expect(try await other.client.end() == .finished)
        }
    }

    @Test func oneConnectionHasAFlowOfItsOwn() async throws {
        try await ProxiedConnection.with { pair in
            let other = try await pair.another()
            let connections = try await pair.proxy.connections
            #expect(connections.map(\.id) == [1, 2])
            #expect(connections.map(\.clientPort) == [pair.client.localPort, other.client.localPort])
            #expect(Set(connections.map(\.portAtServer)).count == 2)
            try await pair.proxy.set(.blackhole(.holding), on: 2)
            try await other.server.send("+held\r\n")
            try await pair.server.send("+here\r\n")
            #expect(try await pair.client.reply() == .simple("here"))
            #expect(try await other.client.pieces.isEmpty)
            try await pair.proxy.set(.pass)
            #expect(try await other.client.reply() == .simple("held"))
        }
    }

    @Test func refusesConnections() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.refuseConnections()
            await #expect(throws: (any Error).self) { try await WireConnection.connect(port: pair.proxy.port) }
            // Those that are open stay.
            try await pair.client.send("PING")
            #expect(try await pair.server.text(4) == "PING")
            try await pair.proxy.acceptConnections()
            let other = try await pair.another()
            try await other.server.send("+OK\r\n")
            #expect(try await other.client.reply() == .simple("OK"))
        }
    }

    @Test func nothingIsLeftOfAStoppedProxy() async throws {
        let listener = try await WireListener.start()
        let proxy = try await FaultProxy.start(to: .port(listener.port))
        let client = try await WireConnection.connect(port: proxy.port)
        let server = try await listener.accept()
        let waiting = Task { try await proxy.until { $0[.flipped] > 0 } }
        try await proxy.stop()
        await #expect(throws: (any Error).self) { try await waiting.value }
        _ = try await client.end()
        _ = try await server.end()
        await #expect(throws: (any Error).self) { try await WireConnection.connect(port: proxy.port) }
    }
}
