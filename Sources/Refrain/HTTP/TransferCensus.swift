import Synchronization

/// Counts the transfers that hold a libcurl handle, in the whole process, so that tests see one that is never let go.
package enum TransferCensus {
    private static let count = Atomic(0)

    /// How many there are now.
    package static var live: Int { self.count.load(ordering: .acquiring) }

    static func began() { self.count.add(1, ordering: .acquiringAndReleasing) }

    static func ended() { self.count.subtract(1, ordering: .acquiringAndReleasing) }
}
