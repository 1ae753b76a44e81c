import Logging
import RefrainCore
import RefrainKeys

// Answers to plain calls.
extension CachedClaude {
    /// A hit in memory.
    func lookup(_ keyed: KeyedRequest, _ body: [UInt8], _ policy: CachePolicy, start: UInt64) -> RawReply? {
        guard
            let hit = self.cache.lookup(
                keyed.key, policy: policy,
                toolUseIDs: { keyed.hasToolUse ? Array(RefrainKeys.toolUseIDs(in: body)) : [] }
            )
        else { return nil }
        return RawReply(
            status: 200, headers: hit.envelope.headers, body: hit.envelope.body, cache: hit.status, key: keyed.key,
            promptCaching: nil, elapsed: self.elapsed(since: start),
            upstreamTime: .milliseconds(hit.envelope.details.upstreamMilliseconds), models: self.models
        )
    }

    /// An answer through the cache.
    func fetch(
        _ body: [UInt8], _ keyed: KeyedRequest, _ policy: CachePolicy, _ promptCaching: PromptCaching?, start: UInt64
    ) async throws -> RawReply {
        let outgoing = keyed.isStreaming ? JSONSplice.setting(stream: false, in: body) : body
        let call = OutgoingCall(self, outgoing, promptCaching ?? self.promptCaching)
        let response: CachedResponse
        do {
            response = try await self.cache.respond(to: self.request(keyed, body, policy)) { try await call.send($0) }
        } catch {
            throw self.translated(error, keyed.key)
        }
        self.log(response.cache, keyed.key)
        return RawReply(
            status: response.status, headers: response.headers, body: response.body, cache: response.cache,
            key: keyed.key, promptCaching: response.cache.isSaved ? nil : call.plan,
            elapsed: self.elapsed(since: start),
            upstreamTime: response.details.map { .milliseconds($0.upstreamMilliseconds) }, models: self.models
        )
    }

    /// An answer past the cache, to a body that goes out as it came.
    func pass(_ body: [UInt8], _ reason: BypassReason, start: UInt64) async throws -> RawReply {
        let call = OutgoingCall(self, JSONSplice.setting(stream: false, in: body), nil)
        let response: CachedResponse
        do {
            response = try await self.cache.respond(bypassing: CacheReason(reason), bodyBytes: body.count) {
                try await call.send($0)
            }
        } catch {
            throw self.translated(error, nil)
        }
        self.log(response.cache, nil)
        return RawReply(
            status: response.status, headers: response.headers, body: response.body, cache: response.cache, key: nil,
            promptCaching: nil, elapsed: self.elapsed(since: start), upstreamTime: nil, models: self.models
        )
    }

    /// The request as the cache sees it.
    func request(_ keyed: KeyedRequest, _ body: [UInt8], _ policy: CachePolicy) -> CacheRequest {
        let model = keyed.model.map { String(decoding: JSONString.unescaped(body[$0]), as: UTF8.self) }
        return CacheRequest(
            key: keyed.key, policy: policy, credential: self.credentialFingerprint, model: model ?? "",
            bodyBytes: body.count,
            toolUseIDs: { keyed.hasToolUse ? Array(RefrainKeys.toolUseIDs(in: body)) : [] }
        )
    }

    /// An error of the cache's as callers of the client know it.
    func translated(_ error: any Error, _ key: RequestKey?) -> any Error {
        let translated: any Error =
            if let response = error as? UpstreamResponseError {
                ClaudeError(
                    status: response.status, headers: response.headers, body: response.body, now: self.time.now()
                )
            } else {
                error
            }
        self.logger.debug(
            "no answer",
            metadata: [
                "refrain.key": "\(key?.hex ?? "-")",
                "refrain.error": "\((translated as? ClaudeError)?.shortDescription ?? "\(type(of: translated))")",
            ]
        )
        return translated
    }

    func elapsed(since start: UInt64) -> Duration {
        .nanoseconds(Int64(clamping: self.time.monotonicNanoseconds() &- start))
    }

    /// Logs an answer that was not a plain hit in memory.
    func log(_ status: CacheStatus, _ key: RequestKey?) {
        self.logger.debug(
            "answered",
            metadata: [
                "refrain.cache": "\(status.headerValue)", "refrain.reason": "\(status.reason?.description ?? "-")",
                "refrain.key": "\(key?.hex ?? "-")",
            ]
        )
    }
}

/// A request on its way to the API, should it have to go there.
final class OutgoingCall: Sendable {
    private let endpoint: Endpoint
    private let transport: any HTTPTransport
    private let maximumResponseBytes: Int
    private let body: [UInt8]
    private let planner: PromptCachePlanner?
    private let placed = Locked<PromptCachePlan?>(nil)

    /// - Parameter promptCaching: Who places marks; nil where the body is to go out as it is.
    init(_ client: CachedClaude, _ body: [UInt8], _ promptCaching: PromptCaching?) {
        self.endpoint = client.endpoint
        self.transport = client.transport
        self.maximumResponseBytes = client.maximumResponseBytes
        self.body = body
        self.planner = promptCaching.map { PromptCachePlanner($0, models: client.models) }
    }

    /// Where marks were placed; nil where nothing was sent.
    var plan: PromptCachePlan? { self.placed.withLock { $0 } }

    /// Sends the request with its marks.
    func send(_ call: UpstreamCall) async throws -> HTTPResponse {
        let request = self.endpoint.request(Endpoint.Path.messages, self.marked(), isStreaming: call.isStreaming)
        if call.isStreaming { return try await self.transport.send(request) }
        // Whole or not at all, so that a body that was cut short is asked for again.
        return try await self.transport.collect(request, upTo: self.maximumResponseBytes).response
    }

    private func marked() -> [UInt8] {
        guard let planner else { return self.body }
        let (body, plan) = planner.apply(to: self.body)
        let older = self.placed.withLock { placed in
            let older = placed
            placed = plan
            return older
        }
        return withExtendedLifetime(older) { body }
    }
}

extension CacheReason {
    /// Why a request has no key, without where in it.
    init(_ reason: BypassReason) { self.init(reason.code.description) }
}
