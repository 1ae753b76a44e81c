import Synchronization

/// How many connections there are, and how many there may be.
final class ConnectionCensus: Sendable {
    let limit: Int
    private let open = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// The connections now.
    var count: Int { self.open.load(ordering: .relaxed) }

    /// One more; false where that is one too many.
    func enter() -> Bool { self.open.add(1, ordering: .relaxed).newValue <= self.limit }

    /// One fewer.
    func leave() { self.open.subtract(1, ordering: .relaxed) }
}
