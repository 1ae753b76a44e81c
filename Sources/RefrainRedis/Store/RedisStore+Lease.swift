public import RefrainCore
public import RefrainKeys
import Synchronization

/// A lease is a key that expires, whose value only its holder knows: `SET NX PX`. It ends with its deletion, or, where the
/// answer could not be stored, with a verdict that stands for a minute; and with a message on the entry's channel.
extension RedisStore {
    /// What stands in place of a lease where waiting for one is in vain, and for how long, in milliseconds.
    static let unstorable = "unstorable"
    static let unstorableMilliseconds: Int64 = 60_000
    /// More bytes than any lease has. What stands in a lease's place may be 512 MB that others have put there.
    private static let tooLong = 64

    /// How long a lease lasts unless it is renewed.
    public var leaseDuration: Duration { self.configuration.leaseDuration }

    /// Asks for the lease of a key, and for its entry: one round trip.
    public func lease(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer {
        try await self.mindingSteps { () throws(StoreError) in try await self.ask(key) }
    }

    private func ask(_ key: RequestKey) async throws(StoreError) -> LeaseAnswer {
        let lease = UpstreamLease(key: key, token: Self.token())
        let name = self.names.lease(key)
        let replies: [RESPValue]
        do throws(StoreError) {
            replies = try await self.client.send([
                RESPCommand(
                    "SET", .text(name), .text(lease.token), "NX", "PX", .integer(self.leaseDuration.wholeMilliseconds)),
                Self.look(at: name),
                RedisCommands.prefix(of: self.names.value(key)),
            ])
        } catch {
            // It may be given all the same, to nobody who knows.
            self.giveBack(lease, .failed)
            throw error
        }
        guard replies.count == 3 else { throw RESPValue.unexpected }
        let isGiven = RESPValue.simple("OK")
        let isOwn = RESPValue.bulk(Array(lease.token.utf8))
        let holder: LeaseAnswer.Holder
        if replies[1] == isOwn {
            // It was given, whatever the first reply says.
            holder = .asker(lease)
        } else if replies.contains(where: { $0 == isGiven || $0 == isOwn }) {
            // It was given and is gone already, evicted or flushed; or the replies are not in their places, and who holds it is
            // not known.
            self.giveBack(lease, .failed)
            guard replies[0] == isGiven else { throw RESPValue.unexpected }
            self.client.checkSteps()
            holder = .everybody
        } else if try replies[0].checked() != .bulk(nil) {
            throw RESPValue.unexpected
        } else if replies[1] == .bulk(Array(Self.unstorable.utf8)) {
            holder = .everybody
        } else if Self.isNoLease(replies[1]) {
            self.takeAwayIfNoLease(key)
            holder = .everybody
        } else {
            holder = .other
        }
        do throws(StoreError) {
            return LeaseAnswer(holder: holder, entry: try await self.readable(replies[2], under: key))
        } catch {
            // A lease that nobody knows to hold would make others wait for nothing.
            if case .asker = holder { self.giveBack(lease, .failed) }
            throw error
        }
    }

    /// Makes a lease last for another ``leaseDuration``.
    public func renew(_ lease: UpstreamLease) async throws(StoreError) -> Bool {
        let name = self.names.lease(lease.key)
        let milliseconds = self.leaseDuration.wholeMilliseconds
        let reply = try await self.ifHeld(
            lease, Self.renewing, [.integer(milliseconds)],
            otherwise: RESPCommand("PEXPIRE", .text(name), .integer(milliseconds)))
        return try reply.integer() == 1
    }

    /// Gives a lease up with a verdict, and wakes whoever waits for it. Where that fails it is tried again for as long as
    /// the lease may last.
    public func end(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError) {
        do throws(StoreError) {
            try await self.tryToEnd(lease, verdict)
        } catch {
            self.giveBack(lease, verdict)
            throw error
        }
    }

    func tryToEnd(_ lease: UpstreamLease, _ verdict: LeaseVerdict) async throws(StoreError) {
        var refusal: StoreError?
        if verdict == .unstorable {
            refusal = try await self.refusal { () throws(StoreError) in try await self.mark(lease) }
        }
        // A full server takes no verdict, but it takes the lease away.
        if verdict != .unstorable || refusal != nil {
            refusal = try await self.refusal { () throws(StoreError) in try await self.delete(lease) }
        }
        // Whatever came of it: who asks now is refused a lease, and calls. Without the right to publish, waiters find out by
        // looking.
        _ = try await self.client.send(RESPCommand("PUBLISH", .text(self.names.channel(lease.key)), "ended"))
        if let refusal { throw refusal }
    }

    private func refusal(
        _ body: () async throws(StoreError) -> Void
    ) async throws(StoreError) -> StoreError? {
        do throws(StoreError) {
            try await body()
            return nil
        } catch {
            guard error.code == .refused else { throw error }
            return error
        }
    }

    private func mark(_ lease: UpstreamLease) async throws(StoreError) {
        let milliseconds = RESPArgument.integer(Self.unstorableMilliseconds)
        _ = try await self.ifHeld(
            lease, Self.marking, [.text(Self.unstorable), milliseconds],
            otherwise: RESPCommand(
                "SET", .text(self.names.lease(lease.key)), .text(Self.unstorable), "PX", milliseconds))
    }

    private func delete(_ lease: UpstreamLease) async throws(StoreError) {
        _ = try await self.ifHeld(
            lease, Self.deleting, [], otherwise: RESPCommand("UNLINK", .text(self.names.lease(lease.key))))
    }

    /// Returns when the lease of a key may have ended: see ``LeasingStore/waitForVerdict(on:atMost:)``.
    public func waitForVerdict(on key: RequestKey, atMost limit: Duration) async {
        await self.wakeups.wait(for: key, atMost: limit)
    }

    /// Runs a script if the server lets us. Where it does not, asks first and acts then: a lease that is lost in between
    /// makes one call too many, and no wrong answer.
    private func ifHeld(
        _ lease: UpstreamLease, _ script: String, _ arguments: [RESPArgument], otherwise command: RESPCommand
    ) async throws(StoreError) -> RESPValue {
        let name = self.names.lease(lease.key)
        if self.runsScripts.load(ordering: .relaxed) {
            let reply = try await self.client.send(
                RESPCommand(["EVAL", .text(script), "1", .text(name), .text(lease.token)] + arguments))
            guard reply.refusesCommand else { return try reply.checked() }
            self.runsScripts.store(false, ordering: .relaxed)
        }
        guard let value = try await self.client.send(Self.look(at: name)).bytes(),
            value.elementsEqual(lease.token.utf8)
        else { return .integer(0) }
        return try await self.client.send(command).checked()
    }

    private static let isHeld = "redis.call('getrange', KEYS[1], 0, \(tooLong - 1)) == ARGV[1]"
    private static let renewing = """
        if \(isHeld) then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0
        """
    private static let marking = """
        if \(isHeld) then redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end return 0
        """
    private static let deleting = """
        if \(isHeld) then return redis.call('del', KEYS[1]) end return 0
        """

    /// Reads what stands in a lease's place, as far as a lease can reach. An absent key gives an empty string.
    private static func look(at name: String) -> RESPCommand {
        RedisCommands.range(of: name, through: self.tooLong - 1)
    }

    /// Whether a reply says that something stands in a lease's place that is none.
    static func isNoLease(_ reply: RESPValue) -> Bool {
        if case .bulk(let bytes?) = reply { return bytes.count >= self.tooLong }
        return reply.isWrongType
    }

    private static func token() -> String {
        String(UInt64.random(in: .min ... .max), radix: 16) + "-" + String(UInt64.random(in: .min ... .max), radix: 16)
    }
}
