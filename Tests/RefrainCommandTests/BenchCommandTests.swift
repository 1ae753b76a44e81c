import Foundation
import RefrainCore
import Testing

@Suite struct BenchCommandTests {
    private static func line(_ question: String, _ time: String) -> String {
        #"{"time":"\#(time)","body":{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"\#(question)"}]}}"#
    }

    /// Three requests of one question, an hour and a day apart, and one of another.
    private static let traffic = [
        Self.line("a", "2026-01-01T00:00:00Z"), Self.line("a", "2026-01-01T01:00:00Z"),
        Self.line("b", "2026-01-01T02:00:00Z"), Self.line("a", "2026-01-02T01:00:00Z"),
    ].joined(separator: "\n")

    @Test func ownTrafficIsReplayed() throws {
        let file = try TemporaryFile(Array(Self.traffic.utf8))
        let page = try TemporaryFile()
        let result = try Refrain(
            "bench", "hit-rate", file.path, "--kind", "re-run", "--ttl", "5m,2h,inf", "--json", "--html", page.path
        ).run()
        #expect(result.status == 0, "\(result.errors)")
        let report = try JSONValue(Array(result.output.utf8))
        let section = try #require(report["sections"]?.array?.first)
        #expect(section["label"]?.string == "re-run")
        let rows = try #require(section["rows"]?.array)
        #expect(rows.map { $0["hits"]?.double } == [0, 0.25, 0.5])
        #expect(rows.map { $0["lost_to_expiry"]?.double } == [0.5, 0.25, 0])
        #expect(rows.allSatisfy { $0["bound"]?.double == 0.5 })
        let html = try String(contentsOfFile: page.path, encoding: .utf8)
        #expect(html.hasPrefix("<!doctype html>") && html.contains("Requests saved by lifetime"))
    }

    @Test func tablesAreForPeople() throws {
        let file = try TemporaryFile(Array(Self.traffic.utf8))
        let hits = try Refrain("bench", "hit-rate", file.path, "--ttl", "inf", "--size", "1MB").run()
        #expect(hits.status == 0 && hits.output.contains("50.0 %") && hits.output.contains("[live]"), "\(hits.output)")
        let money = try Refrain("bench", "prompt-cache", file.path, "--response-cache", "inf").run()
        #expect(money.status == 0 && money.output.contains("nothing marked"), "\(money.output)\(money.errors)")
        #expect(money.output.contains("answers 2 requests"))
    }

