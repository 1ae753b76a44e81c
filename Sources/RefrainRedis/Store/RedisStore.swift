public import RefrainCore
public import RefrainKeys
import Synchronization

/// Envelopes in a Redis that many processes share: one cache, one upstream call between them, and each other's purges.
///
/// A single server, Redis 6.2 or later or Valkey. Entries expire in Redis at their `staleUntil`. Small and large values
/// have connections of their own; what is over 64 KiB is read in two parts.
///
/// Give the memory tier in front of it the same ``generations``; `CachedClaude` does. Call ``shutdown()`` when done: the
/// store has connections and tasks of its own.
public final class RedisStore: LeasingStore {
    /// How many bytes of a value are read at first.
    static let prefixBytes = 65_536

    /// How the store was configured.
    public let configuration: Configuration
    /// The namespace's purges, as this process knows them.
    public let generations: GenerationTracker

    let client: RedisClient
    let names: RedisNames
    let keeper: RecordKeeper
    let wakeups: Wakeups
    let packer: EnvelopePacker
    let time: TimeSource
    /// Whether the server lets us run the scripts that end and renew leases; until it says that it does not.
    let runsScripts = Atomic<Bool>(true)
    let counts = Locked(StoreStatistics())
    /// The names of what was looked at, to be taken away if it is damaged, and until when it is not looked at again: by the
    /// monotonic clock in nanoseconds.
    let examined = Locked<[String: UInt64]>([:])
    private let tasks: [Task<Void, Never>]

    /// Creates a store, and begins to connect.
    ///
    /// - Parameters:
    ///   - redis: Where the server is.
    ///   - configuration: What is kept there, and how.
    ///   - time: The clocks.
    /// - Throws: ``RedisConfigurationError`` where a value of the configuration cannot be right.
    public init(
        _ redis: RedisConfiguration, _ configuration: Configuration = Configuration(), time: TimeSource = .system
    ) throws(RedisConfigurationError) {
        try configuration.validate()
        let names = RedisNames(namespace: configuration.namespace)
        let client = RedisClient(redis, time: time, logger: configuration.logger)
        self.configuration = configuration
        self.time = time
        self.client = client
        self.names = names
        self.generations = GenerationTracker.shared()
        self.packer = EnvelopePacker(compression: configuration.compression, sealing: configuration.sealing)
        self.wakeups = Wakeups(names: names, time: time)
        self.keeper = RecordKeeper(
            client: client, names: names, generations: self.generations, grace: configuration.partitionGrace, time: time
        )
        client.start()
        self.tasks = Self.watch(
            self.keeper, self.wakeups, client: client, time: time, logger: configuration.logger)
    }

    deinit {
        for task in self.tasks { task.cancel() }
        self.client.close()
    }

    /// Connects once, now, and returns when the server has answered.
    ///
    /// - Throws: ``StoreError``, whose message says what is in the way: an unknown host, a refused connection or password,
    ///   TLS. Optional: a store that cannot reach its server fails each call, and goes on trying.
    public func verify() async throws(StoreError) { try await self.client.verify() }

    // MARK: ResponseStore

    /// The readable entry under `key`.
    public func get(_ key: RequestKey) async throws(StoreError) -> Envelope? {
        let envelope = try await self.mindingSteps { () throws(StoreError) in
            try await self.readable(
                try await self.client.send(RedisCommands.prefix(of: self.names.value(key))), under: key)
        }
        self.counts.withLock { if envelope == nil { $0.misses += 1 } else { $0.hits += 1 } }
        return envelope
    }

