import Logging
import RefrainCore

extension RedisStore {
    /// Starts the store's own tasks: one keeps the copy of the generation record, the other listens to the server.
    ///
    /// Unstructured on purpose: they belong to the store, not to whichever caller came first, and must go on between
    /// calls. They hold no reference to the store, which cancels them in `shutdown()` and when it is freed.
    static func watch(
        _ keeper: RecordKeeper, _ wakeups: Wakeups, client: RedisClient, logger: Logger
    ) -> [Task<Void, Never>] {
        let listener = Listener(client: client, keeper: keeper, wakeups: wakeups, logger: logger)
        return [Task { await keeper.run() }, Task { await listener.run() }]
    }
}
