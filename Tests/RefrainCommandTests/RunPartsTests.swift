import RefrainCore
import SystemPackage
import Testing

@testable import RefrainCommand

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct RunPartsTests {
    private func lines(of text: [UInt8]) throws -> [LineReader.Line] {
        let path = try TemporaryFile(text)
        var reader = try LineReader(path: path.path)
        var lines: [LineReader.Line] = []
        while let line = try reader.next() { lines.append(line) }
        try reader.close()
        return lines
    }

    @Test func readsLinesWithAnyEnding() throws {
        let lines = try self.lines(of: Array("one\ntwo\r\n\nlast".utf8))
        #expect(lines == ["one", "two", "", "last"].map { .text(Array($0.utf8)) })
        #expect(try self.lines(of: []).isEmpty)
        #expect(try self.lines(of: Array("\n".utf8)) == [.text([])])
    }

    @Test func readsLinesLongerThanAChunk() throws {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 200_000)
        #expect(try self.lines(of: long + [10] + long) == [.text(long), .text(long)])
    }

    @Test func skipsALineOverTheLimitAndGoesOn() throws {
        let over = [UInt8](repeating: UInt8(ascii: "x"), count: LineReader.maximumLineBytes + 1)
        #expect(try self.lines(of: over + Array("\nnext\n".utf8)) == [.tooLong, .text(Array("next".utf8))])
    }

    @Test func readsABodyAndABatchLine() throws {
        let body = #"{ "model":"m", "stream": true }"#
        let plain = try #require(try RequestLine.parse(Array(body.utf8), number: 3))
        #expect(plain.customID == "line-3")
        #expect(plain.body == Array(body.utf8))
        #expect(plain.isStreaming)
        let batch = try #require(
            try RequestLine.parse(Array(#"{"custom_id":"a","params":{"model" : "m"}}"#.utf8), number: 1))
        #expect(batch.customID == "a")
        #expect(batch.body == Array(#"{"model" : "m"}"#.utf8))
        #expect(!batch.isStreaming)
    }

    @Test func skipsBlankLinesAndAByteOrderMark() throws {
        #expect(try RequestLine.parse(Array("  \t".utf8), number: 2) == nil)
        #expect(try RequestLine.parse([0xEF, 0xBB, 0xBF] + Array("{}".utf8), number: 1)?.body == Array("{}".utf8))
    }

    @Test(arguments: [
        "[]", "{", "nonsense", #"{"params":[]}"#, #"{"params":{}}"#, #"{"custom_id":1,"params":{}}"#, "\u{FEFF}{}",
    ])
    func refusesOtherLinesWithTheirNumber(text: String) {
        #expect(throws: RequestLine.Malformed.self) { try RequestLine.parse(Array(text.utf8), number: 7) }
        do {
            _ = try RequestLine.parse(Array(text.utf8), number: 7)
        } catch {
            #expect(error.number == 7)
            #expect(!error.reason.isEmpty)
        }
    }

    @Test func putsAnswersBackInOrder() {
        var output = OrderedOutput<String>()
        #expect(output.insert("c", at: 2) == [])
        #expect(output.insert("a", at: 0) == ["a"])
        #expect(output.insert("e", at: 4) == [])
        #expect(output.insert("b", at: 1) == ["b", "c"])
        #expect(output.waitingCount == 1)
        #expect(output.drain() == ["e"])
        #expect(output.drain() == [])
    }

    @Test func drawsAProgressBar() {
        var bar = ProgressBar()
        #expect(bar.rendered(width: 80) == "0  0 saved")
        bar = ProgressBar(done: 5, total: 10, saved: 2, failed: 1)
        #expect(bar.rendered(width: 80).hasSuffix("] 5/10  2 saved  1 failed"))
        #expect(bar.rendered(width: 80).count <= 80)
        #expect(bar.rendered(width: 12).count <= 12)
        bar.done = 20
        #expect(!bar.rendered(width: 80).contains("-"))
    }

    @Test func aProgressBarSaysWhatIsDoneAsFarAsThereIsRoom() {
        var bar = ProgressBar(done: 1, total: 3, countsSaved: false)
        #expect(bar.rendered(width: 80).hasSuffix("] 1/3"))
        bar.label = "look-up in a store of 50000 entries, at random"
        for width in [0, 1, 12, 40, 79] { #expect(bar.rendered(width: width).count <= width) }
        #expect(bar.rendered(width: 79).contains("] 1/3  look-up in a store"))
        let wide = bar.rendered(width: 200)
        #expect(wide.hasSuffix("] 1/3  \(bar.label)") && !wide.contains("saved"))
    }

    @Test func reportsCountsMoneyAndPercentiles() {
        var report = RunReport()
        #expect(report.latency(percentile: 50) == nil)
        let usage = Usage(
            inputTokens: 10, outputTokens: 5, cacheReadTokens: 3, cacheWrite5mTokens: 2, cacheWrite1hTokens: 1)
        report.add(.init(outcome: .miss, reason: "absent", billed: usage, spent: 0.25, latency: .milliseconds(100)))
        report.add(.init(outcome: .miss, reason: "absent", billed: usage, spent: nil, latency: .milliseconds(200)))
        for _ in 0..<8 { report.add(.init(outcome: .hit, saved: 0.125, latency: .milliseconds(1))) }
        report.add(.init(outcome: .joined, saved: 0.5, latency: .milliseconds(99)))
        report.add(.init(outcome: .error, reason: "overloaded_error", latency: .milliseconds(5)))
        report.upstreamCalls = 3
        #expect(report.requests == 12)
        #expect(report.count(.hit) == 8)
        #expect(
            report.billed
                == Usage(
                    inputTokens: 20, outputTokens: 10, cacheReadTokens: 6, cacheWrite5mTokens: 4, cacheWrite1hTokens: 2)
        )
        #expect(report.spent == 0.25)
        #expect(report.saved == 1.5)
        #expect(report.unpriced == 1)
        #expect(report.latency(percentile: 50) == .milliseconds(1))
        #expect(report.latency(percentile: 100) == .milliseconds(200))
        #expect(report.table.contains("absent"))
        #expect(
            String(decoding: JSONValue.object(report.json).encoded(), as: UTF8.self).contains(#""spent_usd":0.250000"#))
    }

    @Test func countsWhateverNumberOfTokensAResponseClaims() {
        var report = RunReport()
        let usage = Usage(inputTokens: .max, outputTokens: .max, cacheReadTokens: .max)
        for _ in 0..<2 { report.add(.init(outcome: .miss, billed: usage, spent: 1, latency: .zero)) }
        #expect(report.billed.inputTokens == .max)
    }
}

/// A file that is gone when the test lets go of it.
final class TemporaryFile {
    let path: String

    init(_ contents: [UInt8] = []) throws {
        self.path = "/tmp/refrain-test-\(UInt64.random(in: .min ... .max))"
        let file = try FileDescriptor.open(
            FilePath(self.path), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll(contents) }
    }

    deinit { _ = self.path.withCString(unlink) }
}
