// The key of a request body: whatever the bytes are, it is derived or refused, and what is keyed keeps its promises.
import RefrainKeys

private let deriver = KeyDeriver(KeyContext(scope: .shared("fuzz")))

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = Array(UnsafeBufferPointer(start: start, count: count))
    guard case .key(let keyed) = deriver.derive(body) else { return 0 }
    do throws(BypassReason) {
        // The canonical body is a request of the same key, and is its own canonical body.
        let canonical = try deriver.canonicalBody(body)
        guard case .key(let again) = deriver.derive(canonical) else { fatalError("the canonical body has no key") }
        guard again.key == keyed.key else { fatalError("the canonical body has another key") }
        guard try deriver.canonicalBody(canonical) == canonical else { fatalError("the canonical body is not stable") }
    } catch {
        fatalError("a body that has a key has no canonical form")
    }
    // White space around the value is no part of it.
    guard case .key(let spaced) = deriver.derive([0x20, 0x0A] + body + [0x09]), spaced.key == keyed.key else {
        fatalError("white space moves the key")
    }
    return 0
}
