package import RefrainCore

/// A policy that is compared, under the name with which it is reported.
package struct EvictionCompetitor: Sendable {
    /// Its name.
    package let name: String
    /// Finds out what a cache of so much capacity does on a trace.
    package let outcome: @Sendable (_ trace: EvictionTrace, _ capacity: Int) -> EvictionOutcome

    private init(
        _ name: String, _ outcome: @escaping @Sendable (_ trace: EvictionTrace, _ capacity: Int) -> EvictionOutcome
    ) {
        self.name = name
        self.outcome = outcome
    }

    /// Least recently used.
    package static let lru = Self("LRU") {
        EvictionOutcome(of: LRUPolicy(capacity: $1, keyCount: $0.keyCount), on: $0)
    }
    /// First in, first out.
    package static let fifo = Self("FIFO") {
        EvictionOutcome(of: FIFOPolicy(capacity: $1, keyCount: $0.keyCount), on: $0)
    }
    /// SIEVE.
    package static let sieve = Self("SIEVE") {
        EvictionOutcome(of: SIEVEPolicy(capacity: $1, keyCount: $0.keyCount), on: $0)
    }
    /// S3-FIFO.
    package static let s3FIFO = Self("S3-FIFO") {
        EvictionOutcome(of: S3FIFOPolicy(capacity: $1, keyCount: $0.keyCount), on: $0)
    }
    /// ARC.
    package static let arc = Self("ARC") {
        EvictionOutcome(of: ARCPolicy(capacity: $1, keyCount: $0.keyCount), on: $0)
    }
    /// W-TinyLFU whose window keeps its share.
    package static let wTinyLFUFixed = Self("W-TinyLFU, fixed") {
        EvictionOutcome(
            of: WTinyLFUPolicy(
                capacity: $1, keyCount: $0.keyCount, entries: $0.entries(capacity: $1), climbs: false),
            on: $0)
    }
    /// W-TinyLFU with its hill climber.
    package static let wTinyLFU = Self("W-TinyLFU") {
        EvictionOutcome(
            of: WTinyLFUPolicy(capacity: $1, keyCount: $0.keyCount, entries: $0.entries(capacity: $1), climbs: true),
            on: $0)
    }
    /// Lazy Greedy-Dual-Size-Frequency by money.
    package static let gdsf = Self("GDSF") {
        EvictionOutcome(
            of: GDSFPolicy(capacity: $1, keyCount: $0.keyCount, entries: $0.entries(capacity: $1)), on: $0)
    }

    /// What the memory store does with ``RefrainCore/MemoryStore/Eviction``.
    package static func store(_ eviction: MemoryStore.Eviction) -> Self {
        Self("store, \(eviction)") {
            EvictionOutcome(of: StorePolicy(eviction, capacity: $1, keyCount: $0.keyCount), on: $0)
        }
    }

    /// The policies of others, and what the memory store does by default.
    package static let all = [
        lru, fifo, sieve, s3FIFO, arc, wTinyLFUFixed, wTinyLFU, gdsf, store(.adaptive),
    ]
}

extension EvictionTrace {
    /// About how many entries fit into `capacity`, by their mean size.
    func entries(capacity: Int) -> Int {
        max(1, Int(Double(capacity) * Double(self.keyCount) / Double(max(1, self.uniqueSize))))
    }
}
