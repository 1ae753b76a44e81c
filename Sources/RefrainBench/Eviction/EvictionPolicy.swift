/// A cache that holds keys only, to find out which requests of a trace it would have answered.
///
/// A value without locks, for one trace. An entry that does not fit the capacity is not kept.
package protocol EvictionPolicy: ~Copyable {
    /// Looks the key up, and puts it in where it is not there and the policy admits it.
    ///
    /// - Returns: Whether it was there.
    mutating func access(_ request: EvictionTrace.Request) -> Bool
}
