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
}
