import RefrainCore

/// What must hold for any bytes that are read as a stream: for a fuzzer, and for tests with a seed.
package enum StreamProperties {
    /// Reads `input` as a stream, whole and in pieces, puts it together, replays it, and reads it again.
    ///
    /// The first byte decides the size of the pieces; the rest is the stream.
    ///
    /// - Returns: What does not hold; nil where all does.
    package static func violation(in input: [UInt8]) -> String? {
        let stream = Array(input.dropFirst())
        let size = Int(input.first ?? 0) % 64 + 1
        guard let whole = Self.events(of: stream, inPiecesOf: max(1, stream.count)),
            let pieces = Self.events(of: stream, inPiecesOf: size)
        else { return nil }
        guard whole.map(\.name) == pieces.map(\.name), whole.map(\.data) == pieces.map(\.data) else {
            return "the pieces in which a stream arrives change its events"
        }
        // The last event is given the line ends that it lacks; blank lines after it are no event, and whether one of its
        // own line ends comes too late depends on the pieces.
        let text = stream[..<((stream.lastIndex { $0 != 0x0A && $0 != 0x0D } ?? -1) + 1)]
        for events in [whole, pieces] {
            let raw = events.flatMap(\.raw)
            guard raw.starts(with: text), raw.dropFirst(text.count).allSatisfy({ $0 == 0x0A || $0 == 0x0D }) else {
                return "the raw bytes of the events are not the stream"
            }
        }
        for event in whole { _ = StreamEvent(event) }
        var assembler = MessageAssembler(maximumBytes: 1 << 20)
        for event in whole { assembler.consume(event) }
        guard case .message(let message) = assembler.finish() else { return nil }
        guard assembler.hasStopped, let summary = assembler.summary(), summary.isMessage, summary.stopReason != nil
        else { return "a message without an end" }
        guard let replay = try? MessageReplayer.stream(for: message),
            let again = Self.events(of: replay, inPiecesOf: size)
        else { return "an assembled message cannot be replayed" }
        var second = MessageAssembler(maximumBytes: 1 << 22)
        for event in again { second.consume(event) }
        return second.finish() == .message(message) ? nil : "replayed and assembled is not what was replayed"
    }

    /// The events of a stream that arrives in pieces; nil where one is too large.
    private static func events(of stream: [UInt8], inPiecesOf size: Int) -> [ServerSentEvent]? {
        var parser = SSEParser(maximumEventBytes: 1 << 20)
        var events: [ServerSentEvent] = []
        do throws(WireError) {
            for start in stride(from: 0, to: stream.count, by: size) {
                try parser.feed(Array(stream[start..<min(start + size, stream.count)]), into: &events)
            }
        } catch {
            return nil
        }
        if let last = parser.finish() { events.append(last) }
        return events
    }
}
