import RefrainCore

/// What became of commands that were given to a connection.
enum RedisAnswer: Sendable {
    /// The reply to a command given alone. It may be an error reply.
    case one(RESPValue)
    /// The replies to commands given together, in their order.
    case all([RESPValue])
    /// There will be none.
    case failed(StoreError)
    /// The connection had been closed before: another one may be tried.
    case notSent(StoreError)
}
