import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

@Suite struct ServerTests {
    @Test func `answers a plain call as the API does`() async throws {
        try await Simulator.withServer { simulator in
            let response = try await WireClient.send(to: simulator.port, body: WireClient.request("Hello"))
            #expect(response.status == 200)
            #expect(response.isComplete)
            #expect(response.headers["content-type"] == "application/json")
            #expect(response.headers["request-id"]?.hasPrefix("req_") == true)
            #expect(response.headers["anthropic-ratelimit-requests-remaining"] == "3999")
            let json = try response.json
            #expect(
                json.members.map { $0.name.string } == [
                    "model", "id", "type", "role", "content", "stop_reason", "stop_sequence", "stop_details", "usage",
                ])
            #expect(json["model"]?.string == "claude-haiku-4-5-20251001")
            #expect(json["stop_reason"]?.string == "end_turn")
            #expect(json["usage"]?["input_tokens"]?.int == 8)
            #expect(simulator.statistics.plainCalls == 1)
        }
    }

    @Test func `answers a stream with padding and a ping`() async throws {
        try await Simulator.withServer { simulator in
            let response = try await WireClient.send(
                to: simulator.port, body: WireClient.request("Hello", stream: true))
            #expect(response.status == 200)
            #expect(response.isComplete)
            #expect(response.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(response.headers["cache-control"] == "no-cache")
            let events = try response.events
            #expect(events.first?.name == "message_start")
            #expect(events.dropFirst().prefix(2).map(\.name) == ["content_block_start", "ping"])
            #expect(events.suffix(3).map(\.name) == ["content_block_stop", "message_delta", "message_stop"])
            #expect(events.allSatisfy { $0.data["type"]?.string == $0.name })
            #expect(response.text.contains(" }\n\n"))
            #expect(simulator.statistics.streamingCalls == 1)
        }
    }

    @Test func `connections are kept and reused`() async throws {
        try await Simulator.withServer { simulator in
            let request = WireClient.request("Hello")
            let head =
                "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
                + "content-length: \(request.utf8.count)\r\n\r\n"
            // Two requests behind each other on one connection; the second one ends it.
            let response = try await WireClient.send(
                to: simulator.port,
                headers: ["connection": "keep-alive", "content-length": String(request.utf8.count)],
                body: request + head.replacing("host: x", with: "connection: close") + request)
            #expect(String(decoding: response.body, as: UTF8.self).components(of: "HTTP/1.1 200 OK") == 1)
            #expect(simulator.statistics.plainCalls == 2)
        }
    }

    @Test func `a client that leaves early is noticed, and its call counts as unfinished`() async throws {
        for stream in [true, false] {
            let configuration = SimulatorConfiguration(latency: .seconds(stream ? 0 : 600), tokensPerSecond: 1)
            try await Simulator.withServer(configuration) { simulator in
                let body = WireClient.request("[[simulate words=100]]", stream: stream)
                if stream {
                    _ = try await WireClient.send(to: simulator.port, body: body) { $0.isEmpty }
                } else {
                    let call = Task { try await WireClient.send(to: simulator.port, body: body) }
                    while simulator.statistics.inProgress == 0 { await Task.yield() }
                    call.cancel()
                    _ = await call.result
                }
                while simulator.statistics.inProgress > 0 { await Task.yield() }
                #expect(simulator.statistics.unfinished == 1)
            }
        }
    }

    @Test func `many calls at once are answered`() async throws {
        try await Simulator.withServer { simulator in
            let ids = try await withThrowingTaskGroup(of: String?.self) { group in
                for index in 0..<100 {
                    group.addTask {
                        let response = try await WireClient.send(
                            to: simulator.port, body: WireClient.request("Hello \(index % 3)", stream: index % 2 == 0))
                        let message = index % 2 == 0 ? try response.events.first?.data["message"] : try response.json
                        return message?["id"]?.string
                    }
                }
                var ids: Set<String> = []
                for try await id in group { ids.insert(id ?? "") }
                return ids
            }
            #expect(ids.count == 100)
            #expect(simulator.statistics.messageCalls == 100)
            #expect(simulator.statistics.inProgress == 0)
        }
    }

    @Test func `requests are recorded as they came, where that is asked for`() async throws {
        try await Simulator.withServer(SimulatorConfiguration(recordedRequests: 2)) { simulator in
            for text in ["one", "two", "three"] {
                _ = try await WireClient.send(
                    to: simulator.port, "POST", "/v1/messages?beta=true", body: WireClient.request(text))
            }
            let recorded = simulator.recordedRequests
            #expect(
                recorded.map { String(decoding: $0.body, as: UTF8.self) }
                    == ["two", "three"].map {
                        WireClient.request($0)
                    })
            #expect(recorded.first?.path == "/v1/messages?beta=true")
            #expect(recorded.first?.header("x-api-key") == "sk-test")
        }
    }

    @Test func `the prompt cache is readable once the first response begins`() async throws {
        let system = String(repeating: "word ", count: 5_000)
        let marked = #""system":[{"type":"text","text":"\#(system)","cache_control":{"type":"ephemeral"}}],"#
        try await Simulator.withServer { simulator in
            var statuses: [Int] = []
            for stream in [true, false] {
                let body = WireClient.request("x", stream: stream, marked)
                statuses.append(try await WireClient.send(to: simulator.port, body: body).status)
            }
            #expect(statuses == [200, 200])
            #expect(simulator.statistics.usage.cacheWrite5mTokens == 5_003)
            #expect(simulator.statistics.usage.cacheReadTokens == 5_003)
        }
    }

    @Test func `a port that is taken is an error`() async throws {
        try await Simulator.withServer { simulator in
            await #expect(throws: (any Error).self) {
                try await Simulator.withServer(SimulatorConfiguration(port: simulator.port)) { _ in }
            }
        }
    }
}
