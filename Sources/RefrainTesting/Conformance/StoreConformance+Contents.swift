import RefrainCore
import RefrainKeys

extension StoreConformance.Check {
    /// Checks of what is stored and read.
    static let contents: [Self] = [
        Self("absentKeyMisses") { bench in
            try await bench.expectMiss(1, "in an empty store")
            try await bench.put(2)
            try await bench.expectMiss(1, "beside another entry")
        },
        Self("keepsEveryField") { bench in
            let now = bench.clock.now
            let envelope = Envelope(
                key: try bench.key(1), form: .message, created: now, freshUntil: now.advanced(by: .seconds(60)),
                staleUntil: now.advanced(by: .seconds(90)), generation: try await bench.store.generation(),
                labels: (1...Label.maximumCount - 3).map { .tag("tag \($0)") } + [
                    .tag(String(repeating: "é", count: 62)), .model("claude-sonnet-4-5"), .version("v/2"),
                ],
                details: Envelope.Details(
                    requestedModel: "claude-sonnet-4-5", answeringModel: "claude-sonnet-4-5-20250929",
                    usage: Usage(
                        inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWrite5mTokens: 4,
                        cacheWrite1hTokens: .max),
                    cost: 0.1, upstreamMilliseconds: .max, toolUseIDs: ["toolu_1", "e\u{301}", ""]),
                headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("request-id", "req_1")],
                body: Array(UInt8.min ... .max))
            try await bench.store.set(envelope.key, envelope)
            try await bench.expect(1, is: envelope, "after a set")
            try await bench.expect(1, is: envelope, "when read again")
        },
        Self("keepsEveryForm") { bench in
            for (number, form) in [Envelope.Form.message, .events, .bytes].enumerated() {
                let now = bench.clock.now
                let envelope = Envelope(
                    key: try bench.key(number), form: form, created: now, freshUntil: now.advanced(by: .seconds(1)),
                    staleUntil: now.advanced(by: .seconds(1)), generation: try await bench.store.generation(),
                    labels: [], details: Envelope.Details(), headers: [], body: [])
                try await bench.store.set(envelope.key, envelope)
                try await bench.expect(number, is: envelope, "with the form \(form)")
            }
        },
        Self("keepsAnEmptyBody") { bench in
            let envelope = try await bench.put(1, body: [])
            try await bench.expect(1, is: envelope, "after a set")
        },
        Self("setReplaces") { bench in
            try await bench.put(1, body: [1], labels: [.tag("a")])
            let second = try await bench.put(1, body: [2, 2], labels: [.tag("b")])
            try await bench.expect(1, is: second, "after a second set")
            try await bench.store.purge(.label(.tag("a")))
            try await bench.expect(1, is: second, "after a purge of the replaced entry's label")
        },
        Self("removeForgets") { bench in
            try await bench.put(1)
            let other = try await bench.put(2)
            try await bench.remove(1)
            try await bench.expectMiss(1, "after its removal")
            try await bench.expect(2, is: other, "after another's removal")
            try await bench.remove(1)
            try await bench.remove(3)
            let again = try await bench.put(1, body: [9])
            try await bench.expect(1, is: again, "when set after its removal")
        },
        Self("keysThatDifferInOneBitAreApart") { bench in
            let base = try bench.key(1).withUnsafeBytes { Array($0) }
            let now = bench.clock.now
            let stamp = try await bench.store.generation()
            func key(_ bit: Int) throws -> RequestKey {
                var bytes = base
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let key = RequestKey(bytes: bytes) else { throw Unmet(message: "32 bytes are a key") }
                return key
            }
            for bit in 0..<8 * RequestKey.byteCount {
                let envelope = Envelope(
                    key: try key(bit), form: .bytes, created: now, freshUntil: now.advanced(by: .seconds(60)),
                    staleUntil: now.advanced(by: .seconds(60)), generation: stamp, labels: [],
                    details: Envelope.Details(), headers: [], body: [UInt8(bit)])
                try await bench.store.set(envelope.key, envelope)
            }
            for bit in 0..<8 * RequestKey.byteCount {
                let flipped = try key(bit)
                let found = try await bench.store.get(flipped)
                try bench.expect(
                    found?.body == [UInt8(bit)], "the key with bit \(bit) flipped has another's entry, or none")
            }
            try await bench.expectMiss(1, "the key that none was stored under")
        },
        Self("neverAnswersWithAnothersEntry") { bench in
            let key = try bench.key(1)
            let foreign = try await bench.envelope(2)
            do {
                try await bench.store.set(key, foreign)
            } catch {
                // A refusal is as good as keeping nothing.
            }
            if let found = try await bench.get(1) {
                try bench.expect(found.key == key, "gave an entry of another key")
            }
        },
        Self("aLargeEntryIsKeptWholeOrNotAtAll") { bench in
            for (number, size) in [1 << 16, 1 << 20, 20 << 20].enumerated() {
                var random = SeededGenerator(seed: bench.seed)
                let piece = random.bytes(1 << 16)
                var body: [UInt8] = []
                body.reserveCapacity(size)
                while body.count < size { body += piece }
                let envelope = try await bench.envelope(number, body: body)
                do {
                    try await bench.store.set(envelope.key, envelope)
                } catch {
                    try await bench.expectMiss(number, "after \(size) bytes were refused")
                    continue
                }
                if try await bench.get(number) != nil {
                    try await bench.expect(number, is: envelope, "with \(size) bytes")
                }
            }
            let small = try await bench.put(9)
            try await bench.expect(9, is: small, "after large entries")
        },
        Self("countsWhatItDoes") { bench in
            let before = try await bench.store.statistics()
            try await bench.put(1)
            _ = try await bench.get(1)
            _ = try await bench.get(1)
            _ = try await bench.get(2)
            let after = try await bench.store.statistics()
            try bench.expect(after.insertions - before.insertions == 1, "one set is not one insertion")
            try bench.expect(after.hits - before.hits == 2, "two reads are not two hits")
            try bench.expect(after.misses - before.misses == 1, "one read of nothing is not one miss")
        },
    ]
}
