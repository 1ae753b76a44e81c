import CAllocationCounter
import Testing

@testable import RefrainKeys

/// Deriving a key allocates the two states of the keyed hash that it goes on from, and nothing else. Without
/// optimisation the compiler boxes more; what holds there is that the number does not grow with long texts.
@Suite(.enabled(if: refrain_allocations_are_counted())) struct AllocationTests {
    @Test(arguments: [
        #"{"model":"m","max_tokens":1024,"messages":[{"role":"user","content":"Hello"}]}"#,
        #"{"model":"m","max_tokens":1024,"stream":true,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"n","input_schema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"}}}}],"messages":[{"role":"user","content":[{"type":"text","text":"Gr\u00fc\u00dfe"}]}]}"#,
        #"{"model":"m","messages":[{"role":"user","content":"\#(String(repeating: "A long text. ", count: 5000))"}]}"#,
    ]) func `a key costs two allocations`(_ text: String) {
        let body = Array(text.utf8)
        // The first few fill the pool and whatever the libraries make once.
        for _ in 0..<3 { _ = plainDeriver.derive(body) }
        let before = refrain_allocations_of_this_thread()
        let outcome = plainDeriver.derive(body)
        let allocations = refrain_allocations_of_this_thread() - before
        #expect(outcome.key != nil)
        #if DEBUG
            #expect(allocations <= 60, "\(allocations) allocations")
        #else
            #expect(allocations <= 2, "\(allocations) allocations")
        #endif
    }
}
