import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct FaultProxyReplyTests {
    private static let three = [":1\r\n", "*2\r\n$1\r\na\r\n*1\r\n:2\r\n", "$3\r\nabc\r\n"]

    /// Arms a fault, lets the server send replies, and checks what arrives.
    private func check(
        _ fault: FaultProxy.ReplyFault, next count: Int = 1, atLeast size: Int = 0, makesOfThem expected: String,
        counted kind: FaultProxy.Kind
    ) async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.arm(fault, next: count, atLeast: size)
            try await pair.server.send(Self.three.joined())
            #expect(try await pair.client.text(expected.utf8.count) == expected)
            #expect(try await pair.proxy.tally[kind] == count)
            // Nothing is left behind that would come later.
            try await pair.server.send("+end\r\n")
            #expect(try await pair.client.reply() == .simple("end"))
        }
    }

    @Test func swallows() async throws {
        try await self.check(.swallow, next: 2, makesOfThem: Self.three[2], counted: .swallowed)
    }

    @Test func duplicates() async throws {
        try await self.check(.duplicate, makesOfThem: Self.three[0] + Self.three.joined(), counted: .duplicated)
    }

    @Test func swaps() async throws {
        try await self.check(
            .swap, makesOfThem: Self.three[1] + Self.three[0] + Self.three[2], counted: .swapped)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n\r\n", ">2\r\n+a\r\n+b\r\n", "*2147483647\r\n", "$9223372036854775807\r\n",
    ])
    func injects(_ text: String) async throws {
        try await self.check(.inject(text), makesOfThem: text + Self.three.joined(), counted: .injected)
    }

    @Test func replaces() async throws {
        try await self.check(
            .replace("-LOADING wait\r\n"), makesOfThem: "-LOADING wait\r\n" + Self.three[1] + Self.three[2],
            counted: .replaced)
    }

    @Test func passesOverSmallReplies() async throws {
        try await self.check(
            .swallow, atLeast: 10, makesOfThem: Self.three[0] + Self.three[2], counted: .swallowed)
    }

    @Test(arguments: [0.0, 1.0])
    func flipsOneBit(_ probability: Double) async throws {
        try await ProxiedConnection.with { pair in
            let sent = Array("+aaaaaa\r\n+bbbbbb\r\n+cccccc\r\n".utf8)
            try await pair.proxy.arm(.flip(probability: probability), next: 3)
            try await pair.server.send(sent)
            let bits = zip(try await pair.client.bytes(27), sent).map { ($0 ^ $1).nonzeroBitCount }
            let expected = probability == 0 ? 0 : 1
            for reply in 0..<3 { #expect(bits[(reply * 9)..<(reply * 9 + 9)].reduce(0, +) == expected) }
            #expect(try await pair.proxy.tally[.flipped] == 3 * expected)
        }
    }

    @Test func flipsWithinPayloadsOnly() async throws {
        for seed: UInt64 in 0..<8 {
            try await ProxiedConnection.with(seed: seed) { pair in
                try await pair.proxy.arm(.flipPayload(atLeast: 8, probability: 1), next: .max)
                try await pair.server.send("+OK\r\n$4\r\nshrt\r\n*2\r\n$2\r\nab\r\n$8\r\n01234567\r\n")
                #expect(try await pair.client.reply() == .simple("OK"))
                #expect(try await pair.client.reply() == .bulk(Array("shrt".utf8)))
                guard case .array(let elements?) = try await pair.client.reply(), elements.count == 2,
                    case .bulk(let payload?) = elements[1]
                else {
                    Issue.record("the protocol was hurt")
                    return
                }
                #expect(elements[0] == .bulk(Array("ab".utf8)))
                #expect(payload != Array("01234567".utf8) && payload.count == 8)
                #expect(try await pair.proxy.tally[.flipped] == 1)
            }
        }
    }

    @Test func theSeedSaysWhatIsFlipped() async throws {
        var texts: [[UInt8]] = []
        for seed: UInt64 in [9, 9, 10, 11, 12] {
            try await ProxiedConnection.with(seed: seed) { pair in
                try await pair.proxy.arm(.flip(probability: 0.5), next: .max)
                try await pair.server.send(String(repeating: "+0123456789\r\n", count: 30))
                texts.append(try await pair.client.bytes(30 * 13))
                let flipped = try await pair.proxy.tally[.flipped]
                #expect(flipped > 0 && flipped < 30)
            }
        }
        #expect(texts[0] == texts[1])
        #expect(Set(texts).count == 4)
    }

    @Test func aReplyThatHasBegunIsNotConcerned() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.server.send("$6\r\nabc")
            #expect(try await pair.client.text(7) == "$6\r\nabc")
            try await pair.proxy.arm(.swallow)
            try await pair.proxy.injectNow(Array("+push\r\n".utf8))
            try await pair.server.send("def\r\n+swallowed\r\n+there\r\n")
            #expect(try await pair.client.text(5) == "def\r\n")
            #expect(try await pair.client.reply() == .simple("push"))
            #expect(try await pair.client.reply() == .simple("there"))
        }
    }

    @Test func injectsIntoAnIdleConnection() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.injectNow(Array(">1\r\n+push\r\n".utf8))
            #expect(try await pair.client.text(11) == ">1\r\n+push\r\n")
        }
    }

    @Test func concernsOneConnection() async throws {
        try await ProxiedConnection.with { pair in
            let second = try await pair.another()
            try await pair.proxy.arm(.replace("+other\r\n"), on: 2)
            try await pair.server.send("+own\r\n")
            #expect(try await pair.client.reply() == .simple("own"))
            try await second.server.send("+own\r\n")
            #expect(try await second.client.reply() == .simple("other"))
        }
    }

    @Test func whatIsHeldBackIsLetGo() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.arm(.swap)
            try await pair.server.send("+held\r\n")
            try await pair.server.send("$100\r\nbegun")
            // Both are with the proxy when its count of replies says so, and the rest is on its way.
            try await pair.proxy.until { $0.replies == 1 }
            try await pair.proxy.heal()
            #expect(try await pair.client.reply() == .simple("held"))
            #expect(try await pair.client.text(11) == "$100\r\nbegun")
            let second = try await pair.another()
            try await pair.proxy.arm(.swap)
            try await second.server.send("+last\r\n")
            await second.server.close()
            #expect(try await second.client.reply() == .simple("last"))
            #expect(try await second.client.end() == .finished)
        }
    }

    @Test func whatIsNoReplyPasses() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.arm(.swallow, next: .max)
            try await pair.server.send("+swallowed\r\nHTTP/1.1 200 OK\r\n")
            #expect(try await pair.client.text(17) == "HTTP/1.1 200 OK\r\n")
        }
    }

    @Test func faultsAddUp() async throws {
        try await ProxiedConnection.with { pair in
            try await pair.proxy.set(.slice(1...3), .toClient)
            try await pair.proxy.arm(.inject("+first\r\n"))
            try await pair.proxy.arm(.duplicate)
            try await pair.proxy.end(.reset, after: 20)
            try await pair.server.send(":1\r\n:2\r\n")
            #expect(try await pair.client.text(20) == "+first\r\n:1\r\n+first\r\n")
            #expect(try await pair.client.end() == .reset)
        }
    }
}
