import RefrainCore
import RefrainKeys

/// Who waits for the end of which lease, and which of their channels the listening connection is subscribed to.
final class Wakeups: Sendable {
    /// How long a channel that nobody waits at is kept, since those who wait look now and then and come back.
    private static let idle = Duration.seconds(5)

    private struct Topic {
        var bells: [Int: Bell] = [:]
        /// When somebody waited last, on the monotonic clock.
        var used: UInt64
    }

    private struct State {
        var connection: RedisConnection?
        var topics: [RequestKey: Topic] = [:]
        var nextID = 0
    }

    private let names: RedisNames
    private let time: TimeSource
    private let state = Locked(State())

    init(names: RedisNames, time: TimeSource) {
        self.names = names
        self.time = time
    }

    /// How many keys are known.
    var topicCount: Int { self.state.withLock { $0.topics.count } }
    /// How many wait.
    var waiterCount: Int { self.state.withLock { $0.topics.values.reduce(0) { $0 + $1.bells.count } } }

    /// Waits until the lease of a key has ended, the time is over, or the task is cancelled.
    ///
    /// Where the connection had not been subscribed to the key's channel it returns as soon as it is: the end may have been
    /// told before.
    func wait(for key: RequestKey, atMost limit: Duration) async {
        let bell = Bell()
        let now = self.time.monotonicNanoseconds()
        let (id, subscribing) = self.state.withLock { state in
            state.nextID += 1
            let isNew = state.topics[key] == nil
            state.topics[key, default: Topic(used: now)].bells[state.nextID] = bell
            return (state.nextID, isNew ? state.connection : nil)
        }
        if let subscribing {
            do throws(StoreError) {
                _ = try await subscribing.send(RESPCommand("SUBSCRIBE", .text(self.names.channel(key))))
            } catch {
                // The connection is gone, and the listener makes another. Looking now and then goes on.
                await bell.wait(atMost: limit, time: self.time)
            }
        } else {
            await bell.wait(atMost: limit, time: self.time)
        }
        let end = self.time.monotonicNanoseconds()
        self.state.withLock { state in
            state.topics[key]?.bells[id] = nil
            state.topics[key]?.used = end
            // Without a connection nobody asks for what is idle.
            if state.connection == nil, state.topics[key]?.bells.isEmpty == true { state.topics[key] = nil }
        }
    }

    /// A message has come on a channel.
    func told(on channel: String) {
        guard let key = self.names.requestKey(of: channel) else { return }
        let bells = self.state.withLock { $0.topics[key].map { Array($0.bells.values) } ?? [] }
        for bell in bells { bell.ring() }
    }

    /// The listening connection, which is subscribed to none of the channels yet; nil where there is none.
    func listens(on connection: RedisConnection?) {
        let bells = self.state.withLock { state in
            state.connection = connection
            defer { state.topics = [:] }
            return state.topics.values.flatMap(\.bells.values)
        }
        for bell in bells { bell.ring() }
    }

    /// The channels that nobody has waited at for a while: to be unsubscribed from, and then given to ``forget(_:)``.
    func idleChannels() -> [String] {
        let now = self.time.monotonicNanoseconds()
        return self.state.withLock { state in
            state.topics.filter { $0.value.bells.isEmpty && now &- $0.value.used > Self.idle.wholeNanoseconds }
                .map { self.names.channel($0.key) }
        }
    }

    /// The connection is subscribed to a channel no longer. Whoever has come to wait there meanwhile looks, and comes
    /// back to a channel that is subscribed to anew.
    func forget(_ channel: String) {
        guard let key = self.names.requestKey(of: channel) else { return }
        let topic = self.state.withLock { $0.topics.removeValue(forKey: key) }
        for bell in topic?.bells.values ?? [:].values { bell.ring() }
    }
}
