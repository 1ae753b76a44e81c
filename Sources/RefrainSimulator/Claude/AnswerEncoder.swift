import RefrainCore
import RefrainKeys

/// Writes an answer as the API does: as one message, or as the events of a stream.
struct AnswerEncoder {
    /// An event and the output tokens that it carries, which is what its pace depends on.
    struct Event {
        var bytes: [UInt8]
        var tokens = 0
    }

    let answer: Answer
    let call: MessagesCall
    /// The tokens of the prompt; the output is the answer's.
    let usage: Usage

    /// The message as JSON, its members in the order of the wire.
    func message() -> [UInt8] {
        self.message(
            content: JSONFragment(elements: self.answer.blocks.map(self.block)),
            stopReason: JSONFragment(string: self.answer.stopReason), usage: self.usage(isStart: false, isDelta: false)
        ).bytes
    }

    private func message(content: JSONFragment, stopReason: JSONFragment, usage: JSONFragment) -> JSONFragment {
        let isStart = stopReason.bytes == Array("null".utf8)
        return [
            "model": JSONFragment(string: self.call.model.resolvedID), "id": JSONFragment(string: self.answer.id),
            "type": "message", "role": "assistant", "content": content, "stop_reason": stopReason,
            "stop_sequence": isStart ? nil : JSONFragment(optional: self.answer.stopSequence),
            "stop_details": isStart ? nil : self.stopDetails, "usage": usage,
        ]
    }

    private var stopDetails: JSONFragment {
        guard self.answer.stopReason == "refusal", let category = self.answer.refusalCategory else { return nil }
        return [
            "type": "refusal", "category": JSONFragment(string: category),
            "explanation": "This request triggered restrictions on violative content and was blocked.",
        ]
    }

    private func block(_ block: Answer.Block) -> JSONFragment {
        switch block {
        case .text(let text, nil): ["type": "text", "text": JSONFragment(string: text)]
        case .text(let text, let citation?):
            ["type": "text", "text": JSONFragment(string: text), "citations": [citation]]
        case .thinking(let text, let signature, _):
            ["type": "thinking", "thinking": JSONFragment(string: text), "signature": JSONFragment(string: signature)]
        case .redactedThinking(let data, _): ["type": "redacted_thinking", "data": JSONFragment(string: data)]
        case .toolUse(let id, let name, let input):
            [
                "type": "tool_use", "id": JSONFragment(string: id), "name": JSONFragment(string: name), "input": input,
                "caller": ["type": "direct"],
            ]
        case .unknown: ["type": "simulated_block", "detail": ["from": "simulator", "numbers": [1, 2]]]
        }
    }

    private func usage(isStart: Bool, isDelta: Bool) -> JSONFragment {
        let details = self.call.model.rules.contains(.reportsDetails)
        var members: [(String, JSONFragment)] = [
            ("input_tokens", JSONFragment(self.usage.inputTokens)),
            (
                "cache_creation_input_tokens",
                JSONFragment(self.usage.cacheWrite5mTokens + self.usage.cacheWrite1hTokens)
            ),
            ("cache_read_input_tokens", JSONFragment(self.usage.cacheReadTokens)),
        ]
        if !isDelta {
            members.append(
                (
                    "cache_creation",
                    [
                        "ephemeral_5m_input_tokens": JSONFragment(self.usage.cacheWrite5mTokens),
                        "ephemeral_1h_input_tokens": JSONFragment(self.usage.cacheWrite1hTokens),
                    ]
                ))
        }
        let output = self.answer.outputTokens
        members.append(("output_tokens", JSONFragment(isStart ? min(output, 1 + output % 7) : output)))
        if !isStart, details || self.answer.thinkingTokens > 0 {
            members.append(("output_tokens_details", ["thinking_tokens": JSONFragment(self.answer.thinkingTokens)]))
        }
        if !isDelta {
            members.append(("service_tier", JSONFragment(string: self.call.serviceTier)))
            if self.call.isFast { members.append(("speed", "fast")) }
            members.append(("inference_geo", JSONFragment(string: details ? "global" : "not_available")))
        }
        return JSONFragment(members: members)
    }

    // MARK: Stream

