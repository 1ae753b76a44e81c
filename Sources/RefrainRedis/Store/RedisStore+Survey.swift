public import RefrainCore
import RefrainKeys

/// Looks at every key of the namespace, with `SCAN`: for people, not for programs that serve.
extension RedisStore {
    /// What a namespace holds.
    public struct Survey: Hashable, Sendable {
        /// How many entries, readable or not.
        public var entries = 0
        /// The bytes of their values, without what Redis takes around them.
        public var bytes = 0
    }

    /// How many values are looked at in one round trip: 512 KiB at most, since of each only the first part is read.
    private static let readAtOnce = 8

    /// Counts the entries and their bytes. It takes time linear in the keys of the whole database, and holds up nobody.
    public func survey() async throws(StoreError) -> Survey {
        var survey = Survey()
        try await self.scan { names throws(StoreError) in
            let lengths = try await self.client.send(names.map { RESPCommand("STRLEN", .text($0)) })
            for length in lengths {
                guard case .integer(let bytes) = length, bytes > 0 else { continue }
                survey.entries += 1
                survey.bytes += Int(clamping: bytes)
            }
        }
        return survey
    }

    /// Deletes the bytes of every entry that a purge has made unreadable, or that is damaged. One of another version or
    /// seal stays for those who can read it, since whether it was purged cannot be told; what seems damaged also stays where
    /// the server does not answer the questions that prove it. An empty value takes no room, and stays.
    ///
    /// - Returns: How many were deleted.
    public func erase() async throws(StoreError) -> Int {
        // A purge that nobody told this process of must not leave anything behind.
        try await self.keeper.refresh()
        var eraser = Eraser()
        try await self.scan { names throws(StoreError) in
            var rest = names[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Self.readAtOnce)
                rest = rest.dropFirst(batch.count)
                // The lane of what is large: nobody who serves is to wait behind so many bytes.
                let prefixes = try await self.client.send(batch.map(RedisCommands.prefix(of:)), lane: .bulk)
                var doomed: [Sight] = []
                for (name, prefix) in zip(batch, prefixes) {
                    guard let key = self.names.requestKey(of: name) else { continue }
                    if let sight = try await self.doomed(prefix, under: key, &eraser) { doomed.append(sight) }
                }
                // At once, since what was purged is soon asked for and stored anew.
                if !doomed.isEmpty { eraser.count += try await self.takeAway(doomed) }
            }
        }
        return eraser.count
    }

    /// What is known in the course of erasing.
    private struct Eraser {
        /// How many were deleted.
        var count = 0
        /// Epochs that are not the namespace's, as was asked for: none of them comes back.
        var pastEpochs: Set<UInt64> = []
    }

    private func doomed(
        _ prefix: RESPValue, under key: RequestKey, _ eraser: inout Eraser
    ) async throws(StoreError) -> Sight? {
        var reading = try await self.reading(prefix, under: key)
        if case .doubtful = reading { reading = try await self.provedReading(key) }
        switch reading {
        case .damaged(let sight): return sight
        case .nothing, .foreign, .doubtful: return nil
        case .envelope(let envelope):
            let stamp = envelope.generation
            if !eraser.pastEpochs.contains(stamp.epoch) {
                try await self.catchUp(with: stamp)
                if self.generations.stamp().epoch != stamp.epoch { eraser.pastEpochs.insert(stamp.epoch) }
            }
            return self.generations.admits(envelope) ? nil : Sight(self.names.value(key), prefix)
        }
    }

    private func scan(_ visit: ([String]) async throws(StoreError) -> Void) async throws(StoreError) {
        var cursor = "0"
        repeat {
            let reply = try await self.client.send(
                RESPCommand("SCAN", .text(cursor), "MATCH", .text(self.names.values), "COUNT", "500"))
            guard let parts = try reply.elements(), parts.count == 2, let next = try parts[0].bytes(),
                let keys = try parts[1].elements()
            else { throw RESPValue.unexpected }
            cursor = String(decoding: next, as: UTF8.self)
            var names: [String] = []
            for key in keys { names.append(String(decoding: try key.bytes() ?? [], as: UTF8.self)) }
            if !names.isEmpty { try await visit(names) }
        } while cursor != "0"
    }
}
