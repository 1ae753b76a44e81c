import RefrainCore
import RefrainKeys

extension StoreConformance.Check {
    /// Checks of how long entries live, and the store itself.
    static let lifetimes: [Self] = [
        Self("givesStaleEntries") { bench in
            let envelope = try await bench.put(1, fresh: .seconds(60), stale: .seconds(120))
            bench.clock.advance(by: .seconds(60))
            try await bench.expect(1, is: envelope, "at its freshUntil")
            bench.clock.advance(by: .milliseconds(59_999))
            try await bench.expect(1, is: envelope, "a millisecond before its staleUntil")
        },
        Self("forgetsAtStaleUntil") { bench in
            try await bench.put(1, fresh: .seconds(60), stale: .seconds(120))
            let other = try await bench.put(2, fresh: .seconds(60), stale: .milliseconds(120_001))
            bench.clock.advance(by: .seconds(120))
            try await bench.expectMiss(1, "at its staleUntil")
            try await bench.expect(2, is: other, "a millisecond before its staleUntil")
            bench.clock.advance(by: .seconds(1_000_000))
            try await bench.expectMiss(2, "long after")
        },
        Self("aHitDoesNotProlong") { bench in
            let envelope = try await bench.put(1, fresh: .seconds(60), stale: .seconds(60))
            for _ in 0..<3 {
                bench.clock.advance(by: .seconds(19))
                try await bench.expect(1, is: envelope, "while fresh")
            }
            bench.clock.advance(by: .seconds(3))
            try await bench.expectMiss(1, "at its end, although it was read")
        },
        Self("keepsNothingForNoTime") { bench in
            try await bench.put(1, fresh: .zero, stale: .zero)
            try await bench.expectMiss(1, "after a set with no time to live")
            try await bench.put(2, fresh: .seconds(-5), stale: .seconds(-1))
            try await bench.expectMiss(2, "after a set in the past")
        },
        Self("aSetBeginsAnotherLife") { bench in
            try await bench.put(1, fresh: .seconds(10), stale: .seconds(10))
            bench.clock.advance(by: .seconds(9))
            let second = try await bench.put(1, body: [2], fresh: .seconds(10), stale: .seconds(10))
            bench.clock.advance(by: .seconds(9))
            try await bench.expect(1, is: second, "past the end of the entry that it replaced")
            try await bench.put(1, body: [3], fresh: .seconds(1), stale: .seconds(1))
            bench.clock.advance(by: .seconds(1))
            try await bench.expectMiss(1, "at the earlier end of its last entry")
        },
        Self("keepsAnEntryWithoutEnd") { bench in
            let now = bench.clock.now
            let envelope = Envelope(
                key: try bench.key(1), form: .bytes, created: now, freshUntil: .distantFuture,
                staleUntil: .distantFuture, generation: try await bench.store.generation(), labels: [],
                details: Envelope.Details(), headers: [], body: [1])
            try await bench.store.set(envelope.key, envelope)
            bench.clock.advance(by: .seconds(100 * 365 * 86_400))
            try await bench.expect(1, is: envelope, "after a hundred years")
        },
        Self("afterShutdownNothingIsRead") { bench in
            try await bench.put(1)
            let late = try await bench.envelope(2)
            await bench.store.shutdown()
            await bench.store.shutdown()
            do {
                try await bench.expectMiss(1, "after the shutdown")
            } catch is StoreError {
                // As good as a miss.
            }
            do throws(StoreError) {
                try await bench.store.set(late.key, late)
                _ = try await bench.store.purge(.all)
            } catch {
                return
            }
            do {
                try await bench.expectMiss(2, "set after the shutdown")
            } catch is StoreError {
                // As good as a miss.
            }
        },
    ]
}
