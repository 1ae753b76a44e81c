import Foundation
import RefrainCore
import Testing

@Suite struct CommandTests {
    private static func body(_ question: String, stream: Bool = false) -> String {
        #"{"model":"claude-sonnet-5-5","max_tokens":2048,"messages":[{"role":"user","content":"\#(question)"}]"#
            + (stream ? #","stream":true}"# : "}")
    }

    private func report(_ result: Refrain.Result) throws -> JSONValue { try JSONValue(Array(result.output.utf8)) }

    @Test func aRepeatCostsNothing() throws {
        let output = try TemporaryFile()
        let lines = [Self.body("one"), Self.body("two"), Self.body("three", stream: true)].joined(separator: "\n")
        let result = try Refrain(
            "run", "-", "--simulate", "--latency", "0", "--repeat", "2", "--json", "--output", output.path, input: lines
        ).run()
        #expect(result.status == 0, "\(result.errors)")
        let report = try self.report(result)
        #expect(report["requests"]?.int == 6)
        #expect(report["misses"]?.int == 3)
        #expect(report["hits"]?.int == 3)
        #expect(report["upstream_calls"]?.int == 3)
        #expect((report["spent_usd"]?.double ?? 0) > 0)
        #expect(report["saved_usd"]?.double == report["spent_usd"]?.double)
        let answers = try String(contentsOfFile: output.path, encoding: .utf8).split(separator: "\n")
            .map { try JSONValue(Array($0.utf8)) }
        #expect(
            answers.map { $0["custom_id"]?.string } == ["line-1", "line-2", "line-3", "line-1", "line-2", "line-3"])
        #expect(
            answers.map { $0["cache"]?.string } == ["MISS", "MISS", "MISS", "HIT-MEMORY", "HIT-MEMORY", "HIT-MEMORY"])
        for index in 0..<3 {
            #expect(answers[index]["status"]?.int == 200)
            #expect(answers[index]["latency_ms"]?.double != nil)
            // The simulated answer to the same request differs from call to call, so equality proves the hit.
            #expect(answers[index]["response"] != nil && answers[index]["response"] == answers[index + 3]["response"])
        }
    }

    @Test func aMalformedLineIsReportedAndTheRestRuns() throws {
        let file = try TemporaryFile(Array("\(Self.body("one"))\nnonsense\n\n\(Self.body("two"))\n".utf8))
        let result = try Refrain("run", file.path, "--simulate", "--latency", "0", "--json").run()
        #expect(result.status == 1)
        #expect(result.errors.contains("line 2: not JSON"))
        let report = try self.report(result)
        #expect(report["requests"]?.int == 2)
        #expect(report["malformed_lines"]?.int == 1)
        #expect(report["errors"]?.int == 0)
    }

    @Test func anErrorOfTheAPIIsAnAnswerInItsOwnShape() throws {
        let output = try TemporaryFile()
        let result = try Refrain(
            "run", "-", "--simulate", "--latency", "0", "--output", output.path,
            input: #"{"custom_id":"bad","params":{"model":"claude-sonnet-5-5","messages":[]}}"#
        ).run()
        #expect(result.status == 1)
        let line = try JSONValue(Array(String(contentsOfFile: output.path, encoding: .utf8).utf8))
        #expect(line["custom_id"]?.string == "bad")
        #expect(line["cache"]?.string == "ERROR")
        #expect(line["status"]?.int == 400)
        #expect(line["error"]?["error"]?["type"]?.string == "invalid_request_error")
        #expect(line["response"] == nil)
    }

    @Test func withNowhereToSendItSaysSo() throws {
        let result = try Refrain("run", "-", input: Self.body("one")).run()
        #expect(result.status == 2)
        #expect(result.errors.contains("--simulate"))
        #expect(result.errors.contains("ANTHROPIC_API_KEY"))
        #expect(result.output.isEmpty)
    }

    @Test(arguments: [
        ["run"], ["run", "-", "--simulate", "--repeat", "0"], ["run", "-", "--simulate", "--ttl", "soon"],
        ["run", "-", "--simulate", "--concurrency", "0"], ["run", "/does/not/exist", "--simulate"],
        ["run", "-", "--simulate", "--upstream", "http://localhost"], ["frobnicate"], ["key", "/does/not/exist"],
        ["run", "-", "--simulate", "--config", "/does/not/exist"], ["simulate", "--port", "70000"],
        ["simulate", "--fault", "nonsense"], ["simulate", "--tokens-per-second", "1e-300"],
        ["run", "-", "--simulate", "--output", "/does/not/exist"],
    ])
    func badUsageIsStatus2(arguments: [String]) throws {
        var refrain = Refrain()
        refrain.arguments = arguments
        let result = try refrain.run()
        #expect(result.status == 2, "\(arguments): \(result.errors)")
        #expect(!result.errors.isEmpty)
    }

    @Test func settingsComeFromFlagsThenEnvironmentThenFile() throws {
        let file = try TemporaryFile(Array(#"{"ttl": "0", "memory": "64MB"}"#.utf8))
        let twice = [Self.body("one"), Self.body("one")].joined(separator: "\n")
        func hits(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Int? {
            var refrain = Refrain(input: twice, environment: environment)
            refrain.arguments =
                ["run", "-", "--simulate", "--latency", "0", "--json", "--concurrency", "1"] + arguments
            return try self.report(try refrain.run())["hits"]?.int
        }
        #expect(try hits([]) == 1)
        #expect(try hits(["--config", file.path]) == 0)
        #expect(try hits(["--config", file.path], ["REFRAIN_TTL": "1h"]) == 1)
        #expect(try hits(["--config", file.path, "--ttl", "0"], ["REFRAIN_TTL": "1h"]) == 0)
        let wrong = try Refrain(
            "run", "-", "--simulate", input: twice, environment: ["REFRAIN_TTL": "soon"]
        ).run()
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("REFRAIN_TTL"))
    }

    @Test func anUnknownOptionInAFileIsRefused() throws {
        let file = try TemporaryFile(Array(#"{"tll": "1h"}"#.utf8))
        let result = try Refrain("run", "-", "--simulate", "--config", file.path).run()
        #expect(result.status == 2)
        #expect(result.errors.contains("'tll'"))
    }

    @Test func anEndlessRunEndsOnRequest() throws {
        let file = try TemporaryFile(Array("\(Self.body("one"))\n\(Self.body("two"))\n".utf8))
        let output = try TemporaryFile()
        let running = try Refrain(
            "run", file.path, "--simulate", "--latency", "0", "--json", "--output", output.path, "--repeat",
            "\(Int.max)"
        ).start()
        while (try FileManager.default.attributesOfItem(atPath: output.path)[.size] as? Int) ?? 0 == 0 { sched_yield() }
        running.process.interrupt()
        #expect(try running.end().status == 130)
    }

    @Test func interruptedItWritesWhatWasAnswered() throws {
        let output = try TemporaryFile()
        // Each answer but the first takes minutes, so that the run cannot end by itself.
        let lines = (0..<50).map { Self.body("question \($0)") }
        let running = try Refrain(
            "run", "-", "--simulate", "--latency", "0", "--concurrency", "2", "--json", "--output", output.path,
            input: ([lines[0]] + lines.map { $0.replacing("question", with: "[[simulate fault=delay:300s]] question") })
                .joined(separator: "\n")
        ).start()
        let pending = DispatchSemaphore(value: 0)
        let file = output.path
        // Waits for the first line of output: the file grows.
        DispatchQueue.global().async {
            while (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 0 == 0 { sched_yield() }
            pending.signal()
        }
        #expect(pending.wait(timeout: .now() + 30) == .success)
        running.process.interrupt()
        let result = try running.end()
        #expect(result.status == 130, "\(result.errors)")
        #expect(try self.report(result)["requests"]?.int == 1)
        let answered = try String(contentsOfFile: output.path, encoding: .utf8).split(separator: "\n")
        #expect(answered.count == 1)
        #expect(try JSONValue(Array((answered.first ?? "").utf8))["cache"]?.string == "MISS")
    }

    @Test func printsAKey() throws {
        let body = Self.body("one")
        let first = try Refrain("key", input: body).run()
        #expect(first.status == 0)
        #expect(first.output.count == 65)
        #expect(first.errors.contains("unscoped"))
        // White space, member order and `stream` do not matter; a scope does.
        let same = try Refrain(
            "key",
            input: #"{ "stream": true, "messages":[{"content":"one","role":"user"}], "#
                + #""max_tokens":2048,"model":"claude-sonnet-5-5"}"#
        ).run()
        #expect(same.output == first.output)
        let scoped = try Refrain("key", "--scope", "team", input: body).run()
        #expect(scoped.output != first.output)
        #expect(scoped.errors.isEmpty)
        let json = try JSONValue(Array(try Refrain("key", "--json", "--canonical", input: body).run().output.utf8))
        #expect(json["key"]?.string == first.output.trimmingCharacters(in: .newlines))
        #expect(json["canonical"]?.string?.contains(#""role":"user""#) == true)
        #expect(json["scope"]?.isNull == true)
    }

    @Test(arguments: [
        ("{", "invalid-json"), (#"{"max_tokens":0}"#, "max-tokens-zero"), (#"{"a":1,"a":2}"#, "duplicate-member"),
    ])
    func whatCannotBeKeyedIsStatus1WithTheReason(body: String, reason: String) throws {
        let result = try Refrain("key", input: body).run()
        #expect(result.status == 1)
        #expect(result.errors.contains(reason))
        #expect(result.output.isEmpty)
        let json = try Refrain("key", "--json", input: body).run()
        #expect(json.status == 1)
        #expect(try JSONValue(Array(json.output.utf8))["reason"]?.string == reason)
    }

    @Test func explainsADifference() throws {
        let first = try TemporaryFile(Array(Self.body("one").utf8))
        let second = try TemporaryFile(Array(Self.body("two", stream: true).utf8))
        let result = try Refrain("explain", first.path, second.path).run()
        #expect(result.status == 0)
        #expect(result.output.contains("messages[0].content"))
        #expect(!result.output.contains("stream"))
        #expect(result.output.contains("prompt-cache prefix"))
        let json = try JSONValue(Array(try Refrain("explain", first.path, second.path, "--json").run().output.utf8))
        #expect(json["shares_key"]?.bool == false)
        #expect(json["differences"]?.array?.count == 1)
        #expect(json["prompt_prefix"]?["section"]?.string == "messages")
        let same = try Refrain("explain", first.path, "-", input: Self.body("one", stream: true)).run()
        #expect(same.status == 0)
        #expect(same.output.contains("same key"))
        let unkeyed = try Refrain("explain", first.path, "-", input: #"{"max_tokens":0}"#).run()
        #expect(unkeyed.status == 1)
        #expect(unkeyed.output.contains("max-tokens-zero"))
    }

    @Test func theSimulatorSaysWhereItIsAndEndsOnRequest() throws {
        let running = try Refrain("simulate", "--port", "0", "--json").start()
        let line = try JSONValue(Array(running.nextOutput().utf8))
        #expect(line["base_url"]?.string?.hasPrefix("http://127.0.0.1:") == true)
        running.process.terminate()
        #expect(try running.end().status == 0)
    }
}
