import NIOCore
import RefrainTesting
import Testing

@Suite struct ReplySplitterTests {
    @Test(arguments: [
        ["+OK\r\n"], ["-ERR no\r\n", ":12\r\n", ":-1\r\n"], ["$3\r\nabc\r\n", "$0\r\n\r\n", "$-1\r\n"],
        ["*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*0\r\n", "*-1\r\n", "+x\r\n"], ["$4\r\n\r\n\r\n\r\n", "*1\r\n*1\r\n*0\r\n"],
    ])
    func findsTheEnds(_ replies: [String]) {
        #expect(Self.split(replies.joined(), inPiecesOf: { .max }) == replies)
        #expect(Self.split(replies.joined(), inPiecesOf: { 1 }) == replies)
    }

    @Test func findsTheEndsOfRandomRepliesInRandomPieces() {
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed))
            let replies = (0..<20).map { _ in Self.reply(depth: 3, &random) }
            #expect(
                Self.split(replies.joined(), inPiecesOf: { Int.random(in: 1...9, using: &random) }) == replies,
                "seed \(seed)")
        }
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\n", ">2\r\n", "$x\r\n", "*99999999999999999999\r\n", "\u{16}\u{3}"])
    func knowsWhatIsNoReply(_ text: String) {
        var splitter = ReplySplitter()
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { splitter.consume($0) } == .foreign)
        #expect(splitter.isForeign)
    }

    @Test func findsPayloads() {
        let reply = "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n$-1\r\n$2\r\n\r\n\r\n"
        let bytes = Array(reply.utf8)
        #expect(ReplySplitter.payloads(of: bytes).map { Array(bytes[$0]) } == [Array("abc".utf8), [13, 10]])
        #expect(ReplySplitter.payloads(of: Array("+OK\r\n".utf8)).isEmpty)
    }

    @Test func theReaderOfRepliesAgrees() throws {
        for seed in 0..<200 {
            var random = SeededGenerator(seed: UInt64(seed))
            let replies = (0..<5).map { _ in Self.reply(depth: 3, &random) }
            var buffer = ByteBuffer(string: replies.joined())
            for reply in replies {
                let before = buffer.readableBytes
                #expect(try WireReply.take(from: &buffer) != nil)
                #expect(before - buffer.readableBytes == reply.utf8.count)
            }
            var half = ByteBuffer(string: String(replies[0].dropLast()))
            #expect(try WireReply.take(from: &half) == nil)
        }
    }

    private static func split(_ text: String, inPiecesOf size: () -> Int) -> [String] {
        var splitter = ReplySplitter()
        var replies: [String] = []
        var current: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            var piece = rest.prefix(size())
            rest = rest.dropFirst(piece.count)
            while !piece.isEmpty {
                switch piece.withUnsafeBytes({ splitter.consume($0) }) {
                case .end(let length):
                    #expect(!splitter.isInReply)
                    replies.append(String(decoding: current + piece.prefix(length), as: UTF8.self))
                    current = []
                    piece = piece.dropFirst(length)
                case .unfinished:
                    #expect(splitter.isInReply)
                    current += piece
                    piece = []
                case .foreign: return ["foreign"]
                }
            }
        }
        return replies
    }

    /// A random reply, ends of lines within it included.
    private static func reply(depth: Int, _ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
        case 0: return "+OK\r\n"
        case 1: return "-ERR some text\r\n"
        case 2: return ":\(Int.random(in: -1_000...1_000, using: &random))\r\n"
        case 3: return ["$-1\r\n", "*-1\r\n", "*0\r\n"].randomElement(using: &random) ?? ""
        case 4:
            let payload = (0..<Int.random(in: 0..<30, using: &random))
                .map { _ in ["a", "\r\n", "$5", "*", "+"].randomElement(using: &random) ?? "" }.joined()
            return "$\(payload.utf8.count)\r\n\(payload)\r\n"
        default:
            let count = Int.random(in: 0...4, using: &random)
            return "*\(count)\r\n" + (0..<count).map { _ in Self.reply(depth: depth - 1, &random) }.joined()
        }
    }
}