    /// The events of the stream, pings that fill a silence aside. `random` decides their padding and their cuts.
    func events(_ random: inout SeededGenerator) -> [Event] {
        var events = [
            Self.event(
                "message_start",
                [
                    "type": "message_start",
                    "message": self.message(
                        content: [], stopReason: nil, usage: self.usage(isStart: true, isDelta: false)),
                ], &random)
        ]
        for (index, block) in self.answer.blocks.enumerated() {
            self.append(block, index, to: &events, &random)
            if index == 0 {
                // The real stream has one ping right after the first block's start.
                events.insert(Event(bytes: Self.ping), at: min(2, events.count))
                if self.answer.unknown == .event {
                    events.append(Self.event("simulated_event", ["type": "simulated_event", "detail": 1], &random))
                }
            }
        }
        events.append(
            Self.event(
                "message_delta",
                [
                    "type": "message_delta",
                    "delta": [
                        "stop_reason": JSONFragment(string: self.answer.stopReason),
                        "stop_sequence": JSONFragment(optional: self.answer.stopSequence),
                        "stop_details": self.stopDetails,
                    ], "usage": self.usage(isStart: false, isDelta: true),
                ], &random))
        events.append(Self.event("message_stop", ["type": "message_stop"], &random))
        return events
    }

    private func append(_ block: Answer.Block, _ index: Int, to events: inout [Event], _ random: inout SeededGenerator)
    {
        var start = self.block(block)
        var deltas: [(JSONFragment, Int)] = []
        switch block {
        case .text(let text, let citation):
            start = citation == nil ? ["type": "text", "text": ""] : ["type": "text", "text": "", "citations": []]
            for piece in Self.pieces(of: text, &random) {
                deltas.append(
                    (["type": "text_delta", "text": JSONFragment(string: piece)], TokenEstimate.text(piece.utf8)))
            }
            if self.answer.unknown == .delta { deltas.append((["type": "simulated_delta", "detail": 1], 0)) }
            if let citation { deltas.append((["type": "citations_delta", "citation": citation], 0)) }
        case .thinking(let text, let signature, let tokens):
            start = ["type": "thinking", "thinking": "", "signature": ""]
            for piece in Self.pieces(of: text, &random) {
                deltas.append(
                    (
                        ["type": "thinking_delta", "thinking": JSONFragment(string: piece)],
                        TokenEstimate.text(piece.utf8)
                    ))
            }
            deltas.append(
                (["type": "signature_delta", "signature": JSONFragment(string: signature)], text.isEmpty ? tokens : 0))
        case .redactedThinking, .unknown: break
        case .toolUse(let id, let name, let input):
            start = [
                "type": "tool_use", "id": JSONFragment(string: id), "name": JSONFragment(string: name), "input": [:],
                "caller": ["type": "direct"],
            ]
            // The first fragment is empty; a call without arguments has no other.
            deltas.append((["type": "input_json_delta", "partial_json": ""], 10))
            if input.bytes != Array("{}".utf8) {
                for piece in Self.pieces(of: String(decoding: input.bytes, as: UTF8.self), &random, byCharacter: true) {
                    deltas.append(
                        (
                            ["type": "input_json_delta", "partial_json": JSONFragment(string: piece)],
                            TokenEstimate.text(piece.utf8)
                        ))
                }
            }
        }
        let number = JSONFragment(index)
        events.append(
            Self.event(
                "content_block_start", ["type": "content_block_start", "index": number, "content_block": start], &random
            ))
        for (delta, tokens) in deltas {
            events.append(
                Self.event(
                    "content_block_delta", ["type": "content_block_delta", "index": number, "delta": delta],
                    tokens: tokens, &random))
        }
        events.append(Self.event("content_block_stop", ["type": "content_block_stop", "index": number], &random))
    }

    /// `text` cut as streams cut it: a word or a few at a time, or a few characters at a time.
    private static func pieces(
        of text: String, _ random: inout SeededGenerator, byCharacter: Bool = false
    ) -> [String] {
        var pieces: [String] = []
        var start = text.startIndex
        while start < text.endIndex {
            let count = pieces.isEmpty ? 1 : Int(1 + random.next() % (byCharacter ? 12 : 6))
            var end = start
            for _ in 0..<count where end < text.endIndex {
                end = text.index(after: end)
                if !byCharacter { end = text[end...].firstIndex(of: " ") ?? text.endIndex }
            }
            pieces.append(String(text[start..<end]))
            start = end
        }
        return pieces
    }

    /// The event that fills a silence.
    static let ping = Array("event: ping\ndata: {\"type\": \"ping\"}\n\n".utf8)

    /// An `error` event, which ends a stream.
    static func errorEvent(_ failure: APIFailure, requestID: String) -> [UInt8] {
        Array("event: error\ndata: ".utf8) + failure.body(requestID: requestID) + Array("\n\n".utf8)
    }

    /// An event with the spaces before the last brace that the real stream has.
    private static func event(
        _ name: String, _ data: JSONFragment, tokens: Int = 0, _ random: inout SeededGenerator
    ) -> Event {
        var bytes = Array("event: \(name)\ndata: ".utf8)
        bytes.append(contentsOf: data.bytes.dropLast())
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: Int(random.next() % 16)))
        bytes.append(contentsOf: Array("}\n\n".utf8))
        return Event(bytes: bytes, tokens: tokens)
    }
}
