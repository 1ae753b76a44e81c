import Testing

@testable import RefrainKeys

/// What most tests derive keys with.
let plainContext = KeyContext(scope: .shared("tests"))
let plainDeriver = KeyDeriver(plainContext)

/// What deriving the key of `body` comes to.
func derive(_ body: String, _ options: KeyOptions = KeyOptions()) -> KeyOutcome {
    var context = plainContext
    context.options = options
    return KeyDeriver(context).derive(Array(body.utf8))
}

/// The key of `body`; nil where it has none.
func key(_ body: String, _ options: KeyOptions = KeyOptions()) -> RequestKey? { derive(body, options).key }

/// Why `body` has no key; nil where it has one.
func bypass(_ body: String, _ options: KeyOptions = KeyOptions()) -> BypassReason? {
    switch derive(body, options) {
    case .key: nil
    case .bypass(let reason): reason
    }
}

/// The canonical form of `body`, or the reason why it has none.
func canonical(_ body: String, _ options: KeyOptions = KeyOptions()) -> String {
    var context = plainContext
    context.options = options
    do {
        return String(decoding: try KeyDeriver(context).canonicalBody(Array(body.utf8)), as: UTF8.self)
    } catch {
        return error.description
    }
}

/// Expects that every body has a key, and no two of them the same.
func expectDistinct(
    _ bodies: [String], _ options: KeyOptions = KeyOptions(), sourceLocation: SourceLocation = #_sourceLocation
) {
    var seen: [RequestKey: String] = [:]
    for body in bodies {
        guard let key = key(body, options) else {
            Issue.record("no key: \(derive(body, options)) \(body)", sourceLocation: sourceLocation)
            continue
        }
        if let other = seen.updateValue(body, forKey: key) {
            Issue.record("one key for both:\n\(other)\n\(body)", sourceLocation: sourceLocation)
        }
    }
}

/// Expects that every body has the same key.
func expectSame(
    _ bodies: [String], _ options: KeyOptions = KeyOptions(), sourceLocation: SourceLocation = #_sourceLocation
) {
    let first = bodies.first.flatMap { key($0, options) }
    #expect(first != nil, sourceLocation: sourceLocation)
    for body in bodies { #expect(key(body, options) == first, "\(body)", sourceLocation: sourceLocation) }
}
