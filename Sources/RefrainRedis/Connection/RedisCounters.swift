import Synchronization

/// What the connections of a client have been through.
struct RedisStatistics: Hashable, Sendable {
    /// Connections that carry commands now; dedicated ones are not among them.
    var readyConnections = 0
    /// Connections that took the place of a lost one.
    var reconnects = 0
    /// Commands that were not answered in time.
    var timeouts = 0
    /// Connections closed because the server did not keep to the protocol.
    var protocolErrors = 0
    /// Replies to commands that nobody waited for any more.
    var droppedReplies = 0
}

/// A number that only grows.
struct RedisCounter: ~Copyable, Sendable {
    private let value = Atomic<Int>(0)

    /// Adds to it.
    func add(_ count: Int = 1) { self.value.add(count, ordering: .relaxed) }

    /// What it has come to.
    var count: Int { self.value.load(ordering: .relaxed) }
}

/// What the connections of one client count together.
final class RedisCounters: Sendable {
    /// Connections that took the place of a lost one.
    let reconnects = RedisCounter()
    /// Commands that were not answered in time.
    let timeouts = RedisCounter()
    /// Connections closed because the server did not keep to the protocol.
    let protocolErrors = RedisCounter()
    /// Replies to commands that nobody waited for any more.
    let droppedReplies = RedisCounter()
}
