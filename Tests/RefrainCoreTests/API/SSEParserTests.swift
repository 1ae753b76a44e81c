import RefrainCore
import RefrainTesting
import Testing

@Suite struct SSEParserTests {
    private func parsed(_ text: String) throws -> [ServerSentEvent] {
        var parser = SSEParser()
        return try parser.feed(Array(text.utf8))
    }

    @Test func readsEventsWithTheirRawBytes() throws {
        let events = try self.parsed("event: ping\ndata: {}\n\nevent:a\ndata:b\n\n")
        #expect(events.map(\.name) == ["ping", "a"])
        #expect(events.map { String(decoding: $0.data, as: UTF8.self) } == ["{}", "b"])
        #expect(
            events.map { String(decoding: $0.raw, as: UTF8.self) } == [
                "event: ping\ndata: {}\n\n", "event:a\ndata:b\n\n",
            ])
    }

    @Test(
        arguments: [
            ("event: a\r\ndata: b\r\n\r\n", "a", "b"),
            ("event: a\rdata: b\r\r", "a", "b"),
            ("event: a\r\ndata: b\n\r\n", "a", "b"),
            ("event: a\ndata: b\r\r\n", "a", "b"),
            ("\u{FEFF}event: a\ndata: b\n\n", "a", "b"),
            (": comment\nevent: a\n:\ndata: b\n\n", "a", "b"),
            ("event: a\nid: 7\nretry: 10\nwhatever: x\ndata: b\n\n", "a", "b"),
            ("event: x\nevent: a\ndata: b\n\n", "a", "b"),
            ("data: b\n\n", nil, "b"),
            ("data:  b \n\n", nil, " b "),
            ("data: b\ndata: c\ndata\ndata:d\n\n", nil, "b\nc\n\nd"),
            ("\n\n\r\n\rdata: b\n\n", nil, "b"),
            ("eventually: a\ndatabase: c\ndata: b\n\n", nil, "b"),
            ("event\ndata: b\n\n", "", "b"),
            (": keep-alive\n\n", nil, ""),
        ] as [(String, String?, String)])
    func followsTheStandard(_ stream: String, _ name: String?, _ data: String) throws {
        let events = try self.parsed(stream)
        #expect(events.count == 1)
        #expect(events.first?.name == name)
        #expect(events.first.map { String(decoding: $0.data, as: UTF8.self) } == data)
        #expect(events.first.map { String(decoding: $0.raw, as: UTF8.self) }?.utf8.elementsEqual(stream.utf8) == true)
    }

    private static let samples = [
        "\u{FEFF}: hi\nevent: a\ndata: 1\n\n:\n\nevent: b\ndata: 2\ndata: 3\n\n\n\ndata\n\n",
        "event: a\r\ndata: 1\r\n\r\n: x\r\n\r\nevent: b\r\ndata: é\r\n\r\n",
        "event: a\rdata: 1\r\rdata: 2\r\r\revent: b\rdata: 3\r\r",
        "event: a\r\ndata: 1\n\r\ndata: 2\r\n\r\r\n\n\ndata: 3\n\n",
    ]

    /// The events without their raw bytes: a line feed that ends a CRLF may arrive after the event that the carriage
    /// return ended, and then stands in the next event's.
    private func essence(_ events: [ServerSentEvent]) -> [String] {
        events.map { "\($0.name ?? "-")|\(String(decoding: $0.data, as: UTF8.self))" }
    }

    private func check(_ chunks: [ArraySlice<UInt8>], _ whole: [UInt8], _ expected: [ServerSentEvent]) throws {
        var parser = SSEParser()
        var events: [ServerSentEvent] = []
        for chunk in chunks { try parser.feed(Array(chunk), into: &events) }
        #expect(self.essence(events) == self.essence(expected))
        let raw = events.flatMap(\.raw)
        #expect(raw + whole.suffix(parser.pendingByteCount) == whole)
    }

    @Test(arguments: samples) func doesNotCareAboutChunks(_ sample: String) throws {
        let bytes = Array(sample.utf8)
        let expected = try self.parsed(sample)
        for split in 0...bytes.count { try self.check([bytes[..<split], bytes[split...]], bytes, expected) }
        for first in 0...bytes.count {
            for second in first...bytes.count {
                try self.check([bytes[..<first], bytes[first..<second], bytes[second...]], bytes, expected)
            }
        }
        try self.check(bytes.indices.map { bytes[$0...$0] }, bytes, expected)
    }

    @Test func doesNotCareAboutRandomChunks() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<300 {
            let sample = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Self.samples.randomElement(using: &random) ?? ""
            }.joined()
            let bytes = Array(sample.utf8)
            let expected = try self.parsed(sample)
            var chunks: [ArraySlice<UInt8>] = []
            var at = 0
            while at < bytes.count {
                let end = min(bytes.count, at + Int.random(in: 0...20, using: &random))
                chunks.append(bytes[at..<end])
                at = end
            }
            try self.check(chunks, bytes, expected)
        }
    }

    @Test func refusesAnEventOverTheLimit() throws {
        var parser = SSEParser(maximumEventBytes: 20)
        var events: [ServerSentEvent] = []
        let stream = Array("data: 1\n\ndata: 22222222222222222222222222\n\n".utf8)
        #expect { try parser.feed(stream, into: &events) } throws: { ($0 as? WireError)?.code == .eventTooLarge }
        #expect(self.essence(events) == ["-|1"])
        #expect(parser.pendingByteCount == 0)
        #expect(throws: WireError.self) { try parser.feed(Array("data: 1\n\n".utf8)) }
    }

    @Test func refusesAnEventThatGrowsOverTheLimitInPieces() {
        var parser = SSEParser(maximumEventBytes: 1000)
        var fed = 0
        var failed = false
        while !failed, fed < 5000 {
            do throws(WireError) {
                #expect(try parser.feed([0x61]).isEmpty)
                fed += 1
                #expect(parser.pendingByteCount <= 1000)
            } catch {
                failed = true
            }
        }
        #expect(fed == 1000)
        #expect(parser.finish() == nil)
    }

    @Test func blankLinesCountForTheLimit() {
        #expect(throws: WireError.self) {
            var parser = SSEParser(maximumEventBytes: 100)
            return try parser.feed([UInt8](repeating: 0x0A, count: 101))
        }
    }

    @Test(arguments: ["event: a\ndata: b", "event: a\ndata: b\n", "event: a\ndata: b\r\n"])
    func givesTheLastEventWithoutItsBlankLine(_ stream: String) throws {
        var parser = SSEParser()
        #expect(try parser.feed(Array(stream.utf8)).isEmpty)
        let pending = parser.finish()
        let last = try #require(pending)
        #expect(last.name == "a")
        #expect(last.data == Array("b".utf8))
        #expect(try self.parsed(String(decoding: last.raw, as: UTF8.self)).map(\.data) == [last.data])
        #expect(parser.finish() == nil)
    }

    @Test(arguments: ["data: 1\r\n\r\n", "data: 1\n\n\r\n\n", "\r\n", "data: 1\r\r"])
    func blankLinesAtTheEndAreNoEvent(_ stream: String) throws {
        let bytes = Array(stream.utf8)
        for split in 0...bytes.count {
            var parser = SSEParser()
            var events = try parser.feed(Array(bytes[..<split]))
            events += try parser.feed(Array(bytes[split...]))
            let last = parser.finish()
            #expect(last == nil)
            #expect(events.map(\.data) == (stream.hasPrefix("data") ? [Array("1".utf8)] : []))
        }
    }

    @Test func survivesGarbage() {
        var random = SeededGenerator(seed: 2)
        let alphabet = Array("\r\n\n\n:: daetvn{}\"\u{FEFF}".utf8) + [0, 0xFF, 0x80]
        for _ in 0..<2000 {
            var parser = SSEParser(maximumEventBytes: 64)
            var events: [ServerSentEvent] = []
            var fed: [UInt8] = []
            do throws(WireError) {
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    let chunk = (0..<Int.random(in: 0...16, using: &random)).map { _ in
                        alphabet.randomElement(using: &random) ?? 0
                    }
                    fed += chunk
                    try parser.feed(chunk, into: &events)
                    #expect(parser.pendingByteCount <= 64)
                }
                #expect(events.flatMap(\.raw) + fed.suffix(parser.pendingByteCount) == fed)
            } catch {
                #expect(error.code == .eventTooLarge)
            }
            var assembler = MessageAssembler(maximumBytes: 64)
            for event in events { assembler.consume(event) }
            if let last = parser.finish() { assembler.consume(last) }
            #expect(assembler.finish().message == nil)
        }
    }

    @Test func writesEventsThatItReads() throws {
        let event = ServerSentEvent(name: "error", data: Array("{\n\"a\":\r\n1}".utf8))
        #expect(try self.parsed(String(decoding: event.raw, as: UTF8.self)) == [event])
        #expect(String(decoding: event.raw, as: UTF8.self) == "event: error\ndata: { \"a\":  1}\n\n")
    }
}