    /// Keeps an envelope until its `staleUntil`.
    ///
    /// - Throws: ``StoreError``; ``StoreError/Code/tooLarge`` where it is over ``Configuration/maximumValueBytes``.
    public func set(_ key: RequestKey, _ envelope: Envelope) async throws(StoreError) {
        guard key == envelope.key else { throw StoreError(.refused, "the envelope belongs to another key") }
        try await self.keeper.waitUntilKnown()
        let lifetime = envelope.staleUntil.since(self.time.now()).wholeMilliseconds
        guard lifetime > 0, self.generations.admits(envelope) else { return }
        let bytes: [UInt8]
        do throws(EnvelopeError) {
            bytes = try self.packer.pack(envelope)
        } catch {
            self.counts.withLock { $0.rejections += 1 }
            throw StoreError(.tooLarge, "the entry cannot be packed: \(error.code)")
        }
        guard bytes.count <= self.configuration.maximumValueBytes else {
            self.counts.withLock { $0.rejections += 1 }
            throw StoreError(.tooLarge, "the entry is over \(self.configuration.maximumValueBytes) bytes")
        }
        // Redis takes no lifetime beyond what its clock can hold; ten years are as good as for ever.
        let milliseconds = min(lifetime, 315_360_000_000)
        let command = RESPCommand(
            "SET", .text(self.names.value(key)), .bytes(bytes), "PX", .integer(milliseconds))
        let lane: RedisClient.Lane = bytes.count > Self.prefixBytes ? .bulk : .small
        try await self.mindingSteps { () throws(StoreError) in
            guard case .simple = try await self.client.send(command, lane: lane).checked() else {
                throw RESPValue.unexpected
            }
        }
        self.counts.withLock { $0.insertions += 1 }
    }

    /// Forgets the entry under `key`.
    public func remove(_ key: RequestKey) async throws(StoreError) {
        _ = try await self.client.send(RESPCommand("UNLINK", .text(self.names.value(key)))).checked()
    }

    /// The generation to stamp on entries whose upstream call begins now.
    public func generation() async throws(StoreError) -> GenerationStamp {
        try await self.keeper.waitUntilKnown()
        return self.generations.stamp()
    }

    /// Makes the entries that `purge` names unreadable, here at once, and elsewhere as soon as they hear of it: within 2 s
    /// while they reach the server, within ``Configuration/partitionGrace`` and 2 s where they do not.
    ///
    /// - Throws: ``StoreError`` where the server has not acknowledged it. It is then repeated until it has, as long as the
    ///   store lives, and what it names stays unreadable here.
    @discardableResult
    public func purge(_ purge: Purge) async throws(StoreError) -> GenerationStamp {
        _ = self.generations.pend(purge)
        try await self.keeper.refresh()
        return self.generations.stamp()
    }

    /// What this process has done. How much the namespace holds is not known without looking at every key: see
    /// ``survey()``; so `entries` and `bytes` are 0.
    public func statistics() -> StoreStatistics { self.counts.withLock { $0 } }

    /// Ends the tasks, and closes the connections.
    public func shutdown() async {
        for task in self.tasks { task.cancel() }
        await self.client.shutdown()
        for task in self.tasks { await task.value }
        self.keeper.close()
    }

    /// Ends as ``shutdown()`` does, and takes the namespace's generation record away: nothing that is stored under it can be
    /// read any more. For a namespace that was made for one purpose, and whose entries are removed or may expire by themselves.
    ///
    /// - Throws: ``StoreError`` where the record could not be taken away.
    package func discard() async throws(StoreError) {
        // Whoever keeps the record would write it anew.
        for task in self.tasks { task.cancel() }
        for task in self.tasks { await task.value }
        let failure: StoreError?
        do throws(StoreError) {
            _ = try await self.client.send(RESPCommand("UNLINK", .text(self.names.record))).checked()
            failure = nil
        } catch {
            failure = error
        }
        await self.shutdown()
        if let failure { throw failure }
    }

    // MARK: Reading

    /// Runs what asks the server. Where a reply cannot be right, it may be another command's: connections whose replies are not
    /// in their places are then closed.
    func mindingSteps<Value>(_ body: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        do throws(StoreError) {
            return try await body()
        } catch {
            if error.code == .corrupt { self.client.checkSteps() }
            throw error
        }
    }

    /// The envelope that a value's first part begins, if it may be read.
    func readable(_ prefix: RESPValue, under key: RequestKey) async throws(StoreError) -> Envelope? {
        try await self.keeper.waitUntilKnown()
        let envelope: Envelope
        switch try await self.reading(prefix, under: key) {
        case .nothing: return nil
        case .doubtful, .damaged:
            self.counts.withLock { $0.unreadable += 1 }
            self.takeAwayIfDamaged(key)
            return nil
        case .foreign:
            self.counts.withLock { $0.unreadable += 1 }
            return nil
        case .envelope(let found): envelope = found
        }
        guard self.time.now() < envelope.staleUntil else { return nil }
        try await self.catchUp(with: envelope.generation)
        guard self.generations.admits(envelope) else {
            self.counts.withLock { $0.invalidations += 1 }
            return nil
        }
        return envelope
    }

