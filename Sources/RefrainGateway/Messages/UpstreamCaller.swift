import Refrain
import RefrainCore
import RefrainKeys

/// Sends a request of `/v1/messages` upstream, should it have to go there.
final class UpstreamCaller: Sendable {
    private let state: GatewayState
    private let question: Question
    private let headers: [HTTPHeader]
    /// The model that is asked for; empty where that is not known.
    private let model: String

    init(_ state: GatewayState, _ question: Question, _ key: NamedScope.UpstreamKey?, model: String) {
        self.state = state
        self.question = question
        self.model = model
        var headers = question.head.fields.forwarded
        if let key { ForwardedHeaders.replaceCredential(in: &headers, by: key) }
        self.headers = headers
    }

    /// Sends it for the cache, marked for the API's prompt cache where that is wanted.
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let request = self.request(self.marked(), "/v1/messages", isStreaming: call.isStreaming)
        guard call.isStreaming else {
            // A plain answer comes whole or not at all, so that half of one is never taken for it.
            let answer = try await self.state.transport.collect(request, upTo: 64 << 20)
            let meter = self.counted(answer.response)
            meter.read(answer.body)
            meter.end()
            return answer.response
        }
        var response = try await self.state.transport.send(request)
        response.body = self.counted(response).metered(response.body)
        return response
    }

    /// Sends it as it came. Who passes the answer on tells the meter what goes by.
    func pass() async throws -> (response: UpstreamResponse, meter: CallMeter) {
        // What it will be is not known, so it may take as long as a stream.
        let path = "/v1/messages" + self.question.query
        let response = try await self.state.transport.send(self.request(self.question.body, path, isStreaming: true))
        return (response, self.counted(response))
    }

    private func counted(_ response: UpstreamResponse) -> CallMeter {
        self.state.ledger.withLock { $0.addUpstream(status: response.status) }
        return CallMeter(response, model: self.model, self.state)
    }

    private func request(_ body: [UInt8], _ path: String, isStreaming: Bool) -> UpstreamRequest {
        let timeouts = self.state.configuration.timeouts
        return UpstreamRequest(
            method: "POST", url: self.state.upstream.url(path), headers: self.headers, body: .bytes(body),
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
