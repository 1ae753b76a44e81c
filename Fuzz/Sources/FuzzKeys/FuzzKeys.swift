// The key of a request body: whatever the bytes are, it is derived or refused, and what is keyed keeps its promises.
import RefrainKeys

private let deriver = KeyDeriver(KeyContext(scope: .shared("fuzz")))

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = Array(UnsafeBufferPointer(start: start, count: count))
    let outcome = deriver.derive(body)
    checkValidity(body, outcome)
    guard case .key(let keyed) = outcome else { return 0 }
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

/// The body is refused as no JSON exactly where a validator of another kind says so.
private func checkValidity(_ body: [UInt8], _ outcome: KeyOutcome) {
    var isRefused = false
    if case .bypass(let reason) = outcome {
        // Noticed before the end was seen.
        if [.tooDeep, .tooLarge, .tooManyValues, .duplicateMember].contains(reason.code) { return }
        isRefused = reason.code == .invalidJSON || reason.code == .invalidUTF8
    }
    guard let isValid = JSONValidator.validate(body, limit: JSONLimits.request.depth) else { return }
    guard isValid != isRefused else { fatalError("valid: \(isValid), but \(outcome)") }
}
