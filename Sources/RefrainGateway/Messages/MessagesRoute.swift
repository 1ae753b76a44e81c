import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOPosix
import Refrain
import RefrainCore
import RefrainKeys

/// `POST /v1/messages`: answered from the cache, from a call under way, or from upstream.
struct MessagesRoute: Sendable {
    private let state: GatewayState

    init(_ state: GatewayState) { self.state = state }

    func respond(to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        var record = RequestRecord(time: self.state.time.now())
        let question: Question
        do throws(Refusal) {
            let asked = try Question.Head(request.headers, self.state)
            let body = try await self.body(of: request, asked.fields.contentLength)
            let query = String((request.head.path ?? "").drop { $0 != "?" })
            question = try await self.question(asked, query, body, &record)
        } catch {
            record.status = error.status
            record.reason = "refused-\(error.status)"
            record.requestID = error.id
            self.state.finish(record)
            return try await writer.write(error)
        }
        let start = self.state.time.monotonicNanoseconds()
        guard case .keyed(let keyed, let caller) = question.key else {
            return try await self.bypass(question, record, start, writer, channel)
        }
        if let answer = self.answerFromMemory(question, keyed, &record) {
            defer { self.finish(record, since: start) }
            return try await writer.write(
                response: answer.head, body: .init(byteBuffer: ByteBuffer(bytes: answer.body)))
        }
        try await self.fetch(question, keyed, caller, record, start, writer, channel)
    }

    /// Reads a request. What takes long is done by threads that nothing else waits for.
    private func question(
        _ asked: Question.Head, _ query: String, _ body: [UInt8], _ record: inout RequestRecord
    ) async throws(Refusal) -> Question {
        guard asked.fields.contentEncoding != nil || body.count > Self.longBody else {
            return try Question(asked, query: query, body, self.state, &record)
        }
        let (state, began) = (self.state, record)
        do {
            let (question, told) = try await NIOThreadPool.singleton.runIfActive {
                var record = began
                return (try Question(asked, query: query, body, state, &record), record)
            }
            record = told
            return question
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(status: 503, kind: .overloaded, "the gateway is ending", closes: true)
        }
    }

    /// A body whose key takes some 0.2 ms.
    private static let longBody = 256 << 10

