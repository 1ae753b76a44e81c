import RefrainCore
import RefrainKeys

/// A call to upstream that has not ended.
struct PendingCall: Sendable {
    /// The request that began it.
    var index: Int
    var request: CacheRequest
    var ends: Timestamp
}

/// Calls in the order of their ends: a binary heap.
struct CallQueue {
    private var heap: [PendingCall] = []

    /// Adds a call. O(log n).
    mutating func insert(_ call: PendingCall) {
        self.heap.append(call)
        var child = self.heap.count - 1
        while child > 0, Self.precedes(self.heap[child], self.heap[(child - 1) / 2]) {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Removes the call that ends first, where that is no later than `time`. O(log n).
    mutating func popFirst(endingBy time: Timestamp) -> PendingCall? {
        guard let first = self.heap.first, first.ends <= time else { return nil }
        let last = self.heap.removeLast()
        guard !self.heap.isEmpty else { return first }
        self.heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.heap.count && Self.precedes(self.heap[child], self.heap[least]) {
                least = child
            }
            guard least != parent else { return first }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }

    private static func precedes(_ one: PendingCall, _ other: PendingCall) -> Bool {
        (one.ends, one.index) < (other.ends, other.index)
    }
}

/// A door that the replay opens: whoever waits at it passes then.
final class ReplayGate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Locked(State())

    /// Opens the door for good.
    func open() {
        let waiting = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until the door is open.
    func wait() async {
        await withCheckedContinuation { continuation in
            let passes = self.state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if passes { continuation.resume() }
        }
    }
}

extension KeyedTrace {
    /// When the call of a request ends.
    func ends(_ index: Int) -> Timestamp {
        let request = self.trace.requests[index]
        guard self.trace.isTimed else { return request.time }
        let assumed = Duration.milliseconds(500 + 10 * min(request.usage.outputTokens, 100_000))
        return request.time.advanced(by: request.latency ?? assumed)
    }
}

extension RequestTrace.Request {
    /// The ids of the tool calls in its messages.
    var toolUseIDs: [String] {
        guard case .body(let body) = self.content else { return [] }
        return Array(RefrainKeys.toolUseIDs(in: body))
    }

    /// What a scripted upstream answers: what was recorded, or a message of the recorded length.
    var response: HTTPResponse {
        func response(_ body: [UInt8], status: Int = 200, type: String = "application/json") -> HTTPResponse {
            HTTPResponse(status: status, headers: [HTTPHeader("content-type", type)], body: ByteStream(body))
        }
        switch self.answer {
        case .message(let json)?: return response(json)
        case .events(let events)?: return response(events, type: "text/event-stream; charset=utf-8")
        case .text(let text)?:
            return response(SyntheticMessage.json(text: text, model: self.model, usage: self.usage))
        case .failure(let status, let body)?: return response(body, status: status)
        case nil: return response(SyntheticMessage.json(model: self.model, usage: self.usage))
        }
    }
}
