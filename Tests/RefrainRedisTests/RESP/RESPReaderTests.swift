import NIOCore
import RefrainKeys
import RefrainTesting
import Testing

@testable import RefrainRedis

@Suite struct RESPReaderTests {
    /// What the reader makes of bytes in chunks: the replies before it refuses them, and why it does.
    private static func read(
        _ chunks: [[UInt8]], limits: RESPLimits = RESPLimits()
    ) -> (replies: [RESPValue], error: RESPError.Code?) {
        let reader = RESPReader(limits: limits)
        var replies: [RESPValue] = []
        do throws(RESPError) {
            for chunk in chunks {
                try reader.feed(chunk)
                while let reply = try reader.next() { replies.append(reply) }
            }
        } catch {
            return (replies, error.code)
        }
        return (replies, nil)
    }

    private static let samples: [(text: String, value: RESPValue)] = [
        ("+OK\r\n", .simple("OK")),
        ("+\r\n", .simple("")),
        ("-WRONGTYPE no\r\n", .error("WRONGTYPE no")),
        (":0\r\n", .integer(0)),
        (":-12\r\n", .integer(-12)),
        (":9223372036854775807\r\n", .integer(.max)),
        ("$0\r\n\r\n", .bulk([])),
        ("$3\r\na\r\n\r\n", .bulk([0x61, 0x0D, 0x0A])),
        ("$-1\r\n", .bulk(nil)),
        ("*-1\r\n", .array(nil)),
        ("*0\r\n", .array([])),
        (
            "*3\r\n:1\r\n$1\r\nx\r\n*2\r\n+a\r\n*0\r\n",
            .array([.integer(1), .bulk([0x78]), .array([.simple("a"), .array([])])])
        ),
        ("*2\r\n*1\r\n*1\r\n$-1\r\n*-1\r\n", .array([.array([.array([.bulk(nil)])]), .array(nil)])),
    ]

    @Test func readsEveryKindWhereverItIsCut() {
        let stream = Self.samples.flatMap { Array($0.text.utf8) }
        let values = Self.samples.map(\.value)
        for cut in 0...stream.count {
            let (replies, error) = Self.read([Array(stream[..<cut]), Array(stream[cut...])])
            #expect(replies == values && error == nil, "cut at \(cut)")
        }
        var random = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            var chunks: [[UInt8]] = []
            var at = 0
            while at < stream.count {
                let end = min(stream.count, at + Int.random(in: 1...7, using: &random))
                chunks.append(Array(stream[at..<end]))
                at = end
            }
            #expect(Self.read(chunks).replies == values)
        }
    }

    @Test(arguments: [
        "$3\r\nabcXY:1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", ">2\r\n+a\r\n+b\r\n", "%1\r\n+a\r\n+b\r\n", "_\r\n",
        "#t\r\n", ",1.5\r\n", "(1\r\n", "~1\r\n:1\r\n", "=5\r\ntxt:a\r\n", ":12abc\r\n", ":\r\n", "*1x\r\n:1\r\n",
        "$3x\r\nabc\r\n", "$-2\r\n", "*-2\r\n", "\r\n",
    ])
    func refusesWhatIsNoReply(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(Self.read([bytes]).error != nil)
        #expect(Self.read(bytes.map { [$0] }).error != nil, "in single bytes")
    }

    @Test func refusesWhatWouldBeTooLargeBeforeItIsThere() {
        let limits = RESPLimits(
            maximumReplyBytes: 100_000, maximumElements: 100, maximumDepth: 3, maximumLineBytes: 1_000)
        let lies: [(String, RESPError.Code)] = [
            ("$100001\r\n", .tooLarge), ("$9223372036854775807\r\n", .tooLarge),
            ("$4611686018427387904\r\n", .tooLarge),
            ("*101\r\n", .tooManyElements), ("*2147483647\r\n", .tooManyElements),
            ("*2\r\n*99\r\n", .tooManyElements), ("*1\r\n*1\r\n*1\r\n*1\r\n", .tooDeep),
            ("*2\r\n$60000\r\n" + String(repeating: "x", count: 60_000) + "\r\n$60000\r\n", .tooLarge),
            ("+" + String(repeating: "x", count: 2_000), .tooLarge),
            ("$" + String(repeating: "1", count: 2_000), .tooLarge),
        ]
        for (text, code) in lies {
            #expect(Self.read([Array(text.utf8)], limits: limits).error == code, "\(text.prefix(30))")
        }
        let many = Self.read(
            Array(repeating: Array(("$50000\r\n" + String(repeating: "x", count: 50_000) + "\r\n").utf8), count: 5),
            limits: limits)
        #expect(many.replies.count == 5 && many.error == nil, "the limit is each reply's")
    }

    @Test func anErrorStays() {
        let reader = RESPReader()
        Array("?".utf8).withUnsafeBytes { bytes in
            #expect(throws: RESPError.self) {
                try reader.feed(bytes)
                _ = try reader.next()
            }
            #expect(throws: RESPError.self) { try reader.feed(bytes) }
        }
        #expect(throws: RESPError.self) { _ = try reader.next() }
    }

    /// A large value in many chunks takes time linear in its size: each chunk is looked at once.
    @Test func takesALargeValueInSmallChunks() {
        let size = 16 << 20
        let reader = RESPReader()
        let chunk = [UInt8](repeating: 0x78, count: 16_384)
        var value: RESPValue?
        do throws(RESPError) {
            try reader.feed(Array("$\(size)\r\n".utf8))
            for _ in 0..<size / chunk.count {
                try reader.feed(chunk)
                value = try reader.next()
            }
            try reader.feed([0x0D, 0x0A])
            value = try reader.next()
        } catch {
            Issue.record(error)
        }
        guard case .bulk(let bytes?) = value else {
            Issue.record("no value")
            return
        }
        #expect(bytes.count == size && reader.heldByteCount == 0)
    }

    @Test func survivesGarbageWhateverItsChunks() {
        var random = SeededGenerator(seed: 11)
        let stream = Self.samples.flatMap { Array($0.text.utf8) }
        for _ in 0..<3_000 {
            var bytes = stream
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default:
                    bytes.insert(contentsOf: Array("$*:+-\r\n0129".utf8).shuffled(using: &random).prefix(2), at: at)
                }
            }
            let whole = Self.read([bytes])
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let parts = Self.read([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(whole.replies == parts.replies)
            #expect((whole.error == nil) == (parts.error == nil))
        }
    }

    @Test func commandsAreWrittenAsArraysOfBulkStrings() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let arguments = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            }
            var buffer = ByteBuffer()
            RESPCommand(arguments.map { .bytes($0) }).write(into: &buffer)
            // A command reads as an array of bulk strings.
            #expect(Self.read([Array(buffer.readableBytesView)]).replies == [.array(arguments.map { .bulk($0) })])
        }
        var buffer = ByteBuffer()
        RESPCommand("SET", .text("kéy"), .integer(-5)).write(into: &buffer)
        #expect(String(buffer: buffer) == "*3\r\n$3\r\nSET\r\n$4\r\nkéy\r\n$2\r\n-5\r\n")
    }
}
