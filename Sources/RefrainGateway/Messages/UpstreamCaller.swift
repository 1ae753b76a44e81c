import Refrain
import RefrainCore
import RefrainKeys

/// Sends a request of `/v1/messages` upstream, should it have to go there.
final class UpstreamCaller: Sendable {
    private let state: GatewayState
    private let question: Question
    private let headers: [HTTPHeader]

    init(_ state: GatewayState, _ question: Question, _ key: NamedScope.UpstreamKey?) {
        self.state = state
        self.question = question
        var headers = question.head.fields.forwarded
        if let key { ForwardedHeaders.replaceCredential(in: &headers, by: key) }
        self.headers = headers
    }

    /// Sends it for the cache, marked for the API's prompt cache where that is wanted.
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let request = self.request(self.marked(), isStreaming: call.isStreaming)
        // A plain answer comes whole or not at all, so that half of one is never taken for it.
        let response =
            call.isStreaming
            ? try await self.state.transport.send(request)
            : try await self.state.transport.collect(request, upTo: 64 << 20).response
        if response.status == 200 { self.state.ledger.withLock { $0.addUpstream(status: 200) } }
        return response
    }

    /// Sends it as it came.
    func pass() async throws -> UpstreamResponse {
        // What it will be is not known, so it may take as long as a stream.
        try await self.state.transport.send(self.request(self.question.body, isStreaming: true))
    }

    private func request(_ body: [UInt8], isStreaming: Bool) -> UpstreamRequest {
        let timeouts = self.state.configuration.timeouts
        return UpstreamRequest(
            method: "POST", url: self.state.upstream.url("/v1/messages"), headers: self.headers, body: .bytes(body),
            timeouts: isStreaming ? timeouts.withoutTotal : timeouts)
    }

    private func marked() -> [UInt8] {
        guard !self.question.isEncoded else { return self.question.body }
        let planner = PromptCachePlanner(
            self.state.configuration.promptCaching, models: self.state.configuration.models)
        return planner.apply(to: self.question.body).body
    }
}

extension UpstreamRequest.Timeouts {
    /// The same for what may take as long as it goes on: its answer has to begin within what a whole one may take.
    var withoutTotal: Self {
        var timeouts = self
        timeouts.firstByte = self.firstByte ?? self.total
        timeouts.total = nil
        return timeouts
    }
}