    private func body(of request: Request, _ announced: Int?) async throws(Refusal) -> [UInt8] {
        let limit = self.state.configuration.limits.bodyBytes
        let tooLarge = Refusal(
            status: 413, kind: .requestTooLarge, "the body has more than \(limit) bytes", closes: true)
        if let announced, announced > limit { throw tooLarge }
        let overloaded = Refusal(status: 503, kind: .overloaded, "too many bytes are in flight", closes: true)
        // What clients are still sending counts too, or slow ones together could fill the memory.
        // What they announce does not: it costs them nothing.
        guard let lease = self.state.cache.reserve(0) else { throw overloaded }
        defer { withExtendedLifetime(lease) {} }
        var body: [UInt8] = []
        body.reserveCapacity(min(announced ?? 0, 64 << 10))
        do {
            for try await chunk in request.body {
                guard chunk.readableBytes <= limit - body.count else { throw tooLarge }
                if !lease.grow(by: chunk.readableBytes) { throw overloaded }
                body.append(contentsOf: chunk.readableBytesView)
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            // The client has gone, or sent what is no HTTP; it may still be there to be told.
            throw Refusal(status: 400, kind: .invalidRequest, "the body ended before it was whole", closes: true)
        }
        return body
    }

    // MARK: From memory

    /// A whole answer.
    struct WholeAnswer {
        var head: ResponseHead
        var body: [UInt8]
    }

    /// The answer to a request that has come whole, where memory holds it; nil where anything else is to be done about
    /// the request, which has then not been counted.
    ///
    /// - Complexity: The key's derivation and one look-up, on the calling thread: no task, no wait.
    func answerFromMemory(_ fields: HTTPFields, _ body: [UInt8]) -> WholeAnswer? {
        let start = self.state.time.monotonicNanoseconds()
        var record = RequestRecord(time: self.state.time.now())
        let question: Question
        do throws(Refusal) {
            question = try Question(Question.Head(fields, self.state), body, self.state, &record)
        } catch {
            // The long way finds the same, and tells the client.
            return nil
        }
        guard case .keyed(let keyed, _) = question.key,
            let answer = self.answerFromMemory(question, keyed, &record)
        else { return nil }
        self.finish(record, since: start)
        return answer
    }

    private func answerFromMemory(
        _ question: Question, _ keyed: KeyedRequest, _ record: inout RequestRecord
    ) -> WholeAnswer? {
        guard question.policy.mode == .normal,
            let hit = self.state.cache.lookup(
                keyed.key, policy: question.policy, toolUseIDs: { question.toolUseIDs })
        else { return nil }
        let envelope = hit.envelope
        var headers = envelope.headers
        var body = envelope.body
        if keyed.isStreaming {
            do throws(WireError) {
                body = try MessageReplayer.stream(for: envelope.body)
            } catch {
                body = CacheError(.incomplete, "the stored answer is no message").body.event().raw
            }
            headers = HeaderRules.converted(headers, contentType: HeaderRules.eventStream)
        }
        var fields = HTTPFields()
        fields.append(headers)
        fields.append(hit.status, keyed.key)
        fields[.contentLength] = String(body.count)
        record.result = .hitMemory
        self.account(for: envelope.details, &record)
        record.responseBytes = body.count
        return WholeAnswer(head: ResponseHead(status: .ok, headerFields: fields), body: body)
    }

    // MARK: Through the cache

    private func fetch(
        _ question: Question, _ keyed: KeyedRequest, _ caller: Caller, _ record: RequestRecord, _ start: UInt64,
        _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        let call = UpstreamCaller(self.state, question, caller.upstreamKey, model: record.model)
        let request = CacheRequest(
            key: keyed.key, policy: question.policy, credential: caller.credential, model: record.model,
            bodyBytes: question.body.count, toolUseIDs: { question.toolUseIDs })
        let cache = self.state.cache
        let opened = await self.opening(channel) {
            keyed.isStreaming
                ? Opened.stream(try await cache.stream(request) { try await call.send($0) })
                : Opened.whole(try await cache.respond(to: request) { try await call.send($0) })
        }
        switch opened {
        case .success(.whole(let response)):
            try await self.write(response, keyed.key, record, start, writer)
        case .success(.stream(let stream)):
            try await self.write(stream, keyed.key, record, start, writer, channel)
        case .failure(let error):
            try await self.write(error, keyed.key, record, start, writer)
        }
    }

    private enum Opened: Sendable {
        case whole(CachedResponse)
        case stream(CachedStream)
    }

    /// Waits for the beginning of an answer, as long as the client does.
    private func opening(
        _ channel: any Channel, _ body: () async throws -> Opened
    ) async -> Swift.Result<Opened, any Error> {
        do {
            let watch = try await channel.watch()
            return .success(try await watch.whileOpen(body))
        } catch {
            return .failure(error)
        }
    }

    private func write(
        _ response: CachedResponse, _ key: RequestKey, _ record: RequestRecord, _ start: UInt64,
        _ writer: consuming ResponseWriter
    ) async throws {
        var record = record
        record.result = .init(response.cache)
        record.reason = response.cache.reason?.description
        record.responseBytes = response.body.count
        if let details = response.details { self.account(for: details, &record) }
        var fields = HTTPFields()
        fields.append(ForwardedHeaders.ofResponse(response.headers))
        fields[.contentLength] = String(response.body.count)
        fields.append(response.cache, key)
        // Counted whether the client takes it or not.
        defer { self.finish(record, since: start) }
        try await writer.write(
            response: ResponseHead(status: .init(code: response.status), headerFields: fields),
            body: .init(byteBuffer: ByteBuffer(bytes: response.body)))
    }

    private func write(
        _ stream: CachedStream, _ key: RequestKey, _ record: RequestRecord, _ start: UInt64,
        _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        var record = record
        record.result = .init(stream.cache)
        record.reason = stream.cache.reason?.description
        var fields = HTTPFields()
        fields.append(ForwardedHeaders.ofResponse(stream.headers))
        fields[.contentLength] = nil
        fields.append(stream.cache, key)
        var meter = UsageMeter()
        var hasFailed = false
        defer {
            if hasFailed {
                record.result = .error
                record.reason = "stream-error"
            }
            self.account(for: meter, stream.details, &record)
            self.finish(record, since: start)
        }
        do {
            let watch = try await channel.watch()
            var body = try await writer.writeHead(
                ResponseHead(status: .init(code: stream.status), headerFields: fields))
            var events = stream.makeAsyncIterator()
            // Only the waits are watched: between them, a client that has gone is noticed by what is written to it.
            while let event = try await watch.whileOpen({ try await events.next() }) {
                meter.read(event)
                hasFailed = hasFailed || event.starts(with: "event: error".utf8)
                record.responseBytes += event.count
                try await body.write(ByteBuffer(bytes: event))
            }
            try await body.finish(nil)
        } catch {
            record.reason = "client-left"
            throw error
        }
    }

    /// Writes why there is no answer: upstream's own error as it came, or ours in the same shape.
    private func write(
        _ error: any Error, _ key: RequestKey?, _ record: RequestRecord, _ start: UInt64,
        _ writer: consuming ResponseWriter
    ) async throws {
        var record = record
        record.result = .error
        defer { self.finish(record, since: start) }
        if error is CancellationError {
            record.status = 499
            record.reason = "client-left"
            throw error
        }
        if let upstream = error as? UpstreamResponseError {
            record.status = upstream.status
            record.reason = "upstream-\(upstream.status)"
            record.requestID = upstream.headers.first { $0.name == "request-id" }?.value
            record.responseBytes = upstream.body.count
            var fields = HTTPFields()
            fields.append(ForwardedHeaders.ofResponse(upstream.headers))
            fields[.contentLength] = String(upstream.body.count)
            fields[.refrainCache] = "MISS"
            fields[.refrainReason] = "upstream-error"
            if let key { fields[.refrainKey] = key.hex }
            return try await writer.write(
                response: ResponseHead(status: .init(code: upstream.status), headerFields: fields),
                body: .init(byteBuffer: ByteBuffer(bytes: upstream.body)))
        }
        let refusal = Refusal(error)
        record.status = refusal.status
        record.reason = refusal.reason
        record.requestID = refusal.id
        try await writer.write(refusal)
    }

    // MARK: Past the cache

    private func bypass(
        _ question: Question, _ record: RequestRecord, _ start: UInt64, _ writer: consuming ResponseWriter,
        _ channel: any Channel
    ) async throws {
        guard case .none(let why, let key) = question.key else { return }
        var record = record
        record.result = .bypass
        record.reason = why.code.description
        if question.policy.mode == .onlyIfCached {
            return try await self.write(
                CacheError(.notCached, "the request is not cached (\(why.code)), and upstream is not to be asked"), nil,
                record, start, writer)
        }
        let call = UpstreamCaller(self.state, question, key, model: record.model)
        let (response, meter): (UpstreamResponse, CallMeter)
        do {
            let watch = try await channel.watch()
            (response, meter) = try await watch.whileOpen { try await call.pass() }
        } catch {
            return try await self.write(error, nil, record, start, writer)
        }
        record.status = response.status
        var fields = HTTPFields()
        fields.append(ForwardedHeaders.ofResponse(response.headers))
        fields[.refrainCache] = "BYPASS"
        fields[.refrainReason] = why.code.description
        defer {
            meter.end()
            self.account(for: meter.tokens, nil, &record)
            self.finish(record, since: start)
        }
        record.responseBytes = try await Relay.write(
            response, head: ResponseHead(status: .init(code: response.status), headerFields: fields), writer,
            channel, passed: { meter.read($0) })
    }

    // MARK: Accounts

    private func account(for details: Envelope.Details, _ record: inout RequestRecord) {
        self.account(for: details.usage, of: details.answeringModel, cost: details.cost, &record)
        if record.result.isSaved, record.result != .joined {
            record.millisecondsSaved = Int(details.upstreamMilliseconds)
        }
    }

    private func account(for meter: UsageMeter, _ details: Envelope.Details?, _ record: inout RequestRecord) {
        if let details { return self.account(for: details, &record) }
        guard let usage = meter.usage else { return }
        let cost = self.state.configuration.models.cost(of: usage, model: meter.model)
        self.account(for: usage, of: meter.model, cost: cost, &record)
    }

    private func account(for usage: Usage, of model: String, cost: Double?, _ record: inout RequestRecord) {
        let models = self.state.configuration.models
        record.usage = usage
        if record.result.isSaved {
            record.saved = models.saving(of: usage, model: model)
        } else {
            record.spent = cost
            if record.result.wouldBeSaved { record.wouldSave = models.saving(of: usage, model: model) }
        }
    }

    private func finish(_ record: RequestRecord, since start: UInt64) {
        var record = record
        record.nanoseconds = self.state.time.monotonicNanoseconds() &- start
        record.millisecondsSaved = max(0, record.millisecondsSaved - Int(record.nanoseconds / 1_000_000))
        self.state.finish(record)
    }
}

extension HTTPFields {
    /// Adds where an answer came from.
    mutating func append(_ status: CacheStatus, _ key: RequestKey) {
        self[.refrainCache] = status.headerValue
        self[.refrainKey] = key.hex
        if let age = status.age { self[.age] = String(age.components.seconds) }
        if let reason = status.reason { self[.refrainReason] = reason.description }
    }
}

extension Refusal {
    /// What a client is told of a failure that is no answer of upstream's.
    init(_ error: any Error) {
        switch error {
        case let refusal as Refusal: self = refusal
        case let error as CacheError:
            self.init(status: error.code.status, kind: .init(rawValue: error.code.apiErrorType), error.message)
        case let error as CachePolicyError: self = .invalid(error.message)
        case let error as TransportError: self.init(error)
        default: self.init(status: 500, kind: .api, "the gateway failed to answer")
        }
    }

    private init(_ error: TransportError) {
        let brokenAnswers: Set<TransportError.Code> = [.noResponse, .malformedResponse, .truncated, .tooLarge]
        if error.isTimeout {
            self.init(status: 504, kind: .timeout, "upstream did not answer in time (\(error.code))")
        } else if error.code == .invalidRequest || error.code == .upload {
            self = .invalid("the request cannot be passed on (\(error.code))")
        } else if brokenAnswers.contains(error.code) {
            self.init(status: 502, kind: .api, "upstream's answer is not whole or no HTTP (\(error.code))")
        } else {
            self.init(status: 502, kind: .api, "upstream cannot be reached (\(error.code))")
        }
    }

    /// A short, stable name, fit for a metric label.
    var reason: String { "gateway-\(self.status)" }
}
