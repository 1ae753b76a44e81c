#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Cuts a stream of bytes, in chunks of any size, into server-sent events (WHATWG HTML §9.2.6).
///
/// Lines end with CR, LF or CRLF; a byte order mark at the start, comments and unknown fields are skipped (and kept
/// in ``ServerSentEvent/raw``). The time taken is linear in the bytes fed, whatever the chunks; the memory held is at
/// most the limit and one chunk.
public struct SSEParser: Sendable {
    /// The most bytes that one event may have, its comments and blank lines included.
    public let maximumEventBytes: Int

    /// The bytes of the event that is still incomplete.
    private var pending: [UInt8] = []
    /// What is known of that event; its positions are relative to its first byte.
    private var event = EventInProgress()
    private var failure: WireError?

    /// Creates a parser that refuses events of more than `maximumEventBytes`.
    public init(maximumEventBytes: Int = 33_554_432) {
        self.maximumEventBytes = maximumEventBytes
    }

    /// How many bytes of an incomplete event are held.
    public var pendingByteCount: Int { self.pending.count }

    /// Takes the next bytes of the stream and returns the events that they complete.
    ///
    /// - Throws: ``WireError/Code/eventTooLarge`` when an event has more bytes than the limit; the parser throws from
    ///   then on. Events that `bytes` completed before it are lost: ``feed(_:into:)`` keeps them.
    public mutating func feed(_ bytes: [UInt8]) throws(WireError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        try self.feed(bytes, into: &events)
        return events
    }

    /// Takes the next bytes of the stream and appends the events that they complete to `events`.
    ///
    /// - Throws: ``WireError/Code/eventTooLarge`` when an event has more bytes than the limit, after the events before
    ///   it were appended; the parser throws from then on.
    public mutating func feed(_ bytes: [UInt8], into events: inout [ServerSentEvent]) throws(WireError) {
        if let failure { throw failure }
        var consumed = 0
        if self.pending.isEmpty {
            bytes.withUnsafeBufferPointer { consumed = Self.scan($0, &self.event, self.maximumEventBytes, &events) }
            self.pending.append(contentsOf: bytes[consumed...])
        } else {
            self.pending.append(contentsOf: bytes)
            self.pending.withUnsafeBufferPointer {
                consumed = Self.scan($0, &self.event, self.maximumEventBytes, &events)
            }
            if consumed == self.pending.count {
                self.pending.removeAll(keepingCapacity: self.pending.capacity <= 65_536)
            } else if consumed > 0 {
                self.pending.removeSubrange(..<consumed)
            }
        }
        if self.pending.count > self.maximumEventBytes || self.event.isTooLarge {
            let failure = WireError(
                .eventTooLarge, "a server-sent event has more than \(self.maximumEventBytes) bytes")
            self.failure = failure
            self.pending = []
            self.event = EventInProgress()
            throw failure
        }
    }

    /// Ends the stream, after a transfer that was complete, and returns the event that it leaves open, if any.
    ///
    /// The standard discards such an event. Here it is returned, since some servers leave out the last blank line; its
    /// `raw` is given the line ends that it lacks. Whoever reads it must find its data complete, as the JSON of this
    /// API tells. After a transfer that broke off this is not to be called.
    public mutating func finish() -> ServerSentEvent? {
        defer {
            self.pending = []
            self.event = EventInProgress()
        }
        // Blank lines after the last event are no event: whether a line feed was cut off its carriage return is chance.
        guard self.failure == nil, self.event.hasLines || self.event.lineStart < self.pending.count else { return nil }
        var last: ServerSentEvent?
        self.pending.withUnsafeBufferPointer { buffer in
            if self.event.lineStart < buffer.count {
                self.event.take(line: self.event.lineStart..<buffer.count, of: buffer)
                last = self.event.finished(in: buffer, end: buffer.count)
                last?.raw.append(contentsOf: "\n\n".utf8)
            } else {
                last = self.event.finished(in: buffer, end: buffer.count)
                last?.raw.append(contentsOf: "\n".utf8)
            }
        }
        return last
    }

