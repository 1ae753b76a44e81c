package import Refrain
package import RefrainCore
package import RefrainKeys

/// Answers of the API that are measured with.
package enum SampleAnswer {
    private static let model = "claude-opus-5-5"

    /// A message of `bytes` bytes: at least 300, or it is longer.
    package static func message(bytes: Int) -> [UInt8] {
        let usage = Usage(inputTokens: 400, outputTokens: max(1, bytes / TokenRule.characters))
        func message(_ text: String) -> [UInt8] {
            SyntheticMessage.json(text: Array(text.utf8), model: Self.model, usage: usage)
        }
        let frame = message("x").count - 1
        return message(SampleRequest.text(bytes: max(1, bytes - frame)))
    }

    /// Bytes that do not become fewer by compression: the same each time.
    package static func noise(bytes: Int) -> [UInt8] {
        var randomness = TrafficRandomness(seed: 1)
        return (0..<max(0, bytes)).map { _ in UInt8(truncatingIfNeeded: randomness.next()) }
    }

    /// What a store holds of an answer.
    ///
    /// - Parameters:
    ///   - lifetime: How long it is fresh.
    package static func envelope(
        _ key: RequestKey, _ body: [UInt8], form: Envelope.Form = .message, generation: GenerationStamp,
        created: Timestamp = TimeSource.system.now(), lifetime: Duration = .days(7)
    ) -> Envelope {
        let until = created.advanced(by: lifetime)
        return Envelope(
            key: key, form: form, created: created, freshUntil: until, staleUntil: until, generation: generation,
            labels: [], details: .init(requestedModel: Self.model, answeringModel: Self.model, cost: 0.01),
            headers: [HTTPHeader("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy")], body: body)
    }

    /// The stream of a message, in as many deltas as the API sends: one for some 20 bytes of text.
    static func stream(deltas: Int) throws -> [UInt8] {
        let message = Self.message(bytes: 1_024)
        let events = try MessageReplayer.events(for: message)
        guard let delta = events.firstIndex(where: { $0.starts(with: "event: content_block_delta".utf8) }) else {
            throw LatencyCase.wrong("a stream without a delta")
        }
        let text = ServerSentEvent(
            name: "content_block_delta",
            data: Array(
                #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" as it was asked before"}}"#
                    .utf8))
        return Array((events[..<delta] + Array(repeating: text.raw, count: deltas) + events[(delta + 1)...]).joined())
    }

    /// A response with status 200 that is there at once.
    static func response(_ message: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [HTTPHeader("content-type", "application/json")], body: ByteStream(message))
    }
}

/// A transport that answers each call with the same message at once, and counts the calls.
package final class SampleTransport: HTTPTransport {
    private let message: [UInt8]
    private let calls = Locked(0)

    package init(_ message: [UInt8]) { self.message = message }

    /// How often it was called.
    package var callCount: Int { self.calls.withLock { $0 } }

    package func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        self.calls.withLock { $0 += 1 }
        return SampleAnswer.response(self.message)
    }

    package func shutdown() async {}
}
