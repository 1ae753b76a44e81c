import RefrainCore
import RefrainKeys

/// Counts what one call to upstream used, once: when its answer is whole, or is read no further by anybody.
///
/// The call belongs to no request: whoever began it may leave, and others may take its answer.
final class CallMeter: Sendable {
    private struct State {
        var meter: PassingMeter
        var isCounted = false
    }

    private let state: Locked<State>
    private let gateway: GatewayState
    private let model: String

    /// - Parameter model: The model that was asked for.
    init(_ response: UpstreamResponse, model: String, _ gateway: GatewayState) {
        self.state = Locked(State(meter: PassingMeter(response)))
        self.gateway = gateway
        self.model = model
    }

    deinit { self.end() }

    /// The body of the answer, counted when it ends or is let go of.
    func metered(_ body: ByteStream) -> ByteStream {
        ByteStream {
            var iterator = body.makeAsyncIterator()
            guard let chunk = try await iterator.next() else {
                self.end()
                return nil
            }
            self.read(chunk)
            return chunk
        }
    }

    /// What the answer has told so far.
    var tokens: UsageMeter { self.state.withLock { $0.meter.tokens } }

    /// Takes the next bytes of the answer.
    func read(_ chunk: [UInt8]) { self.state.withLock { $0.meter.read(chunk) } }

    /// The answer is over.
    func end() {
        let tokens = self.state.withLock { state -> UsageMeter? in
            guard !state.isCounted else { return nil }
            state.isCounted = true
            return state.meter.tokens
        }
        guard let tokens, let usage = tokens.usage else { return }
        let cost = self.gateway.configuration.models.cost(of: usage, model: tokens.model)
        let now = self.gateway.time.now()
        self.gateway.ledger.withLock { $0.addCall(usage, cost: cost, model: self.model, at: now) }
    }
}
