import NIOCore

extension FaultProxy {
    /// A way that bytes go.
    enum Direction: Hashable, Sendable, CaseIterable { case toServer, toClient }

    /// How the bytes of a direction flow.
    enum Flow: Hashable, Sendable {
        /// As they come.
        case pass
        /// Each piece later, in order.
        case delay(Duration)
        /// That many bytes at a time.
        case drip(bytes: Int, every: Duration)
        /// In pieces of random sizes, each in a turn of its own.
        case slice(ClosedRange<Int>)
        /// That many bytes a second.
        case bandwidth(bytesPerSecond: Int)
        /// Not at all; the connection stays open, its ends hidden from each other (half-open).
        case blackhole(Hole)

        /// What becomes of the bytes that do not flow.
        enum Hole: Hashable, Sendable {
            /// They are read and lost.
            case losing
            /// They wait, the sender's in the end too, and flow on afterwards.
            case holding
        }
    }

    /// How a connection is ended.
    enum Ending: Hashable, Sendable {
        /// In good order (FIN), to both sides.
        case finish
        /// With a reset (RST), to both sides.
        case reset
    }

    /// What is done to whole replies on their way to the client.
    enum ReplyFault: Hashable, Sendable {
        /// It does not arrive.
        case swallow
        /// It arrives twice.
        case duplicate
        /// It arrives after the one that follows it, which has to come for that.
        case swap
        /// With this probability a bit of it, any, is flipped.
        case flip(probability: Double)
        /// With this probability a bit is flipped within a bulk string of at least so many bytes.
        case flipPayload(atLeast: Int, probability: Double)
        /// These bytes arrive before it.
        case inject([UInt8])
        /// These bytes arrive in its place.
        case replace([UInt8])

        /// These bytes arrive before it.
        static func inject(_ text: String) -> Self { .inject(Array(text.utf8)) }
        /// These bytes arrive in its place.
        static func replace(_ text: String) -> Self { .replace(Array(text.utf8)) }
    }

    /// What is counted: how often each fault has struck.
    enum Kind: Hashable, Sendable, CaseIterable {
        /// Pieces that came later.
        case delayed
        /// Portions of a drip.
        case dripped
        /// Portions of a limited bandwidth.
        case limited
        /// Random slices.
        case sliced
        /// Pieces that were read and lost.
        case lost
        /// Connections that were ended in good order.
        case finished
        /// Connections that were reset.
        case reset
        /// Replies, by what was done to them; a swapped pair counts once.
        case swallowed, duplicated, swapped, flipped, injected, replaced
    }

    /// What has gone through the proxy.
    struct Tally: Hashable, Sendable {
        /// Connections that clients opened.
        var accepted = 0
        /// Connections that clients have not ended.
        var open = 0
        /// Bytes that were passed on.
        var bytes: [Direction: Int] = [:]
        /// Whole replies of the server that were seen.
        var replies = 0
        private var faults: [Kind: Int] = [:]

        /// How often a fault has struck.
        subscript(kind: Kind) -> Int {
            get { self.faults[kind, default: 0] }
            set { self.faults[kind] = newValue }
        }
    }

    /// A connection through the proxy.
    struct Connection: Hashable, Sendable {
        /// Its number, from 1, in the order of acceptance.
        var id: Int
        /// The client's own port.
        var clientPort: Int?
        /// The port from which the server sees it come: `RedisServer.Client.port`.
        var portAtServer: Int?
    }
}
