import RefrainCore
import RefrainKeys
import Testing

/// Every stream and message on record. Skipped where the recordings are not: see ``RecordedTraffic``.
@Suite(.enabled(if: RecordedTraffic.isThere)) struct RecordedStreamTests {
    /// Streams that are no whole message, and why.
    private static let broken: [String: IncompleteReason] = [
        // A message_start in the middle, or twice.
        "duplicate-message-start.chunks.txt 0": .secondMessageStart,
        "spliced-message-start.chunks.txt 0": .secondMessageStart,
        "tar/duplicate-message-start.chunks.txt 0": .secondMessageStart,
        "tar/spliced-message-start.chunks.txt 0": .secondMessageStart,
        // A content_block_stop before message_start.
        "unknown_events_response.txt": .outOfOrder,
    ]

    /// Streams with an input that is no JSON: one as the model wrote it, one cut short by max_tokens.
    private static let eventsOnly: Set<String> = [
        "incomplete_partial_json_response.txt", "tool_use_invalid_json_response.txt",
    ]

    @Test func assembleToWhatTheyTellAndReplayToTheSameBytes() throws {
        let streams = try RecordedTraffic.streams()
        var whole = 0
        for stream in streams {
            let events = try events(of: stream.bytes)
            switch assembled(events) {
            case .message(let message):
                whole += 1
                #expect(
                    try JSONValue(message).sorted == ReferenceAssembler.message(events).sorted, "\(stream.name)")
                #expect(try replayed(message) == .message(message), "\(stream.name)")
                let typed = try Message(json: message)
                #expect(typed.json == message)
                #expect(InputMessage.assistant(typed).content == .blocks(typed.content))
            case .incomplete(let reason): #expect(Self.broken[stream.name] == reason, "\(stream.name)")
            case .eventsOnly: #expect(Self.eventsOnly.contains(stream.name), "\(stream.name)")
            case let other: Issue.record("\(stream.name): \(other)")
            }
            #expect(events.flatMap(\.raw).starts(with: stream.bytes), "\(stream.name)")
        }
        #expect(whole > 150)
        #expect(streams.count - whole == Self.broken.count + Self.eventsOnly.count)
    }

    @Test func theSameMessageOnRecordBothWaysIsTheSame() throws {
        let plain = Dictionary(
            try RecordedTraffic.plainMessages().map { (try Message(json: $0.json).id, $0.json) },
            uniquingKeysWith: { first, _ in first })
        var pairs = 0
        for stream in try RecordedTraffic.streams() {
            guard let message = assembled(try events(of: stream.bytes)).message,
                let recorded = plain[try Message(json: message).id]
            else { continue }
            pairs += 1
            #expect(try JSONValue(message)["content"] == JSONValue(recorded)["content"], "\(stream.name)")
        }
        print("streams that are on record as plain messages too: \(pairs)")
    }

    @Test func noneIsWholeWhenItBreaksOff() throws {
        for stream in try RecordedTraffic.streams() where Self.broken[stream.name] == nil {
            let events = try events(of: stream.bytes)
            var assembler = MessageAssembler()
            for (index, event) in events.enumerated() {
                #expect(assembler.finish().message == nil || assembler.hasStopped, "\(stream.name) \(index)")
                if !assembler.hasStopped { #expect(assembler.summary() == nil) }
                assembler.consume(event)
            }
        }
    }

    @Test func typedEventsAreKnown() throws {
        for stream in try RecordedTraffic.streams() {
            for event in try events(of: stream.bytes) where !event.data.isEmpty {
                if case .unknown(let type, _) = StreamEvent(event) { #expect(type == "future_event", "\(stream.name)") }
                if case .contentBlockDelta(_, .unknown(let type, _)) = StreamEvent(event) {
                    #expect(type == "compaction_delta")
                }
            }
        }
    }

    @Test func plainMessagesReplayToTheSameValueWithTheSameInputs() throws {
        let messages = try RecordedTraffic.plainMessages()
        #expect(messages.count > 500)
        for plain in messages {
            let again = try replayed(plain.json)
            guard let message = again.message else {
                // What the API never sends over the wire as a whole message: a recorder's excerpt.
                Issue.record("\(plain.name): \(again)")
                continue
            }
            #expect(try JSONValue(message).sorted == JSONValue(plain.json).sorted, "\(plain.name)")
            #expect(try replayed(message) == again, "\(plain.name)")
            let (before, after) = (try Message(json: plain.json), try Message(json: message))
            #expect(before.toolUses.map(\.input) == after.toolUses.map(\.input), "\(plain.name)")
            #expect(before.usage == after.usage)
            let summary = try MessageSummary(json: plain.json)
            #expect(summary == (try MessageSummary(json: message)), "\(plain.name)")
            #expect(!summary.hasUnknownBlocks, "\(plain.name)")
        }
    }

    @Test func requestsSurviveReadingAndWriting() throws {
        var read = 0
        for body in try RecordedTraffic.requestBodies() {
            guard let value = try? JSONValue(body), value["max_tokens"] != nil,
                // Some are of other services.
                value["messages"]?.array?.allSatisfy({ $0["content"] != nil }) == true
            else { continue }
            let request = try MessagesRequest(json: body)
            #expect(try JSONValue(request.encoded()).sorted == value.sorted)
            #expect(try MessagesRequest(json: request.encoded()) == request)
            read += 1
        }
        #expect(read > 300)
    }
}

/// A second assembler, written apart from the first on decoded values, to compare with.
enum ReferenceAssembler {
    static func message(_ events: [ServerSentEvent]) throws -> JSONValue {
        var message = JSONObject()
        var blocks: [JSONObject] = []
        var inputs: [Int: String] = [:]
        for event in events where !event.data.isEmpty {
            let data = try JSONValue(event.data)
            let index = data["index"]?.int ?? 0
            switch data["type"]?.string {
            case "message_start":
                message = data["message"]?.object ?? [:]
                blocks = message["content"]?.array?.compactMap(\.object) ?? []
            case "content_block_start":
                let block = data["content_block"]?.object ?? [:]
                blocks.append(block)
                if block["type"] == "fallback" { message["model"] = block["to"]?["model"] }
            case "content_block_delta":
                for (name, value) in (data["delta"]?.object?.members ?? []).map({ ($0.name, $0.value) }) {
                    switch name {
                    case "text", "thinking":
                        blocks[index][name] = .string((blocks[index][name]?.string ?? "") + (value.string ?? ""))
                    case "partial_json": inputs[index, default: ""] += value.string ?? ""
                    case "citation":
                        blocks[index]["citations"] = .array((blocks[index]["citations"]?.array ?? []) + [value])
                    case "type", "estimated_tokens": break
                    default: blocks[index][name] = value
                    }
                }
            case "message_delta":
                for (name, value) in (data["delta"]?.object?.members ?? []).map({ ($0.name, $0.value) }) {
                    message[name] = value
                }
                for (name, value) in (data.object?.members ?? []).map({ ($0.name, $0.value) })
                where !["type", "delta", "usage"].contains(name) {
                    message[name] = value
                }
                var usage = message["usage"]?.object ?? [:]
                for (name, value) in (data["usage"]?.object?.members ?? []).map({ ($0.name, $0.value) })
                where !value.isNull {
                    usage[name] = value
                }
                message["usage"] = .object(usage)
            default: break
            }
        }
        for (index, input) in inputs where !input.isEmpty { blocks[index]["input"] = try JSONValue(parsing: input) }
        message["content"] = .array(blocks.map(JSONValue.object))
        return .object(message)
    }
}
