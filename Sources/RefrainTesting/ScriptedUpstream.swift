public import RefrainCore
import RefrainKeys

/// An upstream that does, step by step, what a test tells it to, and counts what it was asked.
///
/// ```swift
/// let gate = Gate()
/// let upstream = ScriptedUpstream(.message(SampleMessage.json("Hello"), after: [.wait(gate)]))
/// async let answer = cache.respond(to: request, upstream: upstream.call)
/// await upstream.waitForCalls(1)
/// gate.open()
/// ```
public final class ScriptedUpstream: Sendable {
    /// Something that happens in the course of a call.
    public struct Step: Sendable {
        enum Kind: Sendable {
            case bytes([UInt8])
            case wait(Gate)
            case fail(any Error)
            case hang
        }
        let kind: Kind

        /// A chunk of the body arrives. Not to be used before the headers.
        public static func bytes(_ bytes: [UInt8]) -> Step { Step(kind: .bytes(bytes)) }
        /// Nothing happens until the gate is open.
        public static func wait(_ gate: Gate) -> Step { Step(kind: .wait(gate)) }
        /// The transport fails.
        public static func fail(_ error: any Error) -> Step { Step(kind: .fail(error)) }
        /// Nothing happens any more, until the call is cancelled.
        public static let hang = Step(kind: .hang)
    }

    /// The course of one call.
    public struct Script: Sendable {
        /// What happens before the headers arrive.
        public var opening: [Step]
        /// The status code.
        public var status: Int
        /// The header fields.
        public var headers: [HTTPHeader]
        /// What happens after the headers.
        public var body: [Step]

        /// Creates a script.
        public init(opening: [Step] = [], status: Int = 200, headers: [HTTPHeader] = [], body: [Step] = []) {
            self.opening = opening
            self.status = status
            self.headers = headers
            self.body = body
        }

        /// A plain answer with status 200.
        public static func message(_ json: [UInt8], after opening: [Step] = []) -> Script {
            Script(
                opening: opening,
                headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_scripted")],
                body: [.bytes(json)])
        }

        /// A stream with status 200, a chunk for each event.
        public static func stream(_ events: [[UInt8]], after opening: [Step] = []) -> Script {
            .stream(steps: events.map(Step.bytes), after: opening)
        }

        /// A stream with status 200.
        public static func stream(steps: [Step], after opening: [Step] = []) -> Script {
            Script(
                opening: opening,
                headers: [
                    HTTPHeader("content-type", "text/event-stream; charset=utf-8"),
                    HTTPHeader("request-id", "req_scripted"),
                ],
                body: steps)
        }

        /// An error of the API's shape.
        public static func error(
            _ status: Int, type: String = "api_error", message: String = "scripted", headers: [HTTPHeader] = [],
            after opening: [Step] = []
        ) -> Script {
            Script(
                opening: opening, status: status,
                headers: [HTTPHeader("content-type", "application/json")] + headers,
                body: [.bytes(APIErrorBody(type: APIErrorBody.Kind(rawValue: type), message: message).encoded())])
        }
    }

    private struct State {
        var calls: [UpstreamCall] = []
        var active = 0
        var cancelled = 0
        var watchers: [(isMet: @Sendable (Int, Int) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
            let (calls, cancelled) = (self.calls.count, self.cancelled)
            let met = self.watchers.filter { $0.isMet(calls, cancelled) }
            self.watchers.removeAll { $0.isMet(calls, cancelled) }
            return met.map(\.continuation)
        }
    }

    private let script: @Sendable (Int, UpstreamCall) -> Script
    private let state = Locked(State())

    /// Creates an upstream whose calls go as `script` says of each, by its number, counted from 0, and what it asks for.
    public init(_ script: @escaping @Sendable (_ number: Int, _ call: UpstreamCall) -> Script) { self.script = script }

    /// Creates an upstream whose calls all go the same way.
    public convenience init(_ script: Script) { self.init { _, _ in script } }

    /// Creates an upstream that answers every call with a message, in the form that is asked for.
    public convenience init(message: [UInt8]) {
        let events = (try? MessageReplayer.events(for: message)) ?? []
        self.init { _, call in call.isStreaming ? .stream(events) : .message(message) }
    }

    /// Makes a call: to be passed where an ``Upstream`` is asked for.
    public var call: Upstream { { try await self.answer($0) } }

    /// The number of calls so far.
    public var callCount: Int { self.state.withLock { $0.calls.count } }
    /// What each call asked for.
    public var calls: [UpstreamCall] { self.state.withLock { $0.calls } }
    /// How many calls were cancelled before their answer was whole.
    public var cancelledCount: Int { self.state.withLock { $0.cancelled } }

    /// Waits until there have been at least `count` calls.
    public func waitForCalls(_ count: Int) async { await self.wait { calls, _ in calls >= count } }

    /// Waits until at least `count` calls were cancelled.
    public func waitForCancellations(_ count: Int) async { await self.wait { _, cancelled in cancelled >= count } }

    private func wait(until isMet: @escaping @Sendable (Int, Int) -> Bool) async {
        await withCheckedContinuation { continuation in
            let now = self.state.withLock { state in
                let now = isMet(state.calls.count, state.cancelled)
                if !now { state.watchers.append((isMet, continuation)) }
                return now
            }
            if now { continuation.resume() }
        }
    }

    private func answer(_ call: UpstreamCall) async throws -> HTTPResponse {
        let (number, watchers) = self.state.withLock { state in
            state.calls.append(call)
            return (state.calls.count - 1, state.takeWatchers())
        }
        for watcher in watchers { watcher.resume() }
        let script = self.script(number, call)
        for step in script.opening { _ = try await self.perform(step) }
        let position = Locked(0)
        return HTTPResponse(
            status: script.status, headers: script.headers,
            body: ByteStream {
                while true {
                    let step = position.withLock { position -> Step? in
                        guard position < script.body.count else { return nil }
                        position += 1
                        return script.body[position - 1]
                    }
                    guard let step else { return nil }
                    if let bytes = try await self.perform(step) { return bytes }
                }
            })
    }

    private func perform(_ step: Step) async throws -> [UInt8]? {
        do {
            switch step.kind {
            case .bytes(let bytes):
                try Task.checkCancellation()
                return bytes
            case .wait(let gate): try await gate.wait()
            case .fail(let error): throw error
            case .hang: try await Gate().wait()
            }
            return nil
        } catch let error as CancellationError {
            let watchers = self.state.withLock { state in
                state.cancelled += 1
                return state.takeWatchers()
            }
            for watcher in watchers { watcher.resume() }
            throw error
        }
    }
}
