import Refrain
import RefrainCore
import RefrainTesting
import Testing

@testable import RefrainGateway

/// The tokens of answers that are passed on.
@Suite(.timeLimit(.minutes(2))) struct PassingMeterTests {
    private static func response(_ type: String, status: Int = 200, _ headers: [HTTPHeader] = []) -> UpstreamResponse {
        UpstreamResponse(
            status: status, headers: [HTTPHeader("content-type", type)] + headers, body: ByteStream([]))
    }

    /// What a meter finds in a body that comes in pieces of so many bytes.
    private static func tokens(_ body: [UInt8], _ response: UpstreamResponse, piece: Int) -> UsageMeter {
        var meter = PassingMeter(response)
        for start in stride(from: 0, to: body.count, by: piece) {
            meter.read(Array(body[start..<min(start + piece, body.count)]))
        }
        return meter.tokens
    }

    @Test(arguments: [1, 2, 3, 7, 64, 100_000])
    func tokensAreFoundHoweverTheBodyIsCut(_ piece: Int) throws {
        let message = SampleMessage.json("\"usage\":{\"output_tokens\":9},\\ \\\" } ] model")
        let expected = Usage(inputTokens: 10, outputTokens: 4)
        let whole = Self.tokens(message, Self.response("application/json"), piece: piece)
        #expect(whole.usage == expected && whole.model == "claude-sonnet-4-5")
        let stream = Self.tokens(
            try MessageReplayer.stream(for: message), Self.response("text/event-stream; charset=utf-8"), piece: piece)
        #expect(stream.usage == expected && stream.model == "claude-sonnet-4-5")
    }

    @Test(arguments: [
        (#"{"a":{"usage":{"output_tokens":1}},"b":[{"model":"x"}],"usages":{"output_tokens":2}}"#, nil, ""),
        (#"{"usage":null,"model":7}"#, nil, ""), ("[{\"usage\":{}}]", nil, ""), ("", nil, ""), ("}}]]{", nil, ""),
        (#"{ "model" : "m\u0061" , "usage" : { "output_tokens" : 3 } }"#, 3, "ma"),
        (#"{"usage":{"output_tokens":3},"usag\u0065":{"output_tokens":4},"model":"m"}"#, 3, "m"),
        (#"{"usage":{"output_tokens":3}"#, nil, ""),
    ])
    func onlyTheMembersOfTheObjectItselfCount(_ body: String, _ output: Int?, _ model: String) {
        let meter = Self.tokens(Array(body.utf8), Self.response("application/json"), piece: 5)
        #expect(meter.usage?.outputTokens == output && meter.model == model)
    }

    @Test func whatIsNoAnswerOfTheAPIsIsNotRead() {
        let body = SampleMessage.json("x")
        for response in [
            Self.response("application/json", status: 201), Self.response("text/plain"),
            Self.response("application/json", [HTTPHeader("content-encoding", "gzip")]),
        ] {
            #expect(Self.tokens(body, response, piece: 9).usage == nil)
        }
    }

    @Test(arguments: [false, true])
    func aBypassIsPaidFor(_ isStreaming: Bool) async throws {
        try await GatewayFixture.with(RecordingTransport()) { gateway in
            let answer = try await gateway.ask(
                headers: [], GatewayFixture.question("hello", isStreaming: isStreaming))
            #expect(answer.cache == "BYPASS" && answer.reason == "no-credential")
            let stats = try JSONValue(try await gateway.ask("/_refrain/api/stats", method: "GET").body)
            let record = stats["recent"]?[0]
            #expect(record?["input_tokens"] == 10 && record?["output_tokens"] == 4, "\(String(describing: record))")
            #expect(abs((stats["money"]?["spent_usd"]?.double ?? 0) - (10 * 3 + 4 * 15) / 1e6) < 1e-9)
            #expect(stats["tokens"]?["billed"]?["output"] == 4 && stats["money"]?["saved_usd"]?.double == 0)
        }
    }
}
