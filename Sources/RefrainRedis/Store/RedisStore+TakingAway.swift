import RefrainCore
import RefrainKeys
import Synchronization

/// What was found damaged or purged is deleted only if it is still what it was: another may have stored an answer over it
/// meanwhile.
extension RedisStore {
    /// What was seen under a key of Redis.
    struct Sight: Sendable {
        /// The key.
        let name: String
        /// Whether it was a string.
        let isString: Bool
        /// The first ``beginning`` bytes of a string. When an envelope was made is among them.
        let bytes: [UInt8]

        /// What a `GETRANGE` of the key's beginning was answered.
        init(_ name: String, _ reply: RESPValue) {
            self.name = name
            self.isString = !reply.isWrongType
            self.bytes = if case .bulk(let bytes?) = reply { Array(bytes.prefix(Self.beginning)) } else { [] }
        }

        static let beginning = 256
    }

    /// Deletes what is still as it was seen, and returns how much that was. Where the server lets us run no scripts, it deletes
    /// whatever stands there now: what is lost then has to be asked for again.
    func takeAway(_ sights: [Sight]) async throws(StoreError) -> Int {
        var replies: [RESPValue] = []
        if self.runsScripts.load(ordering: .relaxed) {
            replies = try await self.client.send(
                sights.map {
                    RESPCommand(
                        "EVAL", .text(Self.takingAway), "1", .text($0.name), $0.isString ? "string" : "other",
                        .bytes($0.bytes))
                })
            if replies.contains(where: \.refusesCommand) { self.runsScripts.store(false, ordering: .relaxed) }
        }
        if !self.runsScripts.load(ordering: .relaxed) {
            // One command for each, since the keys of a cluster are in many slots.
            replies = try await self.client.send(sights.map { RESPCommand("UNLINK", .text($0.name)) })
        }
        var count = 0
        for reply in replies { count += Int(clamping: try reply.integer()) }
        return count
    }

    private static let takingAway = """
        local found = redis.pcall('getrange', KEYS[1], 0, \(Sight.beginning - 1))
        local kind = type(found) == 'table' and 'other' or 'string'
        if kind == ARGV[1] and (kind == 'other' or found == ARGV[2]) then return redis.call('unlink', KEYS[1]) end return 0
        """
}
