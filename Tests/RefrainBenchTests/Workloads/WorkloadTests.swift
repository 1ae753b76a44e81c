import RefrainBench
import Testing

@Suite struct WorkloadTests {
    @Test(arguments: EvictionWorkload.allCases)
    func aSeedRepeatsAWorkload(workload: EvictionWorkload) {
        let trace = workload.trace(requests: 5_000, seed: 3)
        #expect(trace.requests == workload.trace(requests: 5_000, seed: 3).requests)
        #expect(trace.requests != workload.trace(requests: 5_000, seed: 4).requests)
        #expect(trace.requests.count == 5_000)
    }

    /// A key's answer never changes, and dollars per byte differ by far more than sizes do.
    @Test func answersHaveSizesAndCosts() throws {
        let trace = EvictionWorkload.zipf.trace(requests: 40_000, seed: 1)
        var answers: [Int32: EvictionTrace.Request] = [:]
        for request in trace.requests {
            #expect(answers[request.key, default: request] == request)
            answers[request.key] = request
        }
        let worths = answers.values.map { $0.cost / Double($0.size) }.sorted()
        #expect(worths[worths.count * 99 / 100] / worths[worths.count / 100] > 30)
        let sizes = answers.values.map(\.size).sorted()
        #expect((1_000...2_000).contains(try #require(sizes.dropFirst(sizes.count / 2).first)))
    }

    @Test(.enabled(if: RecordedTraces.isThere, "the public traces are not beside the checkout"))
    func recordedRequestsRepeatAsTheyDid() throws {
        let folder = try #require(RecordedTraces.folder)
        func repeats(_ workload: RecordedWorkload) throws -> Double {
            let trace = try workload.read(folder: folder)
            return (1 - Double(trace.keyCount) / Double(trace.requests.count)) * 1_000
        }
        #expect(try repeats(.openHands).rounded() == 767)
        #expect(try repeats(.treeOfThoughts).rounded() == 592)
        #expect(try repeats(.treeOfThoughtsByPrompt).rounded() == 839)
        #expect(try repeats(.fewShotThrice).rounded() == 667)
        #expect(try repeats(.cassettes).rounded() == 349)
        #expect(try RecordedWorkload.cassettes.read(folder: folder).requests.count == 565)
    }
}
