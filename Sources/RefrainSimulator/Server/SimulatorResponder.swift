import HTTPTypes
import Hummingbird
import NIOCore
import RefrainCore
import RefrainKeys

/// What a request needs besides itself: the connection, for the faults that are the connection's.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = .init(source: source)
        self.channel = source.channel
    }
}

/// What the server's connections share.
struct SimulatorState: Sendable {
    var claude: SimulatedClaude
    /// The last requests, where they are kept.
    var recorded: [SimulatedRequest] = []
}

/// Sends what the simulation plans, at the pace that it plans.
struct SimulatorResponder: HTTPResponder {
    typealias Context = SimulatorContext

    let configuration: SimulatorConfiguration
    let reader: RequestReader
    let state: Locked<SimulatorState>

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        // A client that goes away ends the connection, rather than only its own half of it.
        try await context.channel.setOption(ChannelOptions.allowRemoteHalfClosure, value: false).get()
        let arrived = self.configuration.time.now()
        let simulated = try await self.collect(request)
        let read = self.reader.read(simulated)
        let response = self.state.withLock { state in
            if self.configuration.recordedRequests > 0 {
                state.recorded.append(simulated)
                if state.recorded.count > self.configuration.recordedRequests { state.recorded.removeFirst() }
            }
            return state.claude.plan(read, at: arrived)
        }
        return try await Delivery(
            response: response, script: DeliveryScript(response, self.configuration), time: self.configuration.time,
            state: self.state, channel: context.channel
        ).respond()
    }

    private func collect(_ request: Request) async throws -> SimulatedRequest {
        var body: [UInt8] = []
        if let length = request.headers[.contentLength].flatMap({ Int($0) }) {
            body.reserveCapacity(min(length, RequestReader.maximumBody))
        }
        for try await chunk in request.body {
            // What is over the limit is read, as a client would not see the answer otherwise, but not kept.
            if body.count <= RequestReader.maximumBody { body.append(contentsOf: chunk.readableBytesView) }
        }
        return SimulatedRequest(
            method: request.method.rawValue, path: request.head.path ?? "/",
            headers: request.headers.map { HTTPHeader($0.name.canonicalName, $0.value) }, body: body)
    }
}
