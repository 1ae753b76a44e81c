import RefrainCore
import RefrainKeys

extension LatencyCase {
    /// Callers that ask the same at once and share a call, beside tasks that wait for the value of one task.
    static func flight() -> LatencyCase {
        let cache = ResponseCache(memory: MemoryStore())
        let message = SampleAnswer.message(bytes: 2_048)
        let numbers = Locked(0)
        let callers = 64
        let reference = Reference("\(callers) tasks that wait for another's value") { count in
            for _ in 0..<count {
                let crowd = Crowd(callers)
                let shared = Task {
                    try await crowd.gather()
                    return message
                }
                try await crowd.run { try await shared.value.count == message.count }
            }
        }
        return LatencyCase(.flights, "\(callers) callers of one upstream call", reference: reference) { count in
            for _ in 0..<count {
                let number = numbers.withLock { number in
                    number += 1
                    return number
                }
                let request = CacheRequest(key: RequestKey(memoizing: "\(number)", in: "flights"))
                let crowd = Crowd(callers)
                let calls = Locked(0)
                try await crowd.run {
                    let answer = try await cache.respond(to: request) { _ in
                        calls.withLock { $0 += 1 }
                        try await crowd.gather()
                        return SampleAnswer.response(message)
                    }
                    return answer.body.count == message.count
                }
                guard calls.withLock({ $0 }) == 1 else { throw wrong("\(calls.withLock { $0 }) upstream calls") }
            }
        }
    }
}

/// Tasks that all ask before one of them is answered.
private struct Crowd: Sendable {
    private let size: Int
    private let arrived = Arrivals()

    private final class Arrivals: Sendable { let count = Locked(0) }

    init(_ size: Int) { self.size = size }

    /// Returns when everybody has come.
    func gather() async throws {
        for _ in 0..<10_000_000 {
            if self.arrived.count.withLock({ $0 }) == self.size { return }
            await Task.yield()
        }
        throw LatencyCase.wrong("callers that do not come")
    }

    /// Lets everybody ask at once; `ask` tells whether it got the right answer.
    func run(_ ask: @escaping @Sendable () async throws -> Bool) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<self.size {
                group.addTask {
                    self.arrived.count.withLock { $0 += 1 }
                    return try await ask()
                }
            }
            for try await isRight in group where !isRight { throw LatencyCase.wrong("another answer") }
        }
    }
}
