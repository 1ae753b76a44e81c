import Testing

@testable import RefrainKeys

/// Thousands of generated requests, each written in several ways.
@Suite struct PropertyTests {
    /// How many requests each seed makes: four ways to write each, and four changes of each.
    private static let requests = 125

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `a request has one key however it is written, and no other request has it`(_ seed: UInt64) throws {
        var generator = RequestGenerator(seed: seed)
        var keys: [RequestKey: String] = [:]
        var (keyed, changes) = (0, 0)
        for number in 0..<Self.requests {
            let request = generator.request()
            let reference = request.reference
            let first = generator.written(request)
            switch plainDeriver.derive(first) {
            case .bypass(let reason): Issue.record("\(reason): \(String(decoding: first, as: UTF8.self))")
            case .key(let one):
                keyed += 1
                for _ in 0..<3 {
                    let other = generator.written(request)
                    if plainDeriver.derive(other).key != one.key {
                        Issue.record(
                            "request \(number) moved: \(String(decoding: first, as: UTF8.self)) | \(String(decoding: other, as: UTF8.self))"
                        )
                    }
                }
                // Its canonical form is the same request, and canonical.
                let canonical = try plainDeriver.canonicalBody(first)
                #expect(plainDeriver.derive(canonical).key == one.key)
                #expect(try plainDeriver.canonicalBody(canonical) == canonical)
                Self.expect(one.key, of: reference, in: &keys)
            }
            for _ in 0..<4 {
                let changed = generator.changed(request)
                guard let key = plainDeriver.derive(generator.written(changed)).key else { continue }
                changes += 1
                Self.expect(key, of: changed.reference, in: &keys)
            }
        }
        #expect(keyed == Self.requests)
        #expect(changes > 3 * Self.requests)
    }

    /// Equal references are equal keys, and the other way round.
    private static func expect(_ key: RequestKey, of reference: String, in keys: inout [RequestKey: String]) {
        if let other = keys.updateValue(reference, forKey: key), other != reference {
            Issue.record("one key for \(other) and \(reference)")
        }
    }

    @Test func `the key does not depend on where the bytes lie`() throws {
        var generator = RequestGenerator(seed: 99)
        for _ in 0..<50 {
            let body = generator.written(generator.request())
            let key = plainDeriver.derive(body).key
            for offset in [1, 3, 8, 15] {
                let moved = [UInt8](repeating: 0x20, count: offset) + body
                moved.withUnsafeBufferPointer { buffer in
                    #expect(plainDeriver.derive(UnsafeBufferPointer(rebasing: buffer[offset...])).key == key)
                }
            }
        }
    }

    @Test func `many tasks derive the same keys at once`() async {
        var generator = RequestGenerator(seed: 5)
        let bodies = (0..<20).map { _ in generator.written(generator.request()) }
        let keys = bodies.map { plainDeriver.derive($0).key }
        await withTaskGroup(of: [RequestKey?].self) { group in
            for _ in 0..<32 { group.addTask { bodies.map { plainDeriver.derive($0).key } } }
            for await found in group { #expect(found == keys) }
        }
    }
}
