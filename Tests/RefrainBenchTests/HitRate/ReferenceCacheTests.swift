import RefrainBench
import RefrainCore
import Testing

@Suite("The reference's cache") struct ReferenceCacheTests {
    private func body(_ members: String) -> String {
        #"{\#(members)"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#
    }

    @Test("A hit extends an entry's lifetime, unless that is turned off")
    func extending() {
        let trace = SampleTraces.trace([0, 200, 400, 600].map { SampleTraces.request(at: $0, "a") })
        #expect(ReferenceCache.hitRates(of: trace, lifetimes: [.minutes(5), nil]) == [0.75, 0.75])
        #expect(ReferenceCache.hitRates(of: trace, lifetimes: [.minutes(5)], extendsOnHit: false) == [0.5])
    }

    @Test("Bodies are compared as JSON, with or without stream and metadata")
    func keying() {
        let trace = SampleTraces.trace([
            SampleTraces.request(at: 0, body: self.body("")),
            SampleTraces.request(
                at: 1, body: #"{"messages":[{"content":"\u0061","role":"user"}],"max_tokens":1,"model":"m"}"#),
            SampleTraces.request(at: 2, body: self.body(#""stream":true,"metadata":{"user_id":"u"},"#)),
            // Neither key knows that a string and a block with it are one.
            SampleTraces.request(
                at: 3,
                body:
                    #"{"messages":[{"content":[{"type":"text","text":"a"}],"role":"user"}],"max_tokens":1,"model":"m"}"#
            ),
        ])
        #expect(ReferenceCache.hitRates(of: trace, lifetimes: [nil]) == [0.25])
        #expect(ReferenceCache.hitRates(of: trace, keying: .bodyWithoutStream, lifetimes: [nil]) == [0.5])
    }

    @Test("Samples are told apart, unless they are left out of the key")
    func samples() {
        var requests = [0, 1].map { SampleTraces.request(at: $0, "a") }
        requests[1].sample = 1
        #expect(ReferenceCache.hitRates(of: SampleTraces.trace(requests), lifetimes: [nil]) == [0])
        #expect(ReferenceCache.hitRates(of: SampleTraces.trace(requests), lifetimes: [nil], keysSample: false) == [0.5])
    }
}
