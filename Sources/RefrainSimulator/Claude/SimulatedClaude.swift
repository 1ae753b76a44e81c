package import RefrainCore

/// The simulated Claude without its server: a value that turns a request and a moment into a planned response.
package struct SimulatedClaude: Sendable {
    private let seed: UInt64
    private let isDeterministic: Bool
    /// Reads requests: it has no state, so that it need not wait for other requests.
    package let reader: RequestReader
    private var faults: FaultPlan
    private var faultRandom: SeededGenerator
    private var cache = PromptCacheModel()
    /// How often each request has been made, so that a repeat is another sample.
    private var repeats: [ContentDigest: UInt64] = [:]
    private var calls: UInt64 = 0
    private var rateWindow: (minute: Int64, requests: Int, input: Int, output: Int) = (0, 0, 0, 0)
    package private(set) var statistics = SimulatorStatistics()

    /// Creates a simulation.
    package init(_ configuration: SimulatorConfiguration) {
        self.seed = configuration.seed
        self.isDeterministic = configuration.isDeterministic
        self.reader = RequestReader(configuration)
        self.faults = configuration.faults
        self.faultRandom = SeededGenerator(seed: configuration.seed, [0xFA])
    }

    /// Faults that strike before the ones that are planned.
    package mutating func prepend(_ rules: [FaultPlan.Rule]) { self.faults.prepend(rules) }

    /// Decides how `request`, which arrives `now`, is answered.
    package mutating func plan(_ request: SimulatedRequest, at now: Timestamp) -> PlannedResponse {
        self.plan(self.reader.read(request), at: now)
    }

    /// Decides how `request`, which arrived `now`, is answered.
    package mutating func plan(_ request: ReadRequest, at now: Timestamp) -> PlannedResponse {
        self.calls += 1
        self.statistics.requests += 1
        var random = SeededGenerator(seed: self.seed, [1, self.calls])
        let requestID = "req_011C" + random.base58(20)
        var response: PlannedResponse
        do throws(APIFailure) {
            response = try self.respond(to: request, requestID, now)
        } catch {
            response = Self.failure(error, requestID)
        }
        self.count(response, now)
        response.headers = self.headers(of: response, requestID, now) + response.headers
        if let fault = response.fault { self.statistics.faults[fault.description, default: 0] += 1 }
        return response
    }

    /// To be told that the first byte of `response`'s answer was there.
    package mutating func responseBegan(_ response: PlannedResponse) {
        if let writes = response.writes { self.cache.responseBegan(writes) }
    }

    /// To be told that a call of the model is being answered, and that it no longer is.
    package mutating func callStarted() {
        self.statistics.inProgress += 1
        self.statistics.mostInProgress = max(self.statistics.mostInProgress, self.statistics.inProgress)
    }

    package mutating func callEnded(isFinished: Bool) {
        self.statistics.inProgress -= 1
        if !isFinished { self.statistics.unfinished += 1 }
    }

    private mutating func respond(
        to request: ReadRequest, _ requestID: String, _ now: Timestamp
    ) throws(APIFailure) -> PlannedResponse {
        var fault: Fault?
        switch request.kind {
        case .messages(let isStreaming):
            if isStreaming { self.statistics.streamingCalls += 1 } else { self.statistics.plainCalls += 1 }
            fault = try request.fault.get() ?? self.faults.next(&self.faultRandom)
        case .countTokens:
            self.statistics.countTokensCalls += 1
            fault = try request.fault.get() ?? self.faults.next(&self.faultRandom)
        case .models: self.statistics.modelsCalls += 1
        case .other: break
        }
        if let response = Self.failure(fault, requestID) { return response }
        switch try request.content.get() {
        case .body(let body):
            var response = Self.json(body)
            response.fault = fault
            return response
        case .call(let call, let directives, let account):
            fault = fault ?? directives.fault
            return Self.failure(fault, requestID) ?? self.message(call, directives, account, fault, requestID, now)
        }
    }

    private mutating func message(
        _ call: MessagesCall, _ directives: Directives, _ account: ContentDigest, _ fault: Fault?, _ requestID: String,
        _ now: Timestamp
    ) -> PlannedResponse {
        let outcome = self.cache.begin(call.prompt.cachePrompt(call, account: account), at: now)
        let digest = ContentDigest(
            account, then: ContentDigest(CanonicalContent.bytes(of: call.root, leavingOut: ["stream", "metadata"])))
        let answer = self.answer(call, directives, digest)
        var usage = outcome.usage
        usage.outputTokens = answer.outputTokens
        let encoder = AnswerEncoder(answer: answer, call: call, usage: usage)
        var response: PlannedResponse
        if call.isStreaming {
            var random = SeededGenerator(seed: self.seed, [2, self.calls])
            let pieces = encoder.events(&random).map { PlannedResponse.Piece(bytes: $0.bytes, tokens: $0.tokens) }
            response = PlannedResponse(status: 200, headers: [], pieces: pieces)
            response.isStream = true
        } else {
            response = PlannedResponse(
                status: 200, headers: [],
                pieces: [PlannedResponse.Piece(bytes: encoder.message(), tokens: answer.outputTokens)])
        }
        response.isAnswer = true
        response.usage = usage
        response.writes = outcome.writes
        response.fault = fault
        if case .errorEvent(let events) = fault?.kind, response.isStream {
            let end = AnswerEncoder.errorEvent(APIFailure(status: 529), requestID: requestID)
            response.pieces.removeSubrange(min(events, response.pieces.count)...)
            response.pieces.append(PlannedResponse.Piece(bytes: end, tokens: 0))
        }
        return response
    }

    private mutating func answer(_ call: MessagesCall, _ directives: Directives, _ digest: ContentDigest) -> Answer {
        // What is kept per request is small; what is forgotten only makes a repeat the same sample again.
        if self.repeats.count > 1_000_000 { self.repeats.removeAll() }
        let count = self.repeats[digest, default: 0]
        self.repeats[digest] = count + 1
        let words = (0..<4).map { digest.words[$0] }
        return AnswerWriter(
            call, directives, lastUserText: call.lastUserText,
            random: SeededGenerator(seed: self.seed, words + [3, self.isDeterministic ? 0 : count]),
            identity: SeededGenerator(seed: self.seed, words + [4, count])
        ).write()
    }

    // MARK: Responses

    private static func json(_ body: JSONFragment) -> PlannedResponse {
        PlannedResponse(status: 200, headers: [], pieces: [PlannedResponse.Piece(bytes: body.bytes, tokens: 0)])
    }

    private static func failure(_ failure: APIFailure, _ requestID: String) -> PlannedResponse {
        PlannedResponse(
            status: failure.status, headers: failure.headers,
            pieces: [PlannedResponse.Piece(bytes: failure.body(requestID: requestID), tokens: 0)])
    }

    /// The response to a fault of status; nil for other faults and for none.
    private static func failure(_ fault: Fault?, _ requestID: String) -> PlannedResponse? {
        guard let fault, let failure = APIFailure(fault) else { return nil }
        var response = Self.failure(failure, requestID)
        response.fault = fault
        return response
    }

    private mutating func count(_ response: PlannedResponse, _ now: Timestamp) {
        if response.status >= 400 { self.statistics.errors[response.status, default: 0] += 1 }
        let minute = now.milliseconds / 60_000
        if self.rateWindow.minute != minute { self.rateWindow = (minute, 0, 0, 0) }
        self.rateWindow.requests += 1
        guard let usage = response.usage else { return }
        self.statistics.answers += 1
        self.statistics.usage.inputTokens += usage.inputTokens
        self.statistics.usage.outputTokens += usage.outputTokens
        self.statistics.usage.cacheReadTokens += usage.cacheReadTokens
        self.statistics.usage.cacheWrite5mTokens += usage.cacheWrite5mTokens
        self.statistics.usage.cacheWrite1hTokens += usage.cacheWrite1hTokens
        // Reads do not count against the limit of input tokens.
        self.rateWindow.input += usage.inputTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
        self.rateWindow.output += usage.outputTokens
    }

    private static let limits = (requests: 4_000, input: 2_000_000, output: 400_000)

    /// The header fields that every response has.
    private func headers(
        of response: PlannedResponse, _ requestID: String, _ now: Timestamp
    ) -> [HTTPHeader] {
        var fields = [
            HTTPHeader(
                "content-type", response.isStream ? "text/event-stream; charset=utf-8" : "application/json"),
            HTTPHeader("request-id", requestID),
            HTTPHeader("anthropic-organization-id", self.organizationID),
            HTTPHeader("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
            HTTPHeader("cf-cache-status", "DYNAMIC"), HTTPHeader("vary", "Accept-Encoding"),
        ]
        if response.isStream { fields.append(HTTPHeader("cache-control", "no-cache")) }
        guard response.isAnswer || response.status == 429 else { return fields }
        let exhausted = response.status == 429
        let reset = Timestamp(milliseconds: (now.milliseconds / 60_000 + 1) * 60_000).rfc3339
        func append(_ name: String, _ limit: Int, _ used: Int, roundedTo unit: Int) {
            let remaining = exhausted ? 0 : max(0, limit - (used + unit - 1) / unit * unit)
            fields.append(HTTPHeader("anthropic-ratelimit-\(name)-limit", String(limit)))
            fields.append(HTTPHeader("anthropic-ratelimit-\(name)-remaining", String(remaining)))
            fields.append(HTTPHeader("anthropic-ratelimit-\(name)-reset", reset))
        }
        append("requests", Self.limits.requests, self.rateWindow.requests, roundedTo: 1)
        append("input-tokens", Self.limits.input, self.rateWindow.input, roundedTo: 1_000)
        append("output-tokens", Self.limits.output, self.rateWindow.output, roundedTo: 1_000)
        append(
            "tokens", Self.limits.input + Self.limits.output, self.rateWindow.input + self.rateWindow.output,
            roundedTo: 1_000)
        return fields
    }

    private var organizationID: String {
        var random = SeededGenerator(seed: self.seed, [5])
        let hex = (0..<32).map { _ in random.pick(Array("0123456789abcdef")) }
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
    }
}
