/// A reply of a Redis server in its protocol, version 2 (RESP2).
enum RESPValue: Hashable, Sendable {
    /// A simple string, such as `OK`.
    case simple(String)
    /// An error: its first word is its code, such as `WRONGTYPE`.
    case error(String)
    /// A 64-bit integer.
    case integer(Int64)
    /// A bulk string; nil for the null bulk string.
    case bulk([UInt8]?)
    /// An array; nil for the null array.
    case array([RESPValue]?)
}
