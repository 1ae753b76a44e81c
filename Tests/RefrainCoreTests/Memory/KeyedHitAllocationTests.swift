import RefrainCore
import RefrainKeys
import Testing

#if DEBUG
    private let isOptimized = false
#else
    private let isOptimized = true
#endif

/// A hit from bytes: the key is derived, and the entry looked up. Only in release builds, since the scanner's and the
/// hash's generic code allocates where the compiler does not specialise it.
@Suite(.enabled(if: allocationsAreCounted && isOptimized)) struct KeyedHitAllocationTests {
    @Test(arguments: [100, 4_000, 100_000])
    func aHitFromBytesTakesNoMoreThanTheHash(promptBytes: Int) throws {
        let body = Array(
            #"""
            {"model":"claude-sonnet-4-5","max_tokens":1024,"temperature":0,"system":"Be brief.","messages":[
            {"role":"user","content":[{"type":"text","text":"\#(String(repeating: "word ", count: promptBytes / 5))"}]}]}
            """#.utf8)
        let deriver = KeyDeriver(KeyContext(scope: .shared("tests")))
        guard case .key(let keyed) = deriver.derive(body) else {
            Issue.record("the request has no key")
            return
        }
        let store = sampleStore()
        let now = Timestamp(milliseconds: 1_500)
        store.insert(sampleEnvelope(keyed.key), now: now)
        #expect(
            allocations {
                guard case .key(let keyed) = deriver.derive(body), store.lookup(keyed.key, now: now) != nil else {
                    Issue.record("no hit")
                    return
                }
            } <= 2)
    }
}