    @Test func evictionIsComparedOnOwnTraffic() throws {
        let log = ["a", "b", "c", "a", "a", "b"].map { name in
            let key = String(repeating: name, count: 64)
            return """
                {"time":"2026-01-01T00:00:00Z","key":"\(key)","model":"claude-sonnet-4-5","status":200,"result":"miss",\
                "input_tokens":1000,"output_tokens":100}
                """
        }
        let file = try TemporaryFile(Array(log.joined(separator: "\n").utf8))
        let result = try Refrain(
            "bench", "eviction", file.path, "bursts", "--scale", "0.02", "--kind", "re-run", "--capacities", "67,100",
            "--json"
        ).run()
        #expect(result.status == 0, "\(result.errors)")
        let sections = try #require(try JSONValue(Array(result.output.utf8))["sections"]?.array)
        #expect(sections.map { $0["label"]?.string } == ["live", "live", "live", "re-run", "re-run", "re-run"])
        // All entries are alike. Where two of the three fit, `a` has left when it is asked for again, and is there the next time.
        let rows = try #require(sections[4]["rows"]?.array)
        #expect(rows.map { $0["LRU"]?.double } == [1.0 / 6, 0.5])
        #expect(rows.map { $0["ceiling"]?.double } == [0.5, 0.5])
        #expect(
            sections[3]["notes"]?.array?.first?.string?.contains("6 requests for 3 keys, which take 3.8 KB") == true)
    }

    @Test func whatEvictionCannotBeComparedOnIsSaid() throws {
        let keyless = try TemporaryFile(
            Array(#"{"time":"2026-01-01T00:00:00Z","key":null,"result":"bypass","reason":"mode","status":200}"#.utf8))
        let cases: [(arguments: [String], status: Int32, part: String)] = [
            ([keyless.path], 1, "has no request whose answer a cache would store: 1 mode"),
            (["no-such-trace"], 2, "refrain bench list"), (["openhands"], 2, "--traces"),
            (["bursts", "--requests", "2000"], 2, "--scale"), (["--scale", "2"], 2, "--requests"),
            (["--requests", "1"], 2, "--requests must be"), (["--capacities", "0"], 2, "--capacities must be"),
        ]
        for (arguments, status, part) in cases {
            let result = try Refrain(["bench", "eviction"] + arguments).run()
            #expect(result.status == status && result.errors.contains(part), "\(arguments): \(result.errors)")
        }
    }

    @Test func generatedWorkloadsNeedNoFiles() throws {
        let result = try Refrain("bench", "hit-rate", "bursts", "--scale", "0.02", "--ttl", "1h", "--no-money").run()
        #expect(result.status == 0 && result.output.contains("bursts [live]"), "\(result.errors)")
        let eviction = try Refrain("bench", "eviction", "--requests", "2000", "--capacities", "5,50").run()
        #expect(eviction.status == 0 && eviction.output.contains("Money saved"), "\(eviction.errors)")
        let list = try Refrain("bench", "list").run()
        #expect(list.status == 0 && list.output.contains("bursts") && list.output.contains("openhands"))
    }

    @Test func speedIsMeasuredBesideReferences() throws {
        let page = try TemporaryFile()
        let result = try Refrain("bench", "latency", "--duration", "1ms", "--json", "--html", page.path).run()
        #expect(result.status == 0, "\(result.errors)")
        let report = try JSONValue(Array(result.output.utf8))
        let sections = try #require(report["sections"]?.array)
        #expect(sections.last?["title"]?.string == "Two threads")
        #expect(sections.contains { $0["title"]?.string == "The gateway" })
        let rows = sections.dropLast().flatMap { $0["rows"]?.array ?? [] }
        #expect(
            rows.allSatisfy {
                ($0["p50_ns"]?.double ?? 0) > 0 && $0["p50_ns"]?.double ?? 0 <= $0["p99_ns"]?.double ?? 0
            })
        #expect(rows.contains { $0["operation"]?.string == "a hit, 1 KB request" && ($0["ratio"]?.double ?? 0) > 0 })
        #expect(try String(contentsOfFile: page.path, encoding: .utf8).contains("Distribution of times, gateway"))
        let part = try Refrain("bench", "latency", "--duration", "1ms", "--only", "envelopes").run()
        #expect(part.status == 0 && part.output.contains("decode, 64 KB") && !part.output.contains("SHA-256 of 1 KB"))
    }

    @Test(
        arguments: [
            (["--duration", "0"], "1ms"), (["--only", "nothing"], "nothing"), (["--only", "redis"], "--redis URL"),
            (["--redis", "http://example"], "redis://"), (["--redis", "redis://:secret@127.0.0.1:1"], "127.0.0.1"),
        ])
    func whatCannotBeMeasuredIsSaid(arguments: [String], part: String) throws {
        let result = try Refrain(["bench", "latency", "--duration", "1ms", "--only", "redis"] + arguments).run()
        #expect(result.status == 2 || result.status == 64, "\(result.status)")
        #expect(result.errors.contains(part) && !result.errors.contains("secret"), "\(result.errors)")
    }

    /// Each case would take ten minutes.
    @Test(.timeLimit(.minutes(1))) func aRedisThatIsNotThereIsFoundBeforeAnythingIsMeasured() throws {
        let result = try Refrain("bench", "latency", "--duration", "10m", "--redis", "redis://127.0.0.1:1").run()
        #expect(result.status == 2 && result.errors.contains("--redis 127.0.0.1"), "\(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test func whatIsWrongIsSaid() throws {
        let nowhere = try Refrain("bench", "hit-rate", "no-such-trace").run()
        #expect(nowhere.status == 2 && nowhere.errors.contains("refrain bench list"), "\(nowhere.errors)")
        let set = try Refrain("bench", "hit-rate", "openhands").run()
        #expect(set.status == 2 && set.errors.contains("https://") && set.errors.contains("--traces"), "\(set.errors)")
        let file = try TemporaryFile(Array("\(Self.line("a", "2026-01-01T00:00:00Z"))\nnonsense\n".utf8))
        let malformed = try Refrain("bench", "hit-rate", file.path).run()
        #expect(malformed.status == 1 && malformed.errors.contains(":2: not JSON"), "\(malformed.errors)")
        for arguments in [["--ttl", "soon"], ["--ttl", "0"], ["--size", "big"], ["--scale", "99"]] {
            let wrong = try Refrain(["bench", "hit-rate", "bursts"] + arguments).run()
            #expect(wrong.status == 2 && wrong.errors.contains(arguments[0]), "\(wrong.errors)")
        }
    }
}