    /// Appends the events that end in `buffer` and returns how many of its bytes they have. `event` is left with
    /// positions relative to the first byte after them.
    private static func scan(
        _ buffer: UnsafeBufferPointer<UInt8>, _ event: inout EventInProgress, _ limit: Int,
        _ events: inout [ServerSentEvent]
    ) -> Int {
        // Positions are relative to `start`, the first byte of the event in hand.
        var start = 0
        // Where the next carriage return is, at or after the position scanned; `buffer.count` where there is none.
        var carriageReturn = Self.index(of: 0x0D, in: buffer, from: event.scanned)
        while true {
            let from = start + event.scanned
            if carriageReturn < from { carriageReturn = Self.index(of: 0x0D, in: buffer, from: from) }
            var lineEnd = Self.index(of: 0x0A, in: buffer, from: from)
            if carriageReturn < lineEnd { lineEnd = carriageReturn }
            guard lineEnd < buffer.count else {
                event.scanned = buffer.count - start
                return start
            }
            // A line feed right after a carriage return that ended a line belongs to it.
            if lineEnd == start + event.lineStart, event.endedWithCarriageReturn, buffer[lineEnd] == 0x0A {
                event.endedWithCarriageReturn = false
                event.lineStart += 1
                event.scanned = event.lineStart
                continue
            }
            let body = UnsafeBufferPointer(rebasing: buffer[start...])
            let line = event.lineStart..<(lineEnd - start)
            event.endedWithCarriageReturn = buffer[lineEnd] == 0x0D
            event.lineStart = line.upperBound + 1
            event.scanned = event.lineStart
            if !line.isEmpty {
                event.take(line: line, of: body)
                continue
            }
            // A blank line ends the event; a blank line before any other waits for the event that follows it.
            guard event.hasLines else { continue }
            var end = event.lineStart
            if event.endedWithCarriageReturn, start + end < buffer.count, buffer[start + end] == 0x0A {
                end += 1
                event.endedWithCarriageReturn = false
            }
            guard end <= limit else {
                event.isTooLarge = true
                return start
            }
            events.append(event.finished(in: body, end: end))
            event.startNext()
            start += end
        }
    }

    /// The position of the first `byte` at or after `from`; the buffer's count where there is none.
    @inline(__always)
    private static func index(of byte: UInt8, in buffer: UnsafeBufferPointer<UInt8>, from: Int) -> Int {
        guard from < buffer.count, let base = buffer.baseAddress,
            let found = memchr(base + from, Int32(byte), buffer.count - from)
        else { return buffer.count }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
}

/// What a parser knows of an event whose blank line it has not seen. Positions are relative to the event's first byte.
private struct EventInProgress: Sendable {
    /// Where the line in hand starts.
    var lineStart = 0
    /// Up to where line ends were looked for.
    var scanned = 0
    /// Whether the last line ended with a carriage return, so that a line feed here is part of its end.
    var endedWithCarriageReturn = false
    /// Whether a line that is not blank was seen.
    var hasLines = false
    var isTooLarge = false
    private var isFirstLine = true
    private var name: String?
    private var data: Range<Int>?
    /// The data lines after the first; almost always none.
    private var moreData: [Range<Int>] = []

    /// Notes what the line says.
    mutating func take(line: Range<Int>, of event: UnsafeBufferPointer<UInt8>) {
        self.hasLines = true
        var line = line
        if self.isFirstLine {
            self.isFirstLine = false
            if event[line].starts(with: [0xEF, 0xBB, 0xBF]) { line = (line.lowerBound + 3)..<line.upperBound }
        }
        if let value = Self.value(of: "data", line, event) {
            if self.data == nil { self.data = value } else { self.moreData.append(value) }
        } else if let value = Self.value(of: "event", line, event) {
            self.name = Self.name(UnsafeBufferPointer(rebasing: event[value]))
        }
    }

    /// The event, its raw bytes ending at `end`.
    func finished(in event: UnsafeBufferPointer<UInt8>, end: Int) -> ServerSentEvent {
        var data = self.data.map { Array(event[$0]) } ?? []
        for line in self.moreData {
            data.append(0x0A)
            data.append(contentsOf: event[line])
        }
        return ServerSentEvent(name: self.name, data: data, raw: Array(event[..<end]))
    }

    /// Forgets the event; the next byte is the first of the next one.
    mutating func startNext() {
        let endedWithCarriageReturn = self.endedWithCarriageReturn
        self = EventInProgress()
        self.endedWithCarriageReturn = endedWithCarriageReturn
        self.isFirstLine = false
    }

    /// Where the value of `field` stands, if that is what the line holds.
    @inline(__always)
    private static func value(
        of field: StaticString, _ line: Range<Int>, _ event: UnsafeBufferPointer<UInt8>
    ) -> Range<Int>? {
        let count = field.utf8CodeUnitCount
        guard line.count >= count else { return nil }
        for index in 0..<count where event[line.lowerBound + index] != field.utf8Start[index] { return nil }
        var start = line.lowerBound + count
        guard start < line.upperBound else { return start..<start }
        guard event[start] == UInt8(ascii: ":") else { return nil }
        start += 1
        if start < line.upperBound, event[start] == 0x20 { start += 1 }
        return start..<line.upperBound
    }

    /// The name as a string, without allocating for those that the API sends.
    private static func name(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        for known in Self.knownNames where known.utf8.elementsEqual(bytes) { return known }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let knownNames: [String] = [
        "content_block_delta", "content_block_start", "content_block_stop", "ping", "message_start", "message_delta",
        "message_stop", "error",
    ]
}
