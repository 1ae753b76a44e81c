/// What a reply may be, so that a server that lies costs no memory.
struct RESPLimits: Hashable, Sendable {
    /// The most bytes that one reply may take, all of its strings and elements together.
    var maximumReplyBytes = 68 << 20
    /// The most elements that one reply may have, those of nested arrays included.
    var maximumElements = 262_144
    /// How deeply arrays may be nested.
    var maximumDepth = 4
    /// The most bytes that a line may have: a simple string, an error, a number.
    var maximumLineBytes = 65_536
}