    /// Where the stamp is of somebody who knows of purges that this process has not heard of yet, hears of them.
    func catchUp(with stamp: GenerationStamp) async throws(StoreError) {
        let known = self.generations.stamp()
        if stamp.epoch != known.epoch || stamp.clock > known.clock { try await self.keeper.refresh() }
    }

    /// What stands under a key.
    enum Reading {
        case envelope(Envelope)
        /// Nothing, or nothing any more.
        case nothing
        /// Seems damaged. Perhaps it was replaced between its two parts, or the reply was another command's.
        case doubtful
        /// Another version, larger than may be here, or somebody else's seal: unreadable here, and not ours to take away.
        case foreign
        /// No envelope, or another key's: what was seen.
        case damaged(Sight)
    }

    /// What the value is that begins with `prefix`, as far as replies tell that may be another command's; never `damaged`.
    func reading(_ prefix: RESPValue, under key: RequestKey) async throws(StoreError) -> Reading {
        if prefix.isWrongType { return .doubtful }
        guard let first = try prefix.bytes(), !first.isEmpty else { return .nothing }
        var bytes = first
        // Where its beginning does not tell how long it is, it is of another version, or damaged.
        if first.count == Self.prefixBytes, let total = EnvelopePacker.totalBytes(ofPrefix: Array(first.prefix(256))) {
            guard total <= self.configuration.maximumValueBytes else { return .foreign }
            if total > first.count {
                // One byte more than there should be tells whether there are more.
                let command = RedisCommands.range(of: self.names.value(key), from: first.count, through: total)
                guard let rest = try await self.client.send(command, lane: .bulk).bytes() else { return .doubtful }
                bytes += rest
            }
        }
        return self.judged(bytes, under: key)
    }

    /// What the value under a key is, all of it read at once and with a proof that the reply is its own; `doubtful` where the
    /// server proves nothing.
    func provedReading(_ key: RequestKey) async throws(StoreError) -> Reading {
        // One byte more than there may be tells whether there are more.
        let command = RedisCommands.range(of: self.names.value(key), through: self.configuration.maximumValueBytes)
        guard let reply = try await self.client.sendInStep(command, lane: .bulk) else { return .doubtful }
        let reading = try self.judged(whole: reply, under: key)
        if case .damaged = reading { return reading }
        // It was replaced just now, or the reply that made it doubtful was another command's.
        self.client.checkSteps()
        return reading
    }

    private func judged(whole reply: RESPValue, under key: RequestKey) throws(StoreError) -> Reading {
        let sight = Sight(self.names.value(key), reply)
        if reply.isWrongType { return .damaged(sight) }
        guard let bytes = try reply.bytes(), !bytes.isEmpty else { return .nothing }
        guard bytes.count <= self.configuration.maximumValueBytes else {
            return EnvelopePacker.isPacked(bytes) ? .foreign : .damaged(sight)
        }
        let reading = self.judged(bytes, under: key)
        if case .doubtful = reading { return .damaged(sight) }
        return reading
    }

    /// What bytes are that may be another command's: `doubtful` where they seem damaged.
    private func judged(_ bytes: [UInt8], under key: RequestKey) -> Reading {
        do throws(EnvelopeError) {
            return .envelope(try self.packer.unpack(bytes, for: key))
        } catch {
            switch error.code {
            case .unsupportedVersion, .unsupportedCodec, .unknownSealingKey, .tooLarge: return .foreign
            // Where seals are wanted, all else is without one: a readable envelope, and garbage too.
            case .unsealed: return EnvelopePacker.isPacked(bytes) ? .foreign : .doubtful
            default: return .doubtful
            }
        }
    }
}

/// Commands that occur in several places.
enum RedisCommands {
    /// Reads the first part of a value. An absent key gives an empty string.
    static func prefix(of name: String) -> RESPCommand { self.range(of: name, through: RedisStore.prefixBytes - 1) }

    /// Reads a part of a value, its last byte included; as much of it as there is.
    static func range(of name: String, from first: Int = 0, through last: Int) -> RESPCommand {
        RESPCommand("GETRANGE", .text(name), .integer(Int64(first)), .integer(Int64(last)))
    }
}
