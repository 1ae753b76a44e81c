public import RefrainCore
public import RefrainKeys

/// A streamed answer that is asked for when it is read.
///
/// Each iteration is a call of its own; the second of the same request is a hit as a rule. ``open()`` makes the call and
/// tells where the answer comes from before its events are read.
///
/// Reading ends after the `message_stop` event and in no other way without an error: a stream that was cut short
/// throws, as does one that the API ends with an `error` event.
public struct ClaudeStream<Element: Sendable>: AsyncSequence, Sendable {
    /// Makes the call.
    let start: @Sendable () async throws -> OpenClaudeStream<Element>

    /// Makes the call and returns when the answer begins.
    public func open() async throws -> OpenClaudeStream<Element> { try await self.start() }

    /// An iterator that makes the call when its first element is asked for.
    public func makeAsyncIterator() -> Iterator { Iterator(start: self.start) }

    /// Reads the events of a ``ClaudeStream``.
    public struct Iterator: AsyncIteratorProtocol {
        let start: @Sendable () async throws -> OpenClaudeStream<Element>
        private var open: OpenClaudeStream<Element>.Iterator?

        init(start: @escaping @Sendable () async throws -> OpenClaudeStream<Element>) { self.start = start }

        /// The next event; nil after the last.
        public mutating func next() async throws -> Element? {
            if self.open == nil { self.open = try await self.start().makeAsyncIterator() }
            return try await self.open?.next()
        }
    }
}

/// A streamed answer that has begun. It is read once, by one task at a time.
public struct OpenClaudeStream<Element: Sendable>: AsyncSequence, Sendable {
    /// The header fields: the API's own for an answer of this call's, the stored ones for an answer from a store.
    public let headers: [HTTPHeader]
    /// Where the answer comes from.
    public let cache: CacheStatus
    /// The name that the answer is stored under; nil where the request has no key.
    public let key: RequestKey?
    /// Where this call placed marks for the API's prompt cache; nil where it sent nothing.
    public let promptCaching: PromptCachePlan?
    /// How long it took until the answer began.
    public let elapsed: Duration

    /// When the call was made, on the monotonic clock.
    let start: UInt64
    let stream: CachedStream
    let make: @Sendable (ServerSentEvent) -> Element
    /// Whether an `error` event is an element before it is thrown: so it is for bytes, which are relayed.
    let relaysErrors: Bool
    let models: ModelTable
    let time: TimeSource

    /// An iterator over the events still to come.
    public func makeAsyncIterator() -> Iterator {
        Iterator(
            reader: EventReader(self.stream, time: self.time), make: self.make,
            relaysErrors: self.relaysErrors
        )
    }

    /// Reads the rest of the answer and puts the message together from it.
    ///
    /// - Throws: What reading throws, and `CacheError` where the events make no message.
    public func reply() async throws -> RawReply {
        var reader = EventReader(self.stream, time: self.time)
        var assembler = MessageAssembler()
        while let event = try await reader.next() {
            if case .failure(let error) = reader.state { throw error }
            assembler.consume(event)
        }
        guard case .message(let body) = assembler.finish() else {
            throw CacheError(.incomplete, "the events of the stream make no whole message")
        }
        return RawReply(
            status: 200, headers: self.headers, body: body, cache: self.cache, key: self.key,
            promptCaching: self.promptCaching,
            elapsed: .nanoseconds(Int64(clamping: self.time.monotonicNanoseconds() &- self.start)),
            upstreamTime: self.stream.details.map { .milliseconds($0.upstreamMilliseconds) },
            models: self.models
        )
    }

    /// Reads the events of an ``OpenClaudeStream``.
    public struct Iterator: AsyncIteratorProtocol {
        var reader: EventReader
        let make: @Sendable (ServerSentEvent) -> Element
        let relaysErrors: Bool

        /// The next event; nil after the last.
        public mutating func next() async throws -> Element? {
            guard let event = try await self.reader.next() else { return nil }
            if !self.relaysErrors, case .failure(let error) = self.reader.state { throw error }
            return self.make(event)
        }
    }

    /// Cuts what arrives into events, and sees that a stream ends as it must.
    struct EventReader {
        enum State {
            case open
            case complete
            case failure(ClaudeError)
        }

        private var chunks: CachedStream.Iterator
        private var parser = SSEParser()
        private var pending: [ServerSentEvent] = []
        private var taken = 0
        private let headers: [HTTPHeader]
        private let time: TimeSource
        /// How the stream stands after the event that was returned last.
        private(set) var state = State.open

        init(_ stream: CachedStream, time: TimeSource) {
            self.chunks = stream.makeAsyncIterator()
            self.headers = stream.headers
            self.time = time
        }

        mutating func next() async throws -> ServerSentEvent? {
            if case .failure(let error) = self.state { throw error }
            while self.taken == self.pending.count {
                self.pending.removeAll(keepingCapacity: true)
                self.taken = 0
                guard let chunk = try await self.chunks.next() else { return try self.end() }
                try self.parser.feed(chunk, into: &self.pending)
            }
            let event = self.pending[self.taken]
            self.taken += 1
            self.note(event)
            return event
        }

        /// The bytes are over.
        private mutating func end() throws -> ServerSentEvent? {
            if let last = self.parser.finish() {
                self.note(last)
                return last
            }
            guard case .complete = self.state else {
                throw CacheError(.incomplete, "the stream ended before its message was complete")
            }
            return nil
        }

        private mutating func note(_ event: ServerSentEvent) {
            switch event.name {
            case "message_stop"?: self.state = .complete
            case "error"?:
                self.state = .failure(
                    ClaudeError(status: nil, headers: self.headers, body: event.data, now: self.time.now())
                )
            default: break
            }
        }
    }
}

/// A streamed answer, typed.
public typealias MessageStream = ClaudeStream<StreamEvent>
/// A streamed answer as server-sent events with their bytes.
public typealias EventStream = ClaudeStream<ServerSentEvent>
