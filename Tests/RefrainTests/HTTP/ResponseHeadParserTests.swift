import RefrainCore
import Testing

@testable import Refrain

struct ResponseHeadParserTests {
    /// Feeds lines, and returns the head that came, if one did.
    private static func parse(_ lines: [String], maximumBytes: Int = 1_000) throws -> ResponseHead? {
        var parser = ResponseHeadParser(maximumBytes: maximumBytes)
        var head: ResponseHead?
        for line in lines {
            let found = try Array("\(line)\r\n".utf8).withUnsafeBytes { bytes in
                // A typed throw does not pass through this closure's rethrow on its own.
                Result { () throws(ResponseHeadParser.Malformed) in try parser.feed(bytes) }
            }.get()
            if let found { head = found }
        }
        return head
    }

    @Test func aHeadIsReadInOrder() throws {
        let head = try Self.parse(["HTTP/1.1 200 OK", "A: 1", "b:2", "A:\t3 ", "empty:", ""])
        #expect(head?.status == 200)
        #expect(
            head?.headers == [
                HTTPHeader("a", "1"), HTTPHeader("b", "2"), HTTPHeader("a", "3"), HTTPHeader("empty", ""),
            ])
    }

    @Test func interimResponsesArePassedBy() throws {
        let head = try Self.parse([
            "HTTP/1.1 100 Continue", "", "HTTP/1.1 103 Early Hints", "link: x", "", "HTTP/2 404", "a: 1", "",
        ])
        #expect(head == ResponseHead(status: 404, headers: [HTTPHeader("a", "1")]))
    }

    @Test func trailersAreDropped() throws {
        let head = try Self.parse(["HTTP/1.1 200 OK", "", "x-trailer: 1", "no colon", ""])
        #expect(head == ResponseHead(status: 200, headers: []))
    }

    @Test func foldedLinesAreJoined() throws {
        let head = try Self.parse(["HTTP/1.1 200 OK", "a: 1", "  2 ", "\t3", ""])
        #expect(head?.headers == [HTTPHeader("a", "1 2 3")])
    }

    @Test func bytesThatAreNotUTF8AreLatin1() throws {
        var parser = ResponseHeadParser(maximumBytes: 1_000)
        var head: ResponseHead?
        for line in [Array("HTTP/1.1 200 OK\r\n".utf8), [0x61, 0x3A, 0xE9, 0x0D, 0x0A], [0x0D, 0x0A]] {
            head = try line.withUnsafeBytes { bytes in
                Result { () throws(ResponseHeadParser.Malformed) in try parser.feed(bytes) }
            }.get()
        }
        #expect(head?.headers == [HTTPHeader("a", "é")])
    }

    @Test(arguments: [
        ["ICY 200 OK"], ["HTTP/1.1 20 OK"], ["HTTP/1.1 2000 OK"], ["HTTP/1.1"], ["HTTP/1.1 xyz"], ["HTTP/1.1 099 no"],
        ["HTTP/1.1 101 Switching Protocols"], ["HTTP/1.1 200 OK", "no colon"], ["HTTP/1.1 200 OK", ": no name"],
        ["HTTP/1.1 200 OK", "a b: 1"], ["HTTP/1.1 200 OK", " folded: from nothing"], ["HTTP/1.1 200 OK", "a: 1\u{0}2"],
        ["HTTP/1.1 200 OK", "a: 1\r2"],
    ])
    func whatIsNoHeadIsRefused(_ lines: [String]) {
        #expect(throws: ResponseHeadParser.Malformed.self) { try Self.parse(lines) }
    }

    @Test func aHeadIsBoundedWithItsInterimResponsesAndTrailers() throws {
        let line = "a: " + String(repeating: "x", count: 95)
        #expect(try Self.parse(["HTTP/1.1 200 OK", line, ""], maximumBytes: 119) != nil)
        #expect(throws: ResponseHeadParser.Malformed.self) {
            try Self.parse(["HTTP/1.1 200 OK", line, ""], maximumBytes: 118)
        }
        #expect(throws: ResponseHeadParser.Malformed.self) {
            try Self.parse(Array(repeating: ["HTTP/1.1 100 Continue", ""], count: 50).flatMap { $0 })
        }
        #expect(throws: ResponseHeadParser.Malformed.self) {
            try Self.parse(["HTTP/1.1 200 OK", ""] + Array(repeating: line, count: 20))
        }
    }
}
