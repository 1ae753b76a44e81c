import Synchronization

/// Counts the transfers of a transport that hold a libcurl handle, so that tests see one that is never let go.
final class TransferCensus: Sendable {
    private let count = Atomic(0)

    /// How many there are now.
    var live: Int { self.count.load(ordering: .acquiring) }

    func began() { self.count.add(1, ordering: .acquiringAndReleasing) }

    func ended() { self.count.subtract(1, ordering: .acquiringAndReleasing) }
}
