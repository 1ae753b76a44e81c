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
                let answers = try await crowd.run { try await shared.value.count }
                guard answers.allSatisfy({ $0 == message.count }) else { throw wrong("another answer") }
            }
        }
        return LatencyCase(.flights, "\(callers) callers of one upstream call", reference: reference) { count in
            for _ in 0..<count {
                // A caller that is held up between coming and joining may find the answer in memory. It has shared no call,
                // so that round does not count.
                var joins = 0
                for _ in 0..<100 where joins < callers - 1 {
                    let number = numbers.withLock { number in
                        number += 1
                        return number
                    }
                    joins = try await Self.joins(of: callers, number, in: cache, message)
                }
                guard joins == callers - 1 else { throw wrong("callers that do not join") }
            }
        }
    }

    /// How many of so many callers who ask for one key have joined the call of another.
    ///
    /// - Parameters:
    ///   - number: What nobody has asked for yet.
    ///   - message: What upstream answers when all have come.
    /// - Throws: Where there is more than one upstream call, or a wrong answer.
    static func joins(
        of callers: Int, _ number: Int, in cache: ResponseCache, _ message: [UInt8]
    ) async throws -> Int {
        let request = CacheRequest(key: RequestKey(memoizing: "\(number)", in: "flights"))
        let crowd = Crowd(callers)
        let answers = try await crowd.run {
            let answer = try await cache.respond(to: request) { _ in
                try await crowd.gather()
                return SampleAnswer.response(message)
            }
            guard answer.body.count == message.count else { throw wrong("another answer") }
            return answer.cache
        }
        let misses = answers.count { if case .miss = $0 { true } else { false } }
        guard misses == 1 else { throw wrong("\(misses) upstream calls") }
        return answers.count { $0 == .joined }
    }
}
