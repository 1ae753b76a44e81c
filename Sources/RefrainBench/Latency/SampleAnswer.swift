package import Refrain
package import RefrainCore
import RefrainKeys

/// Answers of the API that are measured with.
package enum SampleAnswer {
    /// A message of about `bytes` bytes.
    package static func message(bytes: Int) -> [UInt8] {
        let usage = Usage(inputTokens: 400, outputTokens: max(1, bytes / TokenRule.characters))
        return SyntheticMessage.json(
            text: Array(SampleRequest.text(bytes: bytes - 300).utf8), model: "claude-opus-5-5", usage: usage)
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
