import RefrainCore
import RefrainKeys

extension StoreConformance {
    /// What a check works with: the store, its clock, and entries to put there.
    struct Bench: Sendable {
        let store: any ResponseStore
        let clock: ManualClock
        let seed: UInt64

        /// The key numbered `number`: random, but the same each time it is asked for.
        func key(_ number: Int) throws -> RequestKey {
            var random = SeededGenerator(seed: self.seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
            guard let key = RequestKey(bytes: random.bytes(RequestKey.byteCount)) else {
                throw Unmet(message: "32 bytes are a key")
            }
            return key
        }

        /// An entry of the present generation, created now, fresh for a minute and stale for another.
        func envelope(
            _ number: Int, body: [UInt8] = [1, 2, 3], labels: [Label] = [], fresh: Duration = .seconds(60),
            stale: Duration = .seconds(120), generation: GenerationStamp? = nil
        ) async throws -> Envelope {
            let stamp: GenerationStamp
            if let generation { stamp = generation } else { stamp = try await self.store.generation() }
            let now = self.clock.now
            return Envelope(
                key: try self.key(number), form: .bytes, created: now, freshUntil: now.advanced(by: fresh),
                staleUntil: now.advanced(by: stale), generation: stamp, labels: labels, details: Envelope.Details(),
                headers: [], body: body)
        }

        /// Stores an entry and returns it.
        @inline(never)
        @discardableResult
        func put(
            _ number: Int, body: [UInt8] = [1, 2, 3], labels: [Label] = [], fresh: Duration = .seconds(60),
            stale: Duration = .seconds(120), generation: GenerationStamp? = nil
        ) async throws -> Envelope {
            let envelope = try await self.envelope(
                number, body: body, labels: labels, fresh: fresh, stale: stale, generation: generation)
            try await self.store.set(envelope.key, envelope)
            return envelope
        }

        // The functions that call the store are not inlined, and make their key in a statement of its own: Swift 6.3.1's
        // optimiser crashes on some of the coroutines that they otherwise become a part of.

        /// Removes the entry under the key numbered `number`.
        @inline(never)
        func remove(_ number: Int) async throws {
            let key = try self.key(number)
            try await self.store.remove(key)
        }

        /// The entry under the key numbered `number`.
        @inline(never)
        func get(_ number: Int) async throws -> Envelope? {
            let key = try self.key(number)
            return try await self.store.get(key)
        }

        /// Fails unless the key's entry is `envelope`.
        func expect(_ number: Int, is envelope: Envelope, _ when: String) async throws {
            guard let found = try await self.get(number) else { throw Unmet(message: "\(when): a miss") }
            try Self.expectSame(found, envelope, when)
        }

        /// Fails if there is an entry under the key.
        func expectMiss(_ number: Int, _ when: String) async throws {
            if try await self.get(number) != nil { throw Unmet(message: "\(when): an entry, and not a miss") }
        }

        /// Fails unless `condition` holds.
        func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            if !condition { throw Unmet(message: message()) }
        }

        /// Fails unless both are the same in every field. Strings compare by their bytes, which `==` does not.
        private static func expectSame(_ found: Envelope, _ stored: Envelope, _ when: String) throws {
            func compare<Value: Equatable>(_ field: String, _ path: (Envelope) -> Value) throws {
                guard path(found) == path(stored) else { throw Unmet(message: "\(when): another \(field)") }
            }
            try compare("key", \.key)
            try compare("form", \.form)
            try compare("created", \.created)
            try compare("freshUntil", \.freshUntil)
            try compare("staleUntil", \.staleUntil)
            try compare("generation", \.generation)
            try compare("labels") { $0.labels.map { Array($0.description.utf8) } }
            try compare("requested model") { Array($0.details.requestedModel.utf8) }
            try compare("answering model") { Array($0.details.answeringModel.utf8) }
            try compare("usage", \.details.usage)
            try compare("cost") { $0.details.cost?.bitPattern }
            try compare("upstream duration", \.details.upstreamMilliseconds)
            try compare("tool use ids") { $0.details.toolUseIDs.map { Array($0.utf8) } }
            try compare("headers") { $0.headers.map { [Array($0.name.utf8), Array($0.value.utf8)] } }
            try compare("body", \.body)
        }
    }
}
