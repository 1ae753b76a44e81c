import RefrainCore

extension RESPValue {
    /// What an error reply means to whoever uses the store; nil for any other reply. `docs/redis.md` has the table.
    ///
    /// Of the text nothing is kept but its code: it may quote a command.
    var storeError: StoreError? {
        guard case .error = self else { return nil }
        let code = self.errorCode.map(String.init) ?? "ERR"
        switch code {
        case "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED":
            return StoreError(.unavailable, "the server answered \(code)")
        default:
            return StoreError(.refused, "the server answered \(code)")
        }
    }

    /// Throws what an error reply means.
    func checked() throws(StoreError) -> RESPValue {
        if let error = self.storeError { throw error }
        return self
    }

    /// The bytes of a bulk string; nil for the null bulk string.
    ///
    /// - Throws: What an error reply means; ``StoreError/Code/corrupt`` for anything else.
    func bytes() throws(StoreError) -> [UInt8]? {
        switch try self.checked() {
        case .bulk(let bytes): return bytes
        default: throw Self.unexpected
        }
    }

    /// An integer. Throws as ``bytes()``.
    func integer() throws(StoreError) -> Int64 {
        switch try self.checked() {
        case .integer(let value): return value
        default: throw Self.unexpected
        }
    }

    /// The elements of an array; nil for the null array. Throws as ``bytes()``.
    func elements() throws(StoreError) -> [RESPValue]? {
        switch try self.checked() {
        case .array(let elements): return elements
        default: throw Self.unexpected
        }
    }

    /// Whether the server does not permit the command, or has none of that name. An error inside a script is none of both,
    /// though Redis 6.2 reports it as a plain `ERR`.
    var refusesCommand: Bool {
        guard case .error(let text) = self else { return false }
        return self.errorCode == "NOPERM" || text.hasPrefix("ERR unknown command")
    }

    /// Whether it is an error because of what is stored under the key.
    var isWrongType: Bool { self.errorCode == "WRONGTYPE" }

    static let unexpected = StoreError(.corrupt, "the server answered with what cannot be right")
}
