import RefrainKeys
import Testing

@testable import RefrainCore

@Suite struct LeaseWaitTests {
    private let lease = UpstreamLease(key: RequestKey(memoizing: "a", in: "b"), token: "t")

    @Test func asItsTierAnswers() {
        var wait = LeaseWait(from: 0, patience: .seconds(10))
        #expect(wait.asked(nil, at: 1) == .call, "a tier that cannot say holds nobody up")
        #expect(wait.asked(.everybody, at: 1) == .call)
        #expect(wait.asked(.asker(self.lease), at: 1) == .lead(self.lease))
        #expect(wait.asked(.other, at: 1) == .wait(.milliseconds(100)))
        #expect(wait.asked(.asker(self.lease), at: 2) == .lead(self.lease), "also after waiting")
    }

    @Test func looksLessAndLessOften() {
        var wait = LeaseWait(from: 0, patience: .seconds(3_600))
        let steps = (0..<6).map { _ in wait.asked(.other, at: 0) }
        #expect(
            steps == [100, 200, 400, 800, 1_000, 1_000].map { LeaseWait.Step.wait(.milliseconds($0)) })
    }

    @Test func patienceEnds() {
        var wait = LeaseWait(from: 5, patience: .milliseconds(250))
        let end: UInt64 = 5 + 250_000_000
        #expect(wait.asked(.other, at: end - 40_000_000) == .wait(.milliseconds(40)), "no longer than patience lasts")
        #expect(wait.asked(.other, at: end) == .call)
        #expect(wait.asked(.other, at: .max) == .call)
    }
}
