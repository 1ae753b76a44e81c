import NIOCore
import RefrainCore
import Testing

@testable import RefrainRedis

/// What callers and the event loop share. Waiters are letters.
@Suite("RedisSubmissions")
struct RedisSubmissionsTests {
    /// The value as an object: expectations cannot contain calls that change a value.
    private final class Submissions {
        var value = RedisSubmissions<String>()

        /// What is to be done, in words.
        func submit(_ waiter: String, _ text: String, own: Bool = false) -> String {
            let slot = RedisSlot(waiter, replyCount: 1, isBatch: false, byteCount: text.utf8.count, deadline: 1)
            let buffer = own ? ByteBuffer(string: text) : nil
            switch self.value.submit(slot, own: buffer, { $0.writeString(text) }) {
            case .queued(let id, let flushes): return "queued \(id)\(flushes ? ", flush" : "")"
            case .closed(let reason): return "closed: \(reason.message)"
            }
        }

        /// Who waits, and the buffers to be written.
        func take(spare: RedisSubmissions<String>.Batch = .init()) -> [String] {
            Self.text(self.value.take(spare: spare))
        }

        func close() -> [String]? { self.value.close(StoreError(.unavailable, "lost")).map(Self.text) }

        private static func text(_ batch: RedisSubmissions<String>.Batch) -> [String] {
            [batch.slots.compactMap(\.waiter).joined()]
                + (batch.parts + [batch.tail]).map { String(buffer: $0) }.filter { !$0.isEmpty }
        }
    }

    @Test("Small commands share a buffer; a large one keeps its own, in its place")
    func order() {
        let submissions = Submissions()
        #expect(submissions.take() == [""])
        _ = submissions.submit("a", "1")
        _ = submissions.submit("b", "2")
        _ = submissions.submit("c", "LARGE", own: true)
        _ = submissions.submit("d", "3")
        _ = submissions.submit("e", "HUGE", own: true)
        _ = submissions.submit("f", "GIANT", own: true)
        #expect(submissions.take() == ["abcdef", "12", "LARGE", "3", "HUGE", "GIANT"])
        _ = submissions.submit("g", "BIG", own: true)
        _ = submissions.submit("h", "4")
        #expect(submissions.take() == ["gh", "BIG", "4"])
        #expect(submissions.take() == [""])
    }

    @Test("One flush is asked for until what there is has been taken; the places are numbered on")
    func flushes() {
        let submissions = Submissions()
        #expect(submissions.submit("a", "1") == "queued 0, flush")
        #expect(submissions.submit("b", "2") == "queued 1")
        _ = submissions.take()
        #expect(submissions.submit("c", "3") == "queued 2, flush")
        _ = submissions.take()
        _ = submissions.take()
        #expect(submissions.submit("d", "LARGE", own: true) == "queued 3, flush")
    }

    @Test("Closing hands over what will not be sent, once; then nothing is taken")
    func closing() {
        let submissions = Submissions()
        #expect(submissions.value.isOpen)
        _ = submissions.submit("a", "1")
        #expect(submissions.close() == ["a", "1"])
        #expect(!submissions.value.isOpen)
        #expect(submissions.close() == nil)
        #expect(submissions.submit("b", "2") == "closed: lost")
        #expect(submissions.take() == [""])
    }
}
